import type { NetworkInfo, Vif } from '../domain/network-info.ts';
import type { FloatingIp, Network, NetworkClient, Port, Subnet } from './network.ts';
import type { Session } from './session.ts';

/** What compute alone knows of an interface. */
export interface VifMarks {
  readonly tag: string | null;
  readonly deleteOnTermination: boolean;
}

/** A port with all that belongs to it, as an interface of an instance. */
export function toVif(port: Port, network: Network, subnets: readonly Subnet[], floatingIps: readonly FloatingIp[], marks: VifMarks): Vif {
  return {
    portId: port.id,
    macAddress: port.macAddress,
    networkId: network.id,
    networkLabel: network.name,
    mtu: network.mtu,
    vnicType: port.binding.vnicType,
    vifType: port.binding.vifType,
    vifDetails: port.binding.vifDetails,
    profile: port.binding.profile,
    active: port.status === 'ACTIVE',
    ...marks,
    subnets: subnets
      .filter((subnet) => port.fixedIps.some(({ subnetId }) => subnetId === subnet.id))
      .map((subnet) => ({
        id: subnet.id,
        cidr: subnet.cidr,
        version: subnet.ipVersion,
        gateway: subnet.gatewayIp,
        dns: subnet.dnsNameservers,
        routes: subnet.hostRoutes,
        dhcpServer: subnet.dhcpServer,
        addresses: port.fixedIps
          .filter(({ subnetId }) => subnetId === subnet.id)
          .map(({ ipAddress }) => ({
            address: ipAddress,
            floating: floatingIps
              .filter((ip) => ip.portId === port.id && ip.fixedIpAddress === ipAddress)
              .map((ip) => ip.floatingIpAddress),
          })),
      })),
  };
}

/** The interfaces of these ports, in their order, by four requests however many there are. */
export async function describePorts(
  client: NetworkClient,
  session: Session,
  ports: readonly Port[],
  marksOf: (port: Port) => VifMarks,
): Promise<NetworkInfo> {
  if (ports.length === 0) return [];
  const networkIds = [...new Set(ports.map((port) => port.networkId))];
  const subnetIds = [...new Set(ports.flatMap((port) => port.fixedIps.map(({ subnetId }) => subnetId)))];
  const [networks, subnets, floatingIps] = await Promise.all([
    client.networks(session, { id: networkIds }),
    subnetIds.length === 0 ? [] : client.subnets(session, { id: subnetIds }),
    client.floatingIps(session, { port_id: ports.map((port) => port.id) }),
  ]);
  const networkById = new Map(networks.map((network) => [network.id, network]));
  return ports.flatMap((port) => {
    const network = networkById.get(port.networkId);
    return network === undefined ? [] : [toVif(port, network, subnets, floatingIps, marksOf(port))];
  });
}
