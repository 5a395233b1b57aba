import type { TaskState } from '../../../domain/instance.ts';
import { conflict, isKind, unavailable } from '../../../lib/errors.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import { getInstance, transition, updateInstance, type InstanceChanges } from '../../../store/instances.ts';
import { insertMove, updateMove } from '../../../store/moves.ts';
import { activeSagas, cancelSagas, eraseAdminPass } from '../../../store/sagas.ts';
import { giveBackFromMove, holdForMove } from '../allocations.ts';
import { choosePlace } from '../choose-place.ts';
import type { ConductorDeps } from '../deps.ts';
import { clearEvacuated } from '../complete-evacuation.ts';
import { guestOrder } from '../guest-order.ts';
import { bindPorts } from '../move-ports.ts';
import { disconnectVolumes } from '../move-volumes.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { completeVolumes } from '../volumes.ts';
import { destroyOnHost } from './destroy-on-host.ts';

export interface EvacuateParams extends OperationParams {
  /** Whoever asked for it. */
  readonly projectId: string;
  readonly userId: string;
  /** The host that is down. */
  readonly sourceHost: string;
  readonly host: string | null;
  /** Whether filters must accept that host. */
  readonly filtersAsked: boolean;
  /** Whether the server runs afterwards, if it did before. */
  readonly start: boolean;
  readonly adminPass: string | null;
}

const tasks: readonly TaskState[] = ['rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning'];

