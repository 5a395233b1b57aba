import { powerStates, type Instance, type InstanceFlavor, type TaskState } from '../../../domain/instance.ts';
import { conflict } from '../../../lib/errors.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import { getInstance, transition, updateInstance } from '../../../store/instances.ts';
import { updateRequestSpec } from '../../../store/mappings.ts';
import { insertMove, updateMove } from '../../../store/moves.ts';
import { giveBackFromMove, holdForMove } from '../allocations.ts';
import { choosePlace } from '../choose-place.ts';
import type { ConductorDeps } from '../deps.ts';
import { endMoves } from '../end-moves.ts';
import { guestOrder } from '../guest-order.ts';
import { bindPorts } from '../move-ports.ts';
import { disconnectVolumes } from '../move-volumes.ts';
import { concludeOperation, finishEvent, type OperationParams } from '../outcome.ts';
import { completeVolumes } from '../volumes.ts';
import { graceOf } from './change-power.ts';
import { destroyOnHost } from './destroy-on-host.ts';

export interface ResizeParams extends OperationParams {
  /** Whoever asked for it. */
  readonly projectId: string;
  readonly userId: string;
  /** Null moves the server to another host with the flavor it has. */
  readonly flavor: InstanceFlavor | null;
  /** Row numbers of its flavor and of the new one. */
  readonly oldFlavorId: number | null;
  readonly newFlavorId: number | null;
  readonly diskConfig: 'AUTO' | 'MANUAL' | null;
  readonly requestedHost: string | null;
}

const tasks: readonly TaskState[] = ['resize_prep', 'resize_migrating', 'resize_migrated', 'resize_finish'];

/** Goes on with the operation, unless another one (a delete) owns the server now. */
async function enter(
  deps: ConductorDeps,
  id: string,
  cellId: string,
  task: TaskState,
  changes: Parameters<typeof updateInstance>[2] = {},
): Promise<Instance> {
  const moved = await transition(deps.stores.cell(cellId), id, { whileTask: tasks, taskState: task }, changes);
  if (moved === null) throw conflict('Something else is being done to the server now.', { code: 'interrupted' });
  return moved;
}

/**
 * Gives a server another flavor, or another host, or both: its guest is set aside, and another is made of it. What was set aside and what
 * it held stay until its user has confirmed or reverted.
 */
