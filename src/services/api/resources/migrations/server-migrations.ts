import { conflict, invalid, isKind, notFound } from '../../../../lib/errors.ts';
import { wrongState } from '../../../../domain/faults.ts';
import type { Move, MoveStatus } from '../../../../domain/move.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import type { ActionRoute, RequestContext } from '../../../../lib/http/route.ts';
import { actionFactory } from '../../../../lib/http/route.ts';
import { recordAction, recordEvent } from '../../../../store/actions.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import { findMove, movesOf } from '../../../../store/moves.ts';
import { cancelSaga } from '../../../../store/sagas.ts';
import Type from 'typebox';
import { route, type ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import type { RuleName } from '../../policy.ts';
import { noQuery } from '../../queries.ts';
import { findServer, hostOf, ownerOf, refuseLocked } from '../servers/find-server.ts';
import { inProgress, serverMigrationView } from './view.ts';

/** The move of a server that a path names by its number; null for another's, and for what is no number. */
async function moveOf(deps: ApiDeps, { instance, cellId }: LocatedInstance, id: string): Promise<Move | null> {
  const move = /^\d{1,15}$/.test(id) ? await findMove(deps.stores.cell(cellId), { rowId: Number(id) }) : null;
  return move?.instanceId === instance.id ? move : null;
}

const wrongStatus = ({ rowId, instanceId, status }: Move, method: string) =>
  invalid(`Migration ${rowId} state of instance ${instanceId} is ${status}. Cannot ${method} while the migration is in this state.`);
const unknown = (id: string, { instance }: LocatedInstance): string => `Migration ${id} not found for instance ${instance.id}`;

export const serverMigrationRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/migrations',
    since: '2.23',
    summary: 'List live migrations of a server that are under way',
    policy: 'os_compute_api:servers:migrations:index',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200 },
    handle: async ({ loaded: { instance, cellId }, ctx, deps }) => {
      const moves = await movesOf(deps.stores.cell(cellId), instance.id, inProgress);
      const live = moves.filter(({ type }) => type === 'live-migration').toReversed();
      return { migrations: live.map((move) => serverMigrationView.render(move, ctx)) };
    },
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/migrations/:migrationId',
    since: '2.23',
    summary: 'Show a live migration of a server that is under way',
    policy: 'os_compute_api:servers:migrations:show',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'migration', view: serverMigrationView },
    handle: async ({ params: { migrationId }, loaded, deps }) => {
      const move = await moveOf(deps, loaded, migrationId);
      const { id } = loaded.instance;
      if (move === null) throw notFound(`In-progress live migration ${migrationId} is not found for server ${id}.`);
      if (move.type !== 'live-migration') throw notFound(`Migration ${migrationId} for server ${id} is not live-migration.`);
      if (!inProgress.includes(move.status)) throw notFound(`Live migration ${migrationId} for server ${id} is not in progress.`);
      return move;
    },
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId/migrations/:migrationId',
    since: '2.24',
    summary: 'Abort a live migration of a server',
    policy: 'os_compute_api:servers:migrations:delete',
    load: findServer,
    target: ownerOf,
    reply: { status: 202 },
    handle: async ({ params: { migrationId }, loaded, ctx, deps }) => {
      const { instance, cellId } = loaded;
      refuseUnlessMigrating(ctx, loaded, 'abort live migration');
      const move = await moveOf(deps, loaded, migrationId);
      if (move === null) throw notFound(unknown(migrationId, loaded));
      const abortable: readonly MoveStatus[] = does(ctx, 'queuedMigrationsAborted') ? ['queued', 'preparing', 'running'] : ['running'];
      if (move.type !== 'live-migration' || !abortable.includes(move.status)) throw wrongStatus(move, 'abort live migration');
      await deps.stores
        .cell(cellId)
        .transaction()
        .execute(async (tx) => {
          await record(deps, tx, ctx, instance, 'live_migration_cancel', 'compute_live_migration_abort', move.sourceHost);
          await cancelSaga(tx, move.id);
        });
      deps.conductor.wake({}).catch((error: unknown) => deps.log.debug({ err: error }, 'conductor was not woken; it will look by itself'));
    },
  }),
];

const migrationAction = actionFactory<ApiDeps, RuleName, LocatedInstance>();

/** What can be done to a live migration of a server. */
export const serverMigrationActions: ActionRoute<ApiDeps, LocatedInstance> = {
  path: '/servers/:serverId/migrations/:migrationId/action',
  load: findServer,
  target: ownerOf,
  actions: [
    migrationAction({
      key: 'force_complete',
      since: '2.22',
      summary: 'Force a live migration to its end',
      policy: 'os_compute_api:servers:migrations:force_complete',
      body: plainBody('ForceComplete', Type.Null()),
      reply: { status: 202 },
      handle: async ({ params, loaded, ctx, deps }) => {
        const { instance, cellId } = loaded;
        const migrationId = params['migrationId'] ?? '';
        refuseUnlessMigrating(ctx, loaded, 'force_complete');
        if (instance.vmState !== 'active') throw wrongState('force_complete', instance.id, `while it is in vm_state ${instance.vmState}`);
        const move = await moveOf(deps, loaded, migrationId);
        if (move === null) throw invalid(unknown(migrationId, loaded));
        if (move.type !== 'live-migration' || move.status !== 'running') throw wrongStatus(move, 'force_complete');
        try {
          await deps
            .agentOn(hostOf(instance))
            .forceCompleteLiveMigration(
              { instanceId: instance.id },
              { key: `${instance.id}/${move.id}/force-complete`, epoch: instance.epoch, timeoutMs: 10_000 },
            );
        } catch (error) {
          // it has come to its end by itself at this very moment
          if (isKind(error, 'conflict')) throw wrongStatus({ ...move, status: 'post-migrating' }, 'force_complete');
          if (isKind(error, 'unavailable')) throw conflict('Service is unavailable at this time.', { cause: error });
          throw error;
        }
        const name = 'compute_live_migration_force_complete';
        await record(deps, deps.stores.cell(cellId), ctx, instance, 'live_migration_force_complete', name, move.sourceHost);
      },
    }),
  ],
};

/** Only what is being migrated can be called off or hurried. */
function refuseUnlessMigrating(ctx: RequestContext, { instance }: LocatedInstance, method: string): void {
  refuseLocked(ctx, instance);
  if (instance.taskState !== 'migrating')
    throw wrongState(method, instance.id, `while it is in task_state ${instance.taskState ?? 'None'}`);
}

/** Writes what was asked for, and that it was handed on, into the history of the server. */
async function record(
  deps: ApiDeps,
  tx: Parameters<typeof recordAction>[0],
  ctx: RequestContext,
  { id, projectId }: LocatedInstance['instance'],
  action: string,
  event: string,
  host: string,
): Promise<void> {
  const now = new Date(deps.clock.now()).toISOString();
  const { requestId } = ctx;
  await recordAction(tx, [{ instanceId: id, action, requestId, userId: ctx.caller.userId, projectId }]);
  await recordEvent(tx, id, requestId, {
    event,
    startTime: now,
    finishTime: now,
    result: 'Success',
    traceback: null,
    host,
    details: null,
  });
}
