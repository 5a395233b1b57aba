import type { NetworkClient } from '../../clients/network.ts';
import type { Session } from '../../clients/session.ts';
import type { Instance } from '../../domain/instance.ts';
import type { NetworkInfo } from '../../domain/network-info.ts';
import { readNetworkInfo } from './ports.ts';

interface NetworkAccess {
  readonly network: NetworkClient;
  readonly identity: { readonly serviceSession: Session };
}

const portsOf = ({ network, identity }: NetworkAccess, instanceId: string) =>
  network.ports(identity.serviceSession, { device_id: instanceId });

/** Binds the ports of an instance to a host; those that are stay as they are. Answers its interfaces there. */
export async function bindPorts(access: NetworkAccess, instance: Instance, host: string): Promise<NetworkInfo> {
  const { network, identity } = access;
  for (const port of await portsOf(access, instance.id))
    if (port.binding.hostId !== host) await network.updatePort(identity.serviceSession, port.id, { hostId: host });
  return readNetworkInfo(access, instance);
}

/** Prepares the ports of an instance on a host beside the one they are on. Answers its interfaces as they will be there. */
export async function prepareBindings(access: NetworkAccess, instance: Instance, host: string): Promise<NetworkInfo> {
  const { network, identity } = access;
  const bindings = new Map(
    await Promise.all(
      (await portsOf(access, instance.id)).map(
        async ({ id, binding }) =>
          [
            id,
            binding.hostId === host
              ? binding
              : await network.prepareBinding(identity.serviceSession, id, { hostId: host, profile: binding.profile }),
          ] as const,
      ),
    ),
  );
  return instance.networkInfo.map((vif) => {
    const binding = bindings.get(vif.portId);
    return binding === undefined
      ? vif
      : { ...vif, vnicType: binding.vnicType, vifType: binding.vifType, vifDetails: binding.vifDetails, active: false };
  });
}

/** Lets the ports of an instance follow it to the host they are prepared on. Answers its interfaces there. */
export async function activateBindings(access: NetworkAccess, instance: Instance, host: string): Promise<NetworkInfo> {
  const { network, identity } = access;
  for (const port of await portsOf(access, instance.id))
    if (port.binding.hostId !== host) await network.activateBinding(identity.serviceSession, port.id, host);
  return readNetworkInfo(access, instance);
}

/** Gives up what was prepared for the ports of an instance on a host they are not on. */
export async function dropBindings(access: NetworkAccess, instanceId: string, host: string): Promise<void> {
  const { network, identity } = access;
  for (const port of await portsOf(access, instanceId))
    if (port.binding.hostId !== host) await network.deleteBinding(identity.serviceSession, port.id, host);
}
