import { powerStates } from '../../../domain/instance.ts';
import { saga } from '../../../lib/saga/saga.ts';
import { getInstance } from '../../../store/instances.ts';
import { findMove, updateMove } from '../../../store/moves.ts';
import { conflict } from '../../../lib/errors.ts';
import { releaseMove } from '../allocations.ts';
import type { ConductorDeps } from '../deps.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { unlessDown } from '../unless-down.ts';

/** About the end of a resize. */
export interface ResizeEndParams extends OperationParams {
  readonly moveId: string;
}

/** Keeps the server as it is after a resize: what was set aside of it goes, and what that held. Never undone: there is no way back for what is removed. */
export const confirmResize = saga<ResizeEndParams, ConductorDeps>('confirm-resize')
  .pointOfNoReturn()
  .step('discarded', {
    run: async ({ params, deps, idempotencyKey }) => {
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      const move = await findMove(deps.stores.cell(cellId), { id: params.moveId });
      if (move === null) throw conflict(`There is no move ${params.moveId}.`);
      await updateMove(deps.stores.cell(cellId), move.id, { status: 'confirming' }, ['finished', 'confirming']);
      const { sourceHost } = move;
      const command = { key: idempotencyKey, epoch: instance.epoch };
      await unlessDown(deps, sourceHost, () => deps.agentOn(sourceHost).discardAside({ instanceId: instance.id }, command));
      return { sourceHost, cellId };
    },
    passedOver: async ({ params, deps }) => {
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      const move = await findMove(deps.stores.cell(cellId), { id: params.moveId });
      return { sourceHost: move?.sourceHost ?? instance.host ?? '', cellId };
    },
  })
  .step('released', {
    run: async ({ params, deps }) => {
      await releaseMove(deps, params.moveId);
      return null;
    },
  })
  .step('finished', {
    run: async ({ params, results: { discarded }, deps }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const { old_vm_state: _, ...systemMetadata } = instance.systemMetadata;
      const seen = await deps
        .agentOn(instance.host ?? '')
        .inspect({ instanceId: instance.id })
        .catch(() => null);
      const powerState = seen?.powerState ?? instance.powerState;
      await updateMove(deps.stores.cell(discarded.cellId), params.moveId, { status: 'confirmed' });
      await concludeOperation(deps, params, {
        event: 'compute_confirm_resize',
        whileTask: ['resize_confirming'],
        vmState: powerState === powerStates.shutdown ? 'stopped' : 'active',
        changes: { oldFlavor: null, newFlavor: null, powerState, systemMetadata },
        host: discarded.sourceHost,
      });
      return null;
    },
  });
