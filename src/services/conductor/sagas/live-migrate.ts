import type { BlockDevice, Instance, TaskState } from '../../../domain/instance.ts';
import type { Destination } from '../../../domain/request-spec.ts';
import { conflict, type WireError } from '../../../lib/errors.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import { findInstance, getInstance, transition, updateInstance } from '../../../store/instances.ts';
import { insertMove, updateMove } from '../../../store/moves.ts';
import { giveBackFromMove, holdForMove, releaseMove } from '../allocations.ts';
import { choosePlace } from '../choose-place.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestOrder } from '../guest-order.ts';
import { activateBindings, dropBindings, prepareBindings } from '../move-ports.ts';
import { keepAttachments, reserveAnew } from '../move-volumes.ts';
import { concludeOperation, finishEvent, type OperationParams } from '../outcome.ts';
import { unlessDown } from '../unless-down.ts';
import { completeVolumes } from '../volumes.ts';
import { destroyOnHost } from './destroy-on-host.ts';
import { watchLiveMigration } from './watch-live-migration.ts';

export interface LiveMigrateParams extends OperationParams {
  /** Whoever asked for it. */
  readonly projectId: string;
  readonly userId: string;
  readonly host: string | null;
  /** Whether filters must accept that host. */
  readonly filtersAsked: boolean;
}

interface Begun {
  readonly cellId: string;
  readonly host: string;
  readonly node: string;
}

const task: readonly TaskState[] = ['migrating'];

/** Whether the guest has arrived, though the operation was given up: the server says so since its guest was asked. */
const hasArrived = async (deps: ConductorDeps, instanceId: string, begun: Begun): Promise<boolean> =>
  ((await findInstance(deps.stores, instanceId))?.instance.host ?? begun.host) !== begun.host;

/** Has the server follow its guest, which runs on its destination with these volumes. */
async function arrive(
  deps: ConductorDeps,
  instanceId: string,
  { cellId }: Begun,
  to: Destination,
  blockDevices: readonly BlockDevice[],
): Promise<void> {
  const { instance } = await getInstance(deps.stores, instanceId);
  const networkInfo = await activateBindings(deps, instance, to.host);
  await completeVolumes(deps, blockDevices);
  const { host, node, availabilityZone } = to;
  await updateInstance(deps.stores.cell(cellId), instanceId, { host, node, availabilityZone, networkInfo, blockDevices });
}

/** Ends it without a fault: whoever called it off knows why. */
async function concludeCancelled(
  deps: ConductorDeps,
  { instanceId, requestId, startedAt }: OperationParams,
  { host, failure }: { readonly host: string | null; readonly failure: WireError },
): Promise<void> {
  const found = await findInstance(deps.stores, instanceId);
  if (found === null) return;
  const database = deps.stores.cell(found.cellId);
  await transition(database, instanceId, { whileTask: task, taskState: null });
  await finishEvent(deps, database, { instanceId, requestId, startedAt, name: 'compute_live_migration', host, failure });
}

/** Removes what the guest has left where it was, its volumes' connections last. */
async function leave(deps: ConductorDeps, instance: Instance, begun: Begun, key: string): Promise<void> {
  await dropBindings(deps, instance.id, begun.host);
  await destroyOnHost(deps, instance.id, begun.host, instance.networkInfo, key);
  await keepAttachments(deps, instance);
}

/**
 * Moves a running guest to another host. Until it runs there every step is undone; a guest that has arrived all the same, because its
 * hosts were faster than whoever called it off, stays where it is, and the undos complete the move instead.
 */
