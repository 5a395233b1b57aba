import { isKind } from '../../../lib/errors.ts';
import { saga } from '../../../lib/saga/saga.ts';
import { changeInstance, findInstance, getInstance } from '../../../store/instances.ts';
import type { ConductorDeps } from '../deps.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { unplugPort } from '../ports.ts';

export interface DetachInterfaceParams extends OperationParams {
  readonly portId: string;
}

const event = 'compute_detach_interface';

/** Takes an interface out of a server's guest and gives its port back. A guest that keeps the device keeps the interface. */
export const detachInterface = saga<DetachInterfaceParams, ConductorDeps>('detach-interface')
  .step('unplugged', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const vif = instance.networkInfo.find(({ portId }) => portId === params.portId);
      if (vif !== undefined && instance.host !== null) {
        await deps
          .agentOn(instance.host)
          .detachInterface({ instanceId: instance.id, vif }, { key: idempotencyKey, epoch: instance.epoch, signal })
          .catch((error: unknown) => {
            if (!isKind(error, 'notFound')) throw error; // no guest: nothing holds the port
          });
      }
      return { host: instance.host };
    },
    // nothing is plugged in again: what the guest has let go of is gone for it, and a guest that kept it has it still
    undo: async ({ params, deps, failure }) => {
      await concludeOperation(deps, params, { event, whileTask: [null], host: null, failure });
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results, deps }) => {
      await unplugPort(deps, params.portId);
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return null;
      await changeInstance(deps.stores.cell(found.cellId), params.instanceId, ({ networkInfo }) => ({
        networkInfo: networkInfo.filter(({ portId }) => portId !== params.portId),
      }));
      await concludeOperation(deps, params, { event, whileTask: [null], host: results.unplugged.host });
      return null;
    },
  });
