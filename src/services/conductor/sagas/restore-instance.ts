import type { VmState } from '../../../domain/instance.ts';
import { saga } from '../../../lib/saga/saga.ts';
import { findInstance, getInstance } from '../../../store/instances.ts';
import { concludeUndone } from '../conclude-undone.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestOrder } from '../guest-order.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { softDeletedKeys, withoutSoftDeleted } from '../soft-deleted.ts';

const event = 'compute_restore_instance';

/** Takes back the delete of a server while that is possible: it is started. */
export const restoreInstance = saga<OperationParams, ConductorDeps>('restore-instance')
  .step('poweredOn', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      if (instance.host === null) return { powerState: instance.powerState, host: null };
      const order = guestOrder(deps.settings, instance);
      const { powerState } = await deps.agentOn(instance.host).powerOn({ order }, { key: idempotencyKey, epoch: instance.epoch, signal });
      return { powerState, host: instance.host };
    },
    // it stays deleted; should it run, its host's next look at its guests switches it off
    undo: ({ params, deps, failure }) => concludeUndone(deps, params, { event, whileTask: ['restoring'], failure }),
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results: { poweredOn }, deps }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return null;
      const { systemMetadata } = found.instance;
      await concludeOperation(deps, params, {
        event,
        whileTask: ['restoring'],
        // one that was on no host is what it was
        vmState: poweredOn.host === null ? ((systemMetadata[softDeletedKeys.from] as VmState | undefined) ?? 'error') : 'active',
        changes: { powerState: poweredOn.powerState, systemMetadata: withoutSoftDeleted(systemMetadata) },
        host: poweredOn.host,
      });
      return null;
    },
  });