export const liveMigrate = saga<LiveMigrateParams, ConductorDeps>('live-migrate', { deadlineSeconds: deadlineOfCopies })
  .step('begun', {
    run: async ({ params, deps, sagaId }): Promise<Begun> => {
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      const { host, node } = instance;
      if (host === null || node === null) throw conflict(`Instance ${instance.id} is on no host.`);
      await insertMove(deps.stores.cell(cellId), {
        id: sagaId,
        instanceId: instance.id,
        projectId: params.projectId,
        userId: params.userId,
        type: 'live-migration',
        status: 'accepted',
        sourceHost: host,
        sourceNode: node,
      });
      return { cellId, host, node };
    },
    undo: async ({ params, results, deps, failure, sagaId }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what this step gave, if it came to its end
      const begun = results['begun'] as Begun | undefined;
      const arrived = begun !== undefined && (await hasArrived(deps, params.instanceId, begun));
      const cancelled = failure.code === 'cancelled';
      const status = arrived ? 'completed' : cancelled ? 'cancelled' : 'error';
      for (const { database } of deps.stores.cells()) await updateMove(database, sagaId, { status });
      const end = { event: 'compute_live_migration', whileTask: task, host: begun?.host ?? null };
      if (arrived) await concludeOperation(deps, params, end);
      else if (!cancelled) await concludeOperation(deps, params, { ...end, failure });
      else await concludeCancelled(deps, params, { host: end.host, failure });
    },
  })
  .step('sourceHeld', {
    run: async ({ params, deps, sagaId }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await holdForMove(deps, instance, sagaId);
      return null;
    },
    // what was claimed since is given up at the same time, so that the next step needs no undo
    undo: async ({ params, results: { begun }, deps, sagaId }) => {
      if (await hasArrived(deps, params.instanceId, begun)) return releaseMove(deps, sagaId);
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await giveBackFromMove(deps, instance, sagaId);
    },
  })
  .step('destination', {
    run: async ({ params, results: { begun }, deps, sagaId, signal }) => {
      const began = deps.clock.now();
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const place = await choosePlace(deps, {
        instance,
        cellId: begun.cellId,
        ignoreHosts: [begun.host],
        requestedHost: params.filtersAsked ? params.host : null,
        forceHost: params.filtersAsked ? null : params.host,
        admit: (host) => deps.agentOn(host).admitGuest({ from: begun.host, live: true }, { signal }),
        signal,
      });
      const database = deps.stores.cell(begun.cellId);
      await updateMove(database, sagaId, { status: 'preparing', destHost: place.host, destNode: place.node });
      await finishEvent(deps, database, {
        instanceId: params.instanceId,
        requestId: params.requestId,
        name: 'compute_check_can_live_migrate_destination',
        startedAt: began,
        host: place.host,
      });
      return place;
    },
  })
  .step('volumesReserved', {
    // the destination connects by attachments of its own: those of the source are as they were when it does not come to a move
    run: async ({ params, deps, idempotencyKey }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      return { blockDevices: await reserveAnew(deps, instance, idempotencyKey) };
    },
    // the server names those of the host it is on, be it the destination
    undo: async ({ params, deps }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await keepAttachments(deps, instance);
    },
  })
  .step('prepared', {
    run: async ({ params, results: { begun, destination, volumesReserved }, deps, idempotencyKey, signal }) => {
      const began = deps.clock.now();
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const networkInfo = await prepareBindings(deps, instance, destination.host);
      const order = guestOrder(deps.settings, { ...instance, networkInfo, node: destination.node, ...volumesReserved });
      await deps
        .agentOn(destination.host)
        .prepareLiveMigration({ order, from: begun.host }, { key: idempotencyKey, epoch: instance.epoch, signal });
      await finishEvent(deps, deps.stores.cell(begun.cellId), {
        instanceId: params.instanceId,
        requestId: params.requestId,
        name: 'compute_pre_live_migration',
        startedAt: began,
        host: destination.host,
      });
      return null;
    },
    undo: async ({ params, results: { begun, destination }, deps, idempotencyKey }) => {
      if (await hasArrived(deps, params.instanceId, begun)) return;
      await destroyOnHost(deps, params.instanceId, destination.host, [], `${idempotencyKey}/undo`);
      await dropBindings(deps, params.instanceId, destination.host);
    },
  })
  .step('moved', {
    run: async ({ params, results: { begun, destination }, deps, sagaId, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const agent = deps.agentOn(begun.host);
      await using _ = watchLiveMigration(deps, deps.stores.cell(begun.cellId), agent, { instanceId: instance.id, moveId: sagaId });
      await agent.liveMigrate({ instanceId: instance.id, to: destination.host }, { key: idempotencyKey, epoch: instance.epoch, signal });
      return null;
    },
    undo: async ({ params, results: { begun, destination, volumesReserved }, deps, idempotencyKey }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const source = await unlessDown(deps, begun.host, () =>
        deps.agentOn(begun.host).abortLiveMigration({ instanceId: instance.id }, { key: `${idempotencyKey}/undo`, epoch: instance.epoch }),
      );
      if (source?.here === true) return;
      const guest = await unlessDown(deps, destination.host, () => deps.agentOn(destination.host).inspect({ instanceId: instance.id }));
      if (source === null && guest === null) return; // it went down with its source
      await arrive(deps, instance.id, begun, destination, volumesReserved.blockDevices);
      await leave(deps, { ...instance, ...volumesReserved }, begun, `${idempotencyKey}/undo/left`);
    },
    patienceSeconds: 30,
  })
  .pointOfNoReturn()
  .step('arrived', {
    run: async ({ params, results: { begun, destination, volumesReserved }, deps }) => {
      await arrive(deps, params.instanceId, begun, destination, volumesReserved.blockDevices);
      return null;
    },
  })
  .step('sourceFreed', {
    run: async ({ params, results: { begun }, deps, sagaId, idempotencyKey }) => {
      await releaseMove(deps, sagaId);
      const found = await findInstance(deps.stores, params.instanceId);
      if (found !== null) await leave(deps, found.instance, begun, idempotencyKey);
      return null;
    },
  })
  .step('finished', {
    run: async ({ params, results: { begun, destination }, deps, sagaId }) => {
      const database = deps.stores.cell(begun.cellId);
      const seen = await deps
        .agentOn(destination.host)
        .inspect({ instanceId: params.instanceId })
        .catch(() => null);
      await updateMove(database, sagaId, { status: 'completed' });
      const { instanceId, requestId } = params;
      const name = 'compute_post_live_migration_at_destination';
      await finishEvent(deps, database, { instanceId, requestId, name, startedAt: deps.clock.now(), host: destination.host });
      await concludeOperation(deps, params, {
        event: 'compute_live_migration',
        whileTask: task,
        changes: seen === null ? {} : { powerState: seen.powerState },
        host: begun.host,
      });
      return null;
    },
  });
