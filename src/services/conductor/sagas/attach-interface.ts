import type { NetworkInfo, RequestedNetwork, Vif } from '../../../domain/network-info.ts';
import { conflict } from '../../../lib/errors.ts';
import { saga } from '../../../lib/saga/saga.ts';
import { changeInstance, findInstance, getInstance } from '../../../store/instances.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestOrder } from '../guest-order.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { plugMorePort, unplugMorePort } from '../ports.ts';

export interface AttachInterfaceParams extends OperationParams {
  readonly wanted: RequestedNetwork;
}

const event = 'compute_attach_interface';

/** Gives a server one more interface: its port is made or taken, bound to the host, and plugged into the guest. */
export const attachInterface = saga<AttachInterfaceParams, ConductorDeps>('attach-interface')
  .step('vif', {
    run: async ({ params, deps, sagaId }): Promise<Vif> => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      if (instance.host === null) throw conflict(`Instance ${instance.id} is on no host.`);
      return plugMorePort(deps, instance, instance.host, params.wanted, sagaId);
    },
    undo: async ({ params, deps, sagaId, failure }) => {
      await unplugMorePort(deps, params.instanceId, sagaId);
      await concludeOperation(deps, params, { event, whileTask: [null], host: null, failure });
    },
  })
  .step('plugged', {
    run: async ({ params, results: { vif }, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const order = guestOrder(deps.settings, { ...instance, networkInfo: withVif(instance.networkInfo, vif) });
      await deps.agentOn(instance.host ?? '').attachInterface({ order, vif }, { key: idempotencyKey, epoch: instance.epoch, signal });
      return { host: instance.host };
    },
    undo: async ({ params, results: { vif }, deps, idempotencyKey }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found?.instance.host == null) return; // deleted meanwhile, with all it had
      const { instance } = found;
      await deps
        .agentOn(instance.host ?? '')
        .detachInterface({ instanceId: instance.id, vif }, { key: `${idempotencyKey}/undo`, epoch: instance.epoch });
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results: { vif, plugged }, deps }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return null;
      await changeInstance(deps.stores.cell(found.cellId), params.instanceId, (now) => ({ networkInfo: withVif(now.networkInfo, vif) }));
      await concludeOperation(deps, params, { event, whileTask: [null], host: plugged.host });
      return null;
    },
  });

/** The network's own word may have come first: then it stands there already. */
const withVif = (vifs: NetworkInfo, vif: Vif): NetworkInfo => [...vifs.filter(({ portId }) => portId !== vif.portId), vif];
