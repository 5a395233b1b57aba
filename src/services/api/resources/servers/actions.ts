import { conflict, isKind, notFound } from '../../../../lib/errors.ts';
import type { ActionRoute } from '../../../../lib/http/route.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import { serverAction, type ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { adminActions } from './admin-actions.ts';
import { crashDumpActions } from './crash-dump-action.ts';
import { deferredDeleteActions } from './deferred-delete-actions.ts';
import { imageActions } from './image-actions.ts';
import { passwordActions } from './password-actions.ts';
import { rebuildActions } from './rebuild-action.ts';
import { rescueActions } from './rescue-actions.ts';
import { shelveActions } from './shelve-actions.ts';
import { ConsoleOutput, LockServer, RebootServer } from './bodies.ts';
import { findServer, hostOf, ownerOf } from './find-server.ts';
import { lockServer, unlockServer } from './lock-server.ts';
import { evacuateAction } from './evacuate-action.ts';
import { liveMigrateAction } from './live-migrate-action.ts';
import { operate } from './operate.ts';
import { resizeActions } from './resize-actions.ts';

/** An action that changes the power of a guest by a saga: 202 and no body. */
const power = (
  key: string,
  summary: string,
  policy: Parameters<typeof serverAction>[0]['policy'],
  action: 'start' | 'stop' | 'pause' | 'unpause' | 'suspend' | 'resume',
) =>
  serverAction({
    key,
    summary,
    policy,
    reply: { status: 202 },
    handle: async ({ loaded, ctx, deps }) => {
      await operate(deps, ctx, loaded, action, { name: 'change-power', params: { action } });
    },
  });

/** Everything `POST /servers/{id}/action` can do. */
export const serverActions: ActionRoute<ApiDeps, LocatedInstance> = {
  path: '/servers/:serverId/action',
  load: findServer,
  target: ownerOf,
  actions: [
    ...rebuildActions,
    ...imageActions,
    ...rescueActions,
    ...shelveActions,
    ...deferredDeleteActions,
    ...passwordActions,
    ...crashDumpActions,
    ...adminActions,
    power('os-start', 'Start a server', 'os_compute_api:servers:start', 'start'),
    power('os-stop', 'Stop a server', 'os_compute_api:servers:stop', 'stop'),
    power('pause', 'Pause a server', 'os_compute_api:os-pause-server:pause', 'pause'),
    power('unpause', 'Unpause a server', 'os_compute_api:os-pause-server:unpause', 'unpause'),
    power('suspend', 'Suspend a server', 'os_compute_api:os-suspend-server:suspend', 'suspend'),
    power('resume', 'Resume a server', 'os_compute_api:os-suspend-server:resume', 'resume'),
    serverAction({
      key: 'reboot',
      summary: 'Reboot a server',
      policy: 'os_compute_api:servers:reboot',
      body: RebootServer,
      reply: { status: 202 },
      handle: async ({ body, loaded, ctx, deps }) => {
        const action = body.type.toUpperCase() === 'HARD' ? 'hardReboot' : 'softReboot';
        await operate(deps, ctx, loaded, action, { name: 'change-power', params: { action } });
      },
    }),
    serverAction({
      key: 'lock',
      summary: 'Lock a server',
      policy: 'os_compute_api:os-lock-server:lock',
      body: LockServer,
      reply: { status: 202 },
      handle: ({ body, loaded, ctx, deps }) =>
        lockServer(deps, ctx, loaded, (does(ctx, 'lockedWithReason') ? body?.locked_reason : null) ?? null),
    }),
    serverAction({
      key: 'unlock',
      summary: 'Unlock a server',
      policy: 'os_compute_api:os-lock-server:unlock',
      reply: { status: 202 },
      handle: ({ loaded, ctx, deps }) => unlockServer(deps, ctx, loaded),
    }),
    serverAction({
      key: 'os-getConsoleOutput',
      summary: 'Show the last lines of the console of a server',
      policy: 'os_compute_api:os-console-output',
      body: ConsoleOutput,
      reply: { status: 200 },
      handle: async ({ body, loaded: { instance }, deps }) => {
        if (instance.vmState === 'building') throw conflict(`Instance ${instance.id} is not ready`);
        const length = body.length == null ? -1 : Number(body.length);
        try {
          const { text } = await deps
            .agentOn(hostOf(instance))
            .consoleOutput({ instanceId: instance.id, lines: length < 0 ? null : length });
          return { output: text };
        } catch (error) {
          if (isKind(error, 'notFound'))
            throw notFound(`Unable to get console: the guest of instance ${instance.id} has no console log.`, { cause: error });
          if (isKind(error, 'unavailable'))
            throw conflict(`The compute service of instance ${instance.id} is unavailable at this time.`, { cause: error });
          throw error;
        }
      },
    }),
    ...resizeActions,
    liveMigrateAction,
    evacuateAction,
  ],
};
