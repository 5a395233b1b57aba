import type { InstanceImage, VmState } from '../../../domain/instance.ts';
import { isKind } from '../../../lib/errors.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import { findInstance, getInstance } from '../../../store/instances.ts';
import { eraseAdminPass } from '../../../store/sagas.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestNow } from '../guest-now.ts';
import { guestOrder } from '../guest-order.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { graceOf } from './change-power.ts';

export interface RescueParams extends OperationParams {
  readonly image: InstanceImage;
  /** Handed to the rescued guest's config drive; erased when the saga has ended. */
  readonly adminPass: string | null;
  readonly was: VmState;
}

const event = 'compute_rescue_instance';

/** Starts a server from a rescue image, beside its own root disk, which is left as it is. */
export const rescueInstance = saga<RescueParams, ConductorDeps>('rescue-instance', { deadlineSeconds: deadlineOfCopies })
  .step('rescued', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const order = guestOrder(deps.settings, instance, { adminPass: params.adminPass });
      const { powerState } = await deps
        .agentOn(instance.host ?? '')
        .rescue(
          { order, image: params.image, graceSeconds: graceOf(deps, instance) },
          { key: idempotencyKey, epoch: instance.epoch, signal },
        );
      return { powerState, host: instance.host };
    },
    undo: async ({ params, deps, idempotencyKey, sagaId, failure }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return;
      const { instance, cellId } = found;
      const options = (what: string) => ({ key: `${idempotencyKey}/${what}`, epoch: instance.epoch });
      if (instance.host !== null && instance.taskState === 'rescuing') {
        const agent = deps.agentOn(instance.host);
        try {
          await agent.unrescue({ order: guestOrder(deps.settings, instance) }, options('undo'));
          if (params.was === 'stopped') await agent.powerOff({ instanceId: instance.id, graceSeconds: 0 }, options('off'));
        } catch (error) {
          // a host that does not answer, or a guest that cannot be started: the server says how it is
          if (!isKind(error, 'unavailable'))
            deps.log.warn({ err: error, instanceId: instance.id }, 'a guest was not brought back from rescue');
        }
      }
      const { vmState, powerState } = await guestNow(deps, instance);
      await concludeOperation(deps, params, {
        event,
        whileTask: ['rescuing'],
        vmState: params.was === 'error' ? 'error' : (vmState ?? params.was),
        changes: powerState === undefined ? {} : { powerState },
        host: instance.host,
        failure,
      });
      await eraseAdminPass(deps.stores.cell(cellId), sagaId);
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results: { rescued }, deps, sagaId }) => {
      await concludeOperation(deps, params, {
        event,
        whileTask: ['rescuing'],
        vmState: 'rescued',
        changes: { powerState: rescued.powerState },
        host: rescued.host,
      });
      const found = await findInstance(deps.stores, params.instanceId);
      if (found !== null) await eraseAdminPass(deps.stores.cell(found.cellId), sagaId);
      return null;
    },
  });