/** Makes a server anew on another host, its own being down. What the old host keeps of it is removed when that comes back. */
export const evacuateInstance = saga<EvacuateParams, ConductorDeps>('evacuate-instance', { deadlineSeconds: deadlineOfCopies })
  .step('alone', {
    // whatever else was being done to it is called off first
    run: async ({ params, deps, sagaId }) => {
      let others = 0;
      for (const { database } of deps.stores.cells()) {
        await cancelSagas(database, params.instanceId, { exceptName: 'evacuate-instance' });
        others += (await activeSagas(database, params.instanceId)).filter(({ id }) => id !== sagaId).length;
      }
      if (others > 0) throw unavailable('Other operations on the server are being undone first.');
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      if (instance.host !== params.sourceHost) throw conflict(`Instance ${instance.id} is no longer on ${params.sourceHost}.`);
      // an undo may have ended the task
      const entered = await transition(
        deps.stores.cell(cellId),
        instance.id,
        { whileTask: [...tasks, null], whileVm: ['active', 'stopped', 'error'], taskState: 'rebuilding' },
        {},
      );
      if (entered === null) throw conflict('Something else is being done to the server now.', { code: 'interrupted' });
      const { node, availabilityZone, vmState } = instance;
      return { cellId, node: node ?? '', availabilityZone, vmState };
    },
    undo: async ({ params, deps, failure, sagaId }) => {
      await concludeOperation(deps, params, { event: 'rebuild_server', whileTask: tasks, host: null, failure });
      for (const { database } of deps.stores.cells()) await eraseAdminPass(database, sagaId);
    },
  })
  .step('begun', {
    run: async ({ params, results: { alone }, deps, sagaId, idempotencyKey }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await insertMove(deps.stores.cell(alone.cellId), {
        id: sagaId,
        instanceId: params.instanceId,
        projectId: params.projectId,
        userId: params.userId,
        type: 'evacuation',
        status: 'accepted',
        sourceHost: params.sourceHost,
        sourceNode: alone.node,
      });
      // a host that was only called down must not go on running it; one that is down is asked to when it comes back
      await deps
        .agentOn(params.sourceHost)
        .powerOff(
          { instanceId: params.instanceId, graceSeconds: 0 },
          { key: `${idempotencyKey}/off`, epoch: instance.epoch, timeoutMs: 5000 },
        )
        .catch((error: unknown) => {
          if (!isKind(error, 'unavailable', 'notFound')) throw error;
        });
      return null;
    },
    undo: async ({ params, results: { alone }, deps, sagaId }) => {
      const database = deps.stores.cell(alone.cellId);
      // from here on nobody knows whether it runs
      if ((await updateMove(database, sagaId, { status: 'error' })) !== null)
        await transition(database, params.instanceId, { whileTask: tasks, vmState: 'error' });
    },
  })
  .step('sourceHeld', {
    run: async ({ params, deps, sagaId }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await holdForMove(deps, instance, sagaId);
      return null;
    },
    // what was claimed since is given up at the same time, so that the next step needs no undo
    undo: async ({ params, deps, sagaId }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await giveBackFromMove(deps, instance, sagaId);
    },
  })
  .step('destination', {
    run: async ({ params, results: { alone }, deps, sagaId, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const place = await choosePlace(deps, {
        instance,
        cellId: alone.cellId,
        ignoreHosts: [params.sourceHost],
        requestedHost: params.filtersAsked ? params.host : null,
        forceHost: params.filtersAsked ? null : params.host,
        signal,
      });
      const database = deps.stores.cell(alone.cellId);
      await updateMove(database, sagaId, { status: 'pre-migrating', destHost: place.host, destNode: place.node });
      return place;
    },
  })
  .step('portsMoved', {
    run: async ({ params, results: { alone, destination }, deps }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const networkInfo = await bindPorts(deps, instance, destination.host);
      const { host, node, availabilityZone } = destination;
      const changes: InstanceChanges = { host, node, availabilityZone, networkInfo };
      const moved = await transition(
        deps.stores.cell(alone.cellId),
        params.instanceId,
        { whileTask: tasks, taskState: 'rebuild_spawning' },
        changes,
      );
      if (moved === null) throw conflict('Something else is being done to the server now.', { code: 'interrupted' });
      return null;
    },
    undo: async ({ params, results: { alone }, deps }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const networkInfo = await bindPorts(deps, instance, params.sourceHost);
      const { node, availabilityZone } = alone;
      await updateInstance(deps.stores.cell(alone.cellId), params.instanceId, {
        host: params.sourceHost,
        node,
        availabilityZone,
        networkInfo,
      });
    },
  })
  .step('volumesMoved', {
    // a host that is down and comes back reaches them no more
    run: async ({ params, deps, idempotencyKey }) => {
      await disconnectVolumes(deps, await getInstance(deps.stores, params.instanceId), idempotencyKey);
      return null;
    },
    // the new host may have connected them; the old one does so again when it starts the guest, which has them as it did
    undo: async ({ params, deps, idempotencyKey }) => {
      await disconnectVolumes(deps, await getInstance(deps.stores, params.instanceId), `${idempotencyKey}/undo`);
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await completeVolumes(deps, instance.blockDevices);
    },
  })
  .step('spawned', {
    run: async ({ params, results: { alone, destination }, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const start = params.start && alone.vmState !== 'stopped';
      const order = guestOrder(deps.settings, instance, { adminPass: params.adminPass });
      const { powerState } = await deps
        .agentOn(destination.host)
        .spawn({ order, start }, { key: idempotencyKey, epoch: instance.epoch, signal });
      await completeVolumes(deps, instance.blockDevices);
      return { powerState, start };
    },
    undo: async ({ params, results: { destination }, deps, idempotencyKey }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await destroyOnHost(deps, params.instanceId, destination.host, instance.networkInfo, `${idempotencyKey}/undo`);
    },
    patienceSeconds: 120,
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results: { alone, destination, spawned }, deps, sagaId }) => {
      const database = deps.stores.cell(alone.cellId);
      await updateMove(database, sagaId, { status: 'done' }, ['accepted', 'pre-migrating', 'done']);
      const now = new Date(deps.clock.now()).toISOString();
      await concludeOperation(deps, params, {
        event: 'compute_rebuild_instance',
        whileTask: tasks,
        vmState: spawned.start ? 'active' : 'stopped',
        changes: { powerState: spawned.powerState, launchedAt: now, progress: 100 },
        host: destination.host,
      });
      if (params.adminPass !== null) await eraseAdminPass(database, sagaId);
      return null;
    },
  })
  .step('sourceCleared', {
    // a host that answers again removes its copy now; one that does not, when it comes back
    run: async ({ params, results: { alone }, deps, sagaId, idempotencyKey }) => ({
      cleared: await clearEvacuated(deps, deps.stores.cell(alone.cellId), { ...params, id: sagaId }, idempotencyKey),
    }),
  });
