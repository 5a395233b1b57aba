import type { GuestOrder } from '../../../domain/guest-order.ts';
import { tapName, type Vif } from '../../../domain/network-info.ts';
import type { ComputeHost } from '../compute-host.ts';
import { interfaceSpec } from '../guest-spec.ts';

/** Plugs one more interface into a guest that is there. */
export const attachInterface = (host: ComputeHost, order: GuestOrder, vif: Vif, signal: AbortSignal): Promise<void> =>
  host.locks.run(order.instanceId, signal, async () => {
    const port = interfaceSpec(order, vif, host.driver.ports !== undefined);
    await host.driver.ports?.prepare([port]);
    await host.driver.attachInterface(order.instanceId, port);
    host.log.info({ instanceId: order.instanceId, portId: vif.portId }, 'interface attached');
  });

/** Takes an interface out of a guest. */
export const detachInterface = (host: ComputeHost, instanceId: string, { portId, macAddress }: Vif, signal: AbortSignal): Promise<void> =>
  host.locks.run(instanceId, signal, async (mine) => {
    await host.driver.detachInterface(instanceId, { portId, macAddress, device: tapName(portId) }, mine);
    host.log.info({ instanceId, portId }, 'interface detached');
  });
