import { saga } from '../../../lib/saga/saga.ts';
import { getInstance } from '../../../store/instances.ts';
import { concludeUndone } from '../conclude-undone.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestOrder } from '../guest-order.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';

const event = 'compute_unrescue_instance';

/** Starts a rescued server from its own disks again. */
export const unrescueInstance = saga<OperationParams, ConductorDeps>('unrescue-instance')
  .step('unrescued', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const { powerState } = await deps
        .agentOn(instance.host ?? '')
        .unrescue({ order: guestOrder(deps.settings, instance) }, { key: idempotencyKey, epoch: instance.epoch, signal });
      return { powerState, host: instance.host };
    },
    // it stays rescued, whatever runs: unrescuing it again is how it is mended
    undo: ({ params, deps, failure }) => concludeUndone(deps, params, { event, whileTask: ['unrescuing'], failure }),
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results: { unrescued }, deps }) => {
      await concludeOperation(deps, params, {
        event,
        whileTask: ['unrescuing'],
        vmState: 'active',
        changes: { powerState: unrescued.powerState },
        host: unrescued.host,
      });
      return null;
    },
  });