export const resizeInstance = saga<ResizeParams, ConductorDeps>('resize-instance', { deadlineSeconds: deadlineOfCopies })
  .step('begun', {
    run: async ({ params, deps, sagaId, idempotencyKey }) => {
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      const { host, node, availabilityZone, flavor, vmState } = instance;
      if (host === null || node === null) throw conflict(`Instance ${instance.id} is on no host.`);
      // of a server whose state was reset, an older guest may still be set aside: it must not be taken for this one
      await endMoves(deps, instance.id, `${idempotencyKey}/older`, sagaId);
      await insertMove(deps.stores.cell(cellId), {
        id: sagaId,
        instanceId: instance.id,
        projectId: params.projectId,
        userId: params.userId,
        type: params.flavor === null ? 'migration' : 'resize',
        status: 'pre-migrating',
        sourceHost: host,
        sourceNode: node,
        oldFlavorId: params.oldFlavorId,
        newFlavorId: params.newFlavorId,
      });
      return { cellId, host, node, availabilityZone, flavor, vmState, running: instance.powerState === powerStates.running };
    },
    undo: async ({ params, deps, results, failure, sagaId }) => {
      const host = results['begun'] === undefined ? null : (results['begun'] as { readonly host: string }).host;
      for (const { database } of deps.stores.cells()) await updateMove(database, sagaId, { status: 'error' });
      await concludeOperation(deps, params, { event: 'conductor_migrate_server', whileTask: tasks, host, failure });
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
    run: async ({ params, results: { begun }, deps, sagaId, signal }) => {
      const began = deps.clock.now();
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const mayStay = params.flavor !== null && deps.settings.DEFAULT.allow_resize_to_same_host;
      const place = await choosePlace(deps, {
        instance,
        cellId: begun.cellId,
        flavor: params.flavor ?? begun.flavor,
        ignoreHosts: mayStay ? [] : [begun.host],
        requestedHost: params.requestedHost,
        admit: async (host) => deps.agentOn(host).admitGuest({ from: begun.host, live: false }, { signal }),
        signal,
      });
      const database = deps.stores.cell(begun.cellId);
      const facts = await database.selectFrom('compute_nodes').select('facts').where('uuid', '=', place.computeNodeUuid).executeTakeFirst();
      await updateMove(database, sagaId, { destHost: place.host, destNode: place.node, destIp: facts?.facts.hostIp ?? null });
      const { instanceId, requestId } = params;
      await finishEvent(deps, database, { instanceId, requestId, name: 'cold_migrate', startedAt: began, host: null });
      await finishEvent(deps, database, { instanceId, requestId, name: 'compute_prep_resize', startedAt: began, host: place.host });
      return place;
    },
  })
  .step('setAside', {
    run: async ({ params, results: { begun }, deps, sagaId, idempotencyKey, signal }) => {
      const instance = await enter(deps, params.instanceId, begun.cellId, 'resize_migrating');
      await updateMove(deps.stores.cell(begun.cellId), sagaId, { status: 'migrating' });
      const order = guestOrder(deps.settings, { ...instance, flavor: params.flavor ?? begun.flavor });
      const began = deps.clock.now();
      await deps
        .agentOn(begun.host)
        .setAside({ order, graceSeconds: graceOf(deps, instance) }, { key: idempotencyKey, epoch: instance.epoch, signal });
      return { began };
    },
    undo: async ({ params, results: { begun }, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const order = guestOrder(deps.settings, { ...instance, ...placeOf(begun) });
      await deps
        .agentOn(begun.host)
        .bringBack({ order, start: begun.running }, { key: `${idempotencyKey}/undo`, epoch: instance.epoch, signal });
      await completeVolumes(deps, instance.blockDevices);
    },
    patienceSeconds: 120,
  })
  .step('portsMoved', {
    run: async ({ params, results: { begun, destination, setAside }, deps, sagaId }) => {
      const before = await enter(deps, params.instanceId, begun.cellId, 'resize_migrated');
      const networkInfo = await bindPorts(deps, before, destination.host);
      const { host, node, availabilityZone } = destination;
      await enter(deps, params.instanceId, begun.cellId, 'resize_migrated', { host, node, availabilityZone, networkInfo });
      const database = deps.stores.cell(begun.cellId);
      await updateMove(database, sagaId, { status: 'post-migrating' });
      const { instanceId, requestId } = params;
      const event = { instanceId, requestId, name: 'compute_resize_instance', startedAt: setAside.began, host: begun.host };
      await finishEvent(deps, database, event);
      return null;
    },
    undo: async ({ params, results: { begun }, deps }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const networkInfo = await bindPorts(deps, instance, begun.host);
      const { host, node, availabilityZone } = begun;
      await updateInstance(deps.stores.cell(begun.cellId), params.instanceId, { host, node, availabilityZone, networkInfo });
    },
  })
  .step('volumesMoved', {
    // from now on the old host reaches them no more, and the new one not yet
    run: async ({ params, results: { begun, destination }, deps, idempotencyKey }) => {
      if (destination.host !== begun.host) await disconnectVolumes(deps, await getInstance(deps.stores, params.instanceId), idempotencyKey);
      return null;
    },
    // the new host may have connected them
    undo: async ({ params, results: { begun, destination }, deps, idempotencyKey }) => {
      if (destination.host !== begun.host)
        await disconnectVolumes(deps, await getInstance(deps.stores, params.instanceId), `${idempotencyKey}/undo`);
    },
  })
  .step('takenOver', {
    run: async ({ params, results: { begun, destination }, deps, idempotencyKey, signal }) => {
      const flavor = params.flavor ?? begun.flavor;
      const began = deps.clock.now();
      const instance = await enter(deps, params.instanceId, begun.cellId, 'resize_finish', {
        flavor,
        oldFlavor: begun.flavor,
        newFlavor: flavor,
      });
      const { powerState } = await deps
        .agentOn(destination.host)
        .takeOver(
          { order: guestOrder(deps.settings, instance), from: begun.host, start: begun.running },
          { key: idempotencyKey, epoch: instance.epoch, signal },
        );
      await completeVolumes(deps, instance.blockDevices);
      return { powerState, began };
    },
    // on the same host, too, this removes only the new guest: what was set aside has another name
    undo: async ({ params, results: { begun, destination }, deps, idempotencyKey }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await destroyOnHost(deps, params.instanceId, destination.host, instance.networkInfo, `${idempotencyKey}/undo`);
      const changes = { flavor: begun.flavor, oldFlavor: null, newFlavor: null };
      await updateInstance(deps.stores.cell(begun.cellId), params.instanceId, changes);
    },
    patienceSeconds: 120,
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results: { begun, destination, takenOver }, deps, sagaId }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await updateRequestSpec(deps.stores, params.instanceId, { flavor: params.flavor ?? begun.flavor });
      await updateMove(deps.stores.cell(begun.cellId), sagaId, { status: 'finished' });
      await concludeOperation(
        deps,
        { ...params, startedAt: takenOver.began },
        {
          event: 'compute_finish_resize',
          whileTask: tasks,
          vmState: 'resized',
          changes: {
            powerState: takenOver.powerState,
            launchedAt: new Date(deps.clock.now()).toISOString(),
            systemMetadata: { ...instance.systemMetadata, old_vm_state: begun.vmState },
            ...(params.diskConfig === null ? {} : { diskConfig: params.diskConfig }),
          },
          host: destination.host,
        },
      );
      const { instanceId, requestId, startedAt } = params;
      const event = { instanceId, requestId, name: 'conductor_migrate_server', startedAt, host: null };
      await finishEvent(deps, deps.stores.cell(begun.cellId), event);
      return null;
    },
  });

const placeOf = ({ host, node, availabilityZone, flavor }: Pick<Instance, 'host' | 'node' | 'availabilityZone' | 'flavor'>) => ({
  host,
  node,
  availabilityZone,
  flavor,
});
