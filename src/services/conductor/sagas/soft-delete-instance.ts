import type { VmState } from '../../../domain/instance.ts';
import { saga } from '../../../lib/saga/saga.ts';
import { findInstance, getInstance } from '../../../store/instances.ts';
import { concludeUndone } from '../conclude-undone.ts';
import type { ConductorDeps } from '../deps.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { softDeletedKeys } from '../soft-deleted.ts';
import { graceOf } from './change-power.ts';

export interface SoftDeleteParams extends OperationParams {
  readonly was: VmState;
}

const event = 'compute_soft_delete_instance';

/** Deletes a server so that it can be restored for a time: it is shut down, and keeps all it has. */
export const softDeleteInstance = saga<SoftDeleteParams, ConductorDeps>('soft-delete-instance')
  .step('poweredOff', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      if (instance.host === null) return { powerState: instance.powerState, host: null };
      const asked = { instanceId: instance.id, graceSeconds: graceOf(deps, instance) };
      const { powerState } = await deps.agentOn(instance.host).powerOff(asked, { key: idempotencyKey, epoch: instance.epoch, signal });
      return { powerState, host: instance.host };
    },
    undo: ({ params, deps, failure }) => {
      const follows: readonly VmState[] = ['active', 'stopped', 'paused', 'suspended'];
      const vmState = (seen: VmState | undefined) => (follows.includes(params.was) ? seen : undefined);
      return concludeUndone(deps, params, { event, whileTask: ['soft-deleting'], vmState, failure });
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results: { poweredOff }, deps }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return null;
      const { systemMetadata } = found.instance;
      await concludeOperation(deps, params, {
        event,
        whileTask: ['soft-deleting'],
        vmState: 'soft-delete',
        changes: {
          powerState: poweredOff.powerState,
          systemMetadata: {
            [softDeletedKeys.from]: params.was,
            [softDeletedKeys.at]: new Date(deps.clock.now()).toISOString(),
            ...systemMetadata, // of two deletes the first one counts
          },
        },
        host: poweredOff.host,
      });
      return null;
    },
  });
