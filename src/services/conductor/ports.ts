import { describePorts, type VifMarks } from '../../clients/vif.ts';
import type { NetworkClient, Port } from '../../clients/network.ts';
import type { Session } from '../../clients/session.ts';
import type { Instance } from '../../domain/instance.ts';
import type { NetworkInfo, RequestedNetworks } from '../../domain/network-info.ts';
import { isKind } from '../../lib/errors.ts';

interface NetworkAccess {
  readonly network: NetworkClient;
  readonly identity: { readonly serviceSession: Session };
}

/** Marks on a port what compute must know of it later: the tag, and that the port goes with its instance. */
const marksIn = (port: Port): VifMarks => ({
  tag: typeof port.binding.profile['kilonova_tag'] === 'string' ? port.binding.profile['kilonova_tag'] : null,
  deleteOnTermination: port.binding.profile['kilonova_owned'] === true,
});

/**
 * Makes and binds the ports of an instance on a host. May run again after a crash: ports that are already the instance's are taken,
 * bound to the host where they are not, and only those that are missing are made.
 */
export async function plugPorts(
  { network, identity }: NetworkAccess,
  instance: Instance,
  host: string,
  request: { readonly networks: RequestedNetworks; readonly securityGroups: readonly string[] },
): Promise<NetworkInfo> {
  const session = identity.serviceSession;
  if (typeof request.networks === 'string' || request.networks.length === 0) return [];
  const known = await network.ports(session, { device_id: instance.id });
  const owner = `compute:${instance.availabilityZone ?? 'nova'}`;
  const missing: { readonly index: number; readonly networkId: string; readonly fixedIp: string | null; readonly tag: string | null }[] =
    [];
  const ports: (Port | undefined)[] = [];
  const taken = new Set<string>();
  for (const [index, wanted] of request.networks.entries()) {
    const own = known.find(
      (port) =>
        !taken.has(port.id) &&
        (wanted.portId === null ? port.networkId === wanted.networkId && marksIn(port).deleteOnTermination : port.id === wanted.portId),
    );
    if (own !== undefined) {
      taken.add(own.id);
      ports[index] = own.binding.hostId === host ? own : await network.updatePort(session, own.id, { hostId: host });
    } else if (wanted.portId !== null) {
      const profile = wanted.tag === null ? {} : { profile: { kilonova_tag: wanted.tag } };
      ports[index] = await network.updatePort(session, wanted.portId, {
        deviceId: instance.id,
        deviceOwner: owner,
        hostId: host,
        ...profile,
      });
    } else if (wanted.networkId !== null) missing.push({ index, networkId: wanted.networkId, fixedIp: wanted.fixedIp, tag: wanted.tag });
  }
  if (missing.length > 0) {
    const made = await network.createPorts(
      session,
      missing.map(({ networkId, fixedIp, tag }) => ({
        networkId,
        projectId: instance.projectId,
        deviceId: instance.id,
        deviceOwner: owner,
        hostId: host,
        dnsName: instance.hostname,
        profile: { kilonova_owned: true, ...(tag === null ? {} : { kilonova_tag: tag }) },
        ...(fixedIp === null ? {} : { fixedIps: [{ ipAddress: fixedIp }] }),
        ...(request.securityGroups.length === 0 ? {} : { securityGroupIds: request.securityGroups }),
      })),
    );
    for (const [position, port] of made.entries()) ports[missing[position]!.index] = port;
  }
  return describePorts(
    network,
    session,
    ports.filter((port) => port !== undefined),
    marksIn,
  );
}

/** Gives the ports of an instance back: those made for it are deleted, its user's own are unbound. Succeeds when none are left. */
export async function unplugPorts({ network, identity }: NetworkAccess, instanceId: string): Promise<void> {
  const session = identity.serviceSession;
  const ports = await network.ports(session, { device_id: instanceId });
  await Promise.all(
    ports.map(async (port) => {
      if (marksIn(port).deleteOnTermination) return network.deletePort(session, port.id);
      await network.updatePort(session, port.id, { deviceId: '', deviceOwner: '', hostId: '', profile: {} }).catch((error: unknown) => {
        if (!isKind(error, 'notFound')) throw error; // its user was faster
      });
    }),
  );
}

/** The interfaces of an instance as the network service sees them now, in the order they had. */
export async function readNetworkInfo({ network, identity }: NetworkAccess, instance: Instance): Promise<NetworkInfo> {
  const session = identity.serviceSession;
  const ports = await network.ports(session, { device_id: instance.id });
  const order = new Map(instance.networkInfo.map((vif, index) => [vif.portId, index]));
  const sorted = ports.toSorted((a, b) => (order.get(a.id) ?? Infinity) - (order.get(b.id) ?? Infinity));
  return describePorts(network, session, sorted, marksIn);
}
