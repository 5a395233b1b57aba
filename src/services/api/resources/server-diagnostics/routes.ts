import type { Instance } from '../../../../domain/instance.ts';
import { wrongState } from '../../../../domain/faults.ts';
import { conflict, isKind } from '../../../../lib/errors.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { noQuery } from '../../queries.ts';
import { findServer, hostOf, ownerOf } from '../servers/find-server.ts';
import { diagnosticsView, flatDiagnostics, type DiagnosedServer } from './view.ts';

/** Asks the guest itself; it must run. */
async function diagnose(deps: ApiDeps, instance: Instance): Promise<DiagnosedServer> {
  const agent = deps.agentOn(hostOf(instance));
  const launched = instance.launchedAt === null ? null : Date.parse(instance.launchedAt);
  try {
    return {
      guest: await agent.diagnostics({ instanceId: instance.id }),
      configDrive: instance.configDrive,
      uptimeSeconds: launched === null ? null : Math.max(0, Math.floor((deps.clock.now() - launched) / 1000)),
    };
  } catch (error) {
    if (isKind(error, 'conflict', 'notFound')) throw wrongState('get_diagnostics', instance.id, 'while its guest does not run');
    if (isKind(error, 'unavailable'))
      throw conflict(`The compute service of instance ${instance.id} is unavailable at this time.`, { cause: error });
    throw error;
  }
}

const common = {
  method: 'GET',
  path: '/servers/:serverId/diagnostics',
  summary: 'Show how busy a server is',
  policy: 'os_compute_api:os-server-diagnostics',
  query: noQuery,
  load: findServer,
  target: ownerOf,
} as const;

export const serverDiagnosticsRoutes = [
  route({
    ...common,
    until: '2.47',
    reply: { status: 200 },
    handle: async ({ loaded: { instance }, deps }) => flatDiagnostics((await diagnose(deps, instance)).guest),
  }),
  route({
    ...common,
    since: '2.48',
    reply: { status: 200, view: diagnosticsView },
    handle: ({ loaded: { instance }, deps }) => diagnose(deps, instance),
  }),
];
