import { powerStates } from '../../../domain/instance.ts';
import { conflict } from '../../../lib/errors.ts';
import { saga } from '../../../lib/saga/saga.ts';
import { zoneOfHost } from '../../../store/aggregates.ts';
import { getInstance, updateInstance } from '../../../store/instances.ts';
import { updateRequestSpec } from '../../../store/mappings.ts';
import { findMove, updateMove } from '../../../store/moves.ts';
import { giveBackFromMove } from '../allocations.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestOrder } from '../guest-order.ts';
import { bindPorts } from '../move-ports.ts';
import { disconnectVolumes } from '../move-volumes.ts';
import { concludeOperation, finishEvent } from '../outcome.ts';
import { completeVolumes } from '../volumes.ts';
import type { ResizeEndParams } from './confirm-resize.ts';
import { destroyOnHost } from './destroy-on-host.ts';

/** Makes the server what it was before a resize: the guest that took over goes, and what was set aside comes back. */
export const revertResize = saga<ResizeEndParams, ConductorDeps>('revert-resize')
  .step('asideFound', {
    // the last moment to say no: from the next step on there is only what was set aside
    run: async ({ params, deps, signal }) => {
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      const database = deps.stores.cell(cellId);
      const move = await findMove(database, { id: params.moveId });
      const { oldFlavor, host } = instance;
      if (move === null || oldFlavor === null || host === null) throw conflict(`There is no resize of instance ${instance.id} to revert.`);
      const { instanceIds } = await deps.agentOn(move.sourceHost).guestsAside({}, { signal });
      if (!instanceIds.includes(instance.id))
        throw conflict(`Host ${move.sourceHost} no longer has what was set aside of instance ${instance.id}.`, { code: 'aside-lost' });
      await updateMove(database, move.id, { status: 'reverting' }, ['finished', 'reverting']);
      return {
        cellId,
        host,
        oldFlavor,
        sourceHost: move.sourceHost,
        sourceNode: move.sourceNode,
        start: instance.systemMetadata['old_vm_state'] !== 'stopped',
      };
    },
    undo: async ({ params, deps, failure }) => {
      const { cellId, instance } = await getInstance(deps.stores, params.instanceId);
      await updateMove(deps.stores.cell(cellId), params.moveId, { status: 'finished' }, ['reverting']);
      const { host } = instance;
      await concludeOperation(deps, params, { event: 'compute_revert_resize', whileTask: ['resize_reverting'], host, failure });
    },
  })
  .pointOfNoReturn()
  .step('successorGone', {
    run: async ({ params, results: { asideFound }, deps, idempotencyKey }) => {
      const found = await getInstance(deps.stores, params.instanceId);
      // on the host it was set aside on, the guest that comes back takes the place of the other
      if (asideFound.host === asideFound.sourceHost) return null;
      await destroyOnHost(deps, params.instanceId, asideFound.host, found.instance.networkInfo, idempotencyKey);
      await disconnectVolumes(deps, found, idempotencyKey);
      return null;
    },
  })
  .step('portsBack', {
    run: async ({ params, results: { asideFound }, deps }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const database = deps.stores.cell(asideFound.cellId);
      await updateInstance(database, params.instanceId, {
        host: asideFound.sourceHost,
        node: asideFound.sourceNode,
        availabilityZone: await zoneOf(deps, asideFound.sourceHost),
        flavor: asideFound.oldFlavor,
        networkInfo: await bindPorts(deps, instance, asideFound.sourceHost),
      });
      await updateRequestSpec(deps.stores, params.instanceId, { flavor: asideFound.oldFlavor });
      const { instanceId, requestId, startedAt } = params;
      await finishEvent(deps, database, { instanceId, requestId, name: 'compute_revert_resize', startedAt, host: asideFound.host });
      return { began: deps.clock.now() };
    },
    passedOver: ({ deps }) => Promise.resolve({ began: deps.clock.now() }),
  })
  .step('broughtBack', {
    run: async ({ params, results: { asideFound }, deps, idempotencyKey }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const order = guestOrder(deps.settings, instance);
      const back = await deps
        .agentOn(asideFound.sourceHost)
        .bringBack({ order, start: asideFound.start }, { key: idempotencyKey, epoch: instance.epoch });
      await completeVolumes(deps, instance.blockDevices);
      return back;
    },
    passedOver: () => Promise.resolve({ powerState: powerStates.noState }),
  })
  .step('allocationsBack', {
    run: async ({ params, deps }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      await giveBackFromMove(deps, instance, params.moveId);
      return null;
    },
  })
  .step('finished', {
    run: async ({ params, results: { asideFound, portsBack, broughtBack }, deps }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const { old_vm_state: _, ...systemMetadata } = instance.systemMetadata;
      await updateMove(deps.stores.cell(asideFound.cellId), params.moveId, { status: 'reverted' });
      await concludeOperation(
        deps,
        { ...params, startedAt: portsBack.began },
        {
          event: 'compute_finish_revert_resize',
          whileTask: ['resize_reverting'],
          vmState: asideFound.start ? 'active' : 'stopped',
          changes: { oldFlavor: null, newFlavor: null, powerState: broughtBack.powerState, systemMetadata },
          host: asideFound.sourceHost,
        },
      );
      return null;
    },
  });

const zoneOf = async ({ stores, settings }: ConductorDeps, host: string): Promise<string> =>
  (await zoneOfHost(stores.api, host)) ?? settings.DEFAULT.default_availability_zone;
