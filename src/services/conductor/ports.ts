import { describePorts, type VifMarks } from '../../clients/vif.ts';
import type { NetworkClient, Port } from '../../clients/network.ts';
import type { Session } from '../../clients/session.ts';
import type { Instance } from '../../domain/instance.ts';
import type { NetworkInfo, RequestedNetwork, RequestedNetworks, Vif } from '../../domain/network-info.ts';
import { portAllocation, type ClaimedProviders } from '../../domain/port-requests.ts';
import { conflict, isKind } from '../../lib/errors.ts';

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
  request: {
    readonly networks: RequestedNetworks;
    readonly securityGroups: readonly string[];
    /** What was claimed for ports that ask placement for something. */
    readonly providers?: ClaimedProviders;
  },
): Promise<NetworkInfo> {
  const session = identity.serviceSession;
  if (request.networks === 'none' || request.networks.length === 0) return [];
  const wishes =
    request.networks === 'auto'
      ? [{ networkId: await network.autoAllocate(session, instance.projectId), portId: null, fixedIp: null, tag: null }]
      : request.networks;
  const known = await network.ports(session, { device_id: instance.id });
  const owner = `compute:${instance.availabilityZone ?? 'nova'}`;
  const missing: { readonly index: number; readonly networkId: string; readonly fixedIp: string | null; readonly tag: string | null }[] =
    [];
  const ports: (Port | undefined)[] = [];
  const taken = new Set<string>();
  for (const [index, wanted] of wishes.entries()) {
    const own = known.find(
      (port) =>
        !taken.has(port.id) &&
        (wanted.portId === null ? port.networkId === wanted.networkId && marksIn(port).deleteOnTermination : port.id === wanted.portId),
    );
    if (own !== undefined) {
      taken.add(own.id);
      ports[index] = own.binding.hostId === host ? own : await network.updatePort(session, own.id, { hostId: host });
    } else if (wanted.portId !== null) {
      const tag = wanted.tag === null ? {} : { kilonova_tag: wanted.tag };
      const marks = { ...tag, ...(await allocationMark({ network, identity }, wanted.portId, request.providers)) };
      const profile = Object.keys(marks).length === 0 ? {} : { profile: marks };
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

/** The providers that were claimed for a port, for the network service to know what it may use on the host. */
async function allocationMark({ network, identity }: NetworkAccess, portId: string, providers: ClaimedProviders | undefined) {
  if (providers === undefined) return {};
  const [port] = await network.ports(identity.serviceSession, { id: portId });
  const allocation = port === undefined ? null : portAllocation(port, providers);
  return allocation === null ? {} : { allocation };
}

/** Gives the ports of an instance back: those made for it are deleted, its user's own are unbound. Succeeds when none are left. */
export async function unplugPorts(access: NetworkAccess, instanceId: string): Promise<void> {
  const ports = await access.network.ports(access.identity.serviceSession, { device_id: instanceId });
  await Promise.all(ports.map((port) => giveBack(access, port)));
}

/** The same for one port; succeeds when it is gone. */
export async function unplugPort(access: NetworkAccess, portId: string): Promise<void> {
  const [port] = await access.network.ports(access.identity.serviceSession, { id: portId });
  if (port !== undefined && port.deviceId !== '') await giveBack(access, port);
}

async function giveBack({ network, identity }: NetworkAccess, port: Port): Promise<void> {
  const session = identity.serviceSession;
  if (marksIn(port).deleteOnTermination) return network.deletePort(session, port.id);
  await network.updatePort(session, port.id, { deviceId: '', deviceOwner: '', hostId: '', profile: {} }).catch((error: unknown) => {
    if (!isKind(error, 'notFound')) throw error; // its user was faster
  });
}

/** What a port carries while an operation attaches it, so that the operation knows it again after a crash. */
const attachedBy = 'kilonova_attached_by';

/** Makes or takes the port of one more interface and binds it to the host. May run again: `operation` finds what it did before. */
export async function plugMorePort(
  { network, identity }: NetworkAccess,
  instance: Instance,
  host: string,
  { networkId, portId, fixedIp, tag }: RequestedNetwork,
  operation: string,
): Promise<Vif> {
  const session = identity.serviceSession;
  const owner = `compute:${instance.availabilityZone ?? 'nova'}`;
  const profile = { [attachedBy]: operation, ...(tag === null ? {} : { kilonova_tag: tag }) };
  const own = (await network.ports(session, { device_id: instance.id })).find((port) => port.binding.profile[attachedBy] === operation);
  const port =
    own ??
    (portId === null
      ? await network.createPort(session, {
          networkId: networkId ?? '',
          projectId: instance.projectId,
          deviceId: instance.id,
          deviceOwner: owner,
          hostId: host,
          dnsName: instance.hostname,
          profile: { ...profile, kilonova_owned: true },
          ...(fixedIp === null ? {} : { fixedIps: [{ ipAddress: fixedIp }] }),
        })
      : await network.updatePort(session, portId, { deviceId: instance.id, deviceOwner: owner, hostId: host, profile }));
  const [vif] = await describePorts(network, session, [port], marksIn);
  if (vif === undefined) throw conflict(`The network of port ${port.id} is gone.`);
  return vif;
}

/** Takes back what `plugMorePort` did for an operation. */
export async function unplugMorePort(access: NetworkAccess, instanceId: string, operation: string): Promise<void> {
  const ports = await access.network.ports(access.identity.serviceSession, { device_id: instanceId });
  await Promise.all(ports.filter((port) => port.binding.profile[attachedBy] === operation).map((port) => giveBack(access, port)));
}

/** The interfaces of an instance as the network service sees them now, in the order they had. */
export async function readNetworkInfo({ network, identity }: NetworkAccess, instance: Instance): Promise<NetworkInfo> {
  const session = identity.serviceSession;
  const ports = await network.ports(session, { device_id: instance.id });
  const order = new Map(instance.networkInfo.map((vif, index) => [vif.portId, index]));
  const sorted = ports.toSorted((a, b) => (order.get(a.id) ?? Infinity) - (order.get(b.id) ?? Infinity));
  return describePorts(network, session, sorted, marksIn);
}
