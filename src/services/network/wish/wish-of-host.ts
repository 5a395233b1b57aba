import type { HostWish, WishedNetwork, WishedPort, WishedRouter, WishedSecurityGroup } from '../../../contracts/network-agent.ts';
import { isWithinPrefix, parseAddress, parsePrefix } from '../addresses/prefix.ts';
import { hostNameOf } from '../resources/ports/collection.ts';
import { isServers } from '../resources/ports/device-owners.ts';
import type { FixedIpOfPort } from '../store/tables.ts';
import type { LeaseOfWish, NetworkOfWish, PortOfWish, RouterOfWish, SubnetOfWish, WishRows } from './wish-rows.ts';

/** What a host is to be like, made of the rows that concern it; the order is fixed, so that equal rows give equal wishes. */
export function wishOfHost(rows: WishRows): Omit<HostWish, 'revision'> {
  const subnetsOf = Map.groupBy(rows.subnets, (subnet) => subnet.network_id);
  const leasesOf = Map.groupBy(rows.leases, (lease) => lease.network_id);
  const subnetById = new Map(rows.subnets.map((subnet) => [subnet.id, subnet]));
  const dhcpPortOf = new Map(rows.dhcpPorts.map((port) => [port.network_id, port]));
  return {
    networks: rows.networks.map((network) =>
      wishedNetwork(
        rows.host,
        network,
        subnetsOf.get(network.id) ?? [],
        leasesOf.get(network.id) ?? [],
        dhcpPortOf.get(network.id),
        subnetById,
      ),
    ),
    ports: rows.ports.map(wishedPort),
    routers: rows.routers.filter((router) => router.admin_state_up).map((router) => wishedRouter(router, rows, subnetById)),
    securityGroups: wishedGroups(rows),
    peers: rows.peers.map(({ host, tunnel_ip: tunnelIp }) => ({ host, tunnelIp })),
  };
}

type Subnets = ReadonlyMap<string, SubnetOfWish>;

function wishedNetwork(
  host: string,
  network: NetworkOfWish,
  subnets: readonly SubnetOfWish[],
  leases: readonly LeaseOfWish[],
  dhcpPort: PortOfWish | undefined,
  byId: Subnets,
): WishedNetwork {
  const servesDhcp = network.dhcp_host === host && dhcpPort !== undefined;
  return {
    id: network.id,
    mtu: network.mtu,
    external: network.external,
    segmentationId: network.network_type === 'vxlan' ? network.segmentation_id : null,
    dhcp: servesDhcp
      ? { portId: dhcpPort.id, macAddress: dhcpPort.mac_address, addresses: withPrefixLengths(dhcpPort.fixed_ips, byId) }
      : null,
    subnets: subnets.map((subnet) => ({
      id: subnet.id,
      cidr: subnet.cidr,
      gatewayIp: subnet.gateway_ip,
      dhcpEnabled: subnet.enable_dhcp,
      dnsNameservers: subnet.dns_nameservers,
      hostRoutes: subnet.host_routes,
    })),
    leases: servesDhcp
      ? leases.map((lease) => ({
          portId: lease.port_id,
          macAddress: lease.mac_address,
          ipAddress: lease.ip_address,
          hostName: hostNameOf(lease.dns_name, lease.ip_address),
          deviceId: isServers(lease.device_owner) ? lease.device_id : null,
          projectId: isServers(lease.device_owner) ? lease.project_id : null,
        }))
      : [],
  };
}

const wishedPort = (port: PortOfWish): WishedPort => ({
  id: port.id,
  networkId: port.network_id,
  device: `tap${port.id.slice(0, 11)}`,
  macAddress: port.mac_address,
  ipAddresses: port.fixed_ips.map((fixed) => fixed.ip_address),
  allowedAddressPairs: port.allowed_address_pairs.map((pair) => ({
    ipAddress: pair.ip_address.includes('/') ? pair.ip_address : `${pair.ip_address}/${pair.ip_address.includes(':') ? 128 : 32}`,
    macAddress: pair.mac_address,
  })),
  portSecurityEnabled: port.port_security_enabled,
  securityGroupIds: port.security_groups,
  adminStateUp: port.admin_state_up,
});

function withPrefixLengths(fixedIps: readonly FixedIpOfPort[], subnets: Subnets): string[] {
  return fixedIps.map(({ subnet_id: subnetId, ip_address: ip }) => {
    const length = subnets.get(subnetId)?.cidr.split('/')[1];
    return length === undefined ? ip : `${ip}/${length}`;
  });
}

function wishedRouter(router: RouterOfWish, rows: WishRows, subnets: Subnets): WishedRouter {
  const own = rows.routerPorts.filter((port) => port.device_id === router.id);
  const side = (port: PortOfWish): WishedRouter['interfaces'][number] => ({
    portId: port.id,
    networkId: port.network_id,
    macAddress: port.mac_address,
    addresses: withPrefixLengths(port.fixed_ips, subnets),
  });
  const gateway = own.find((port) => port.id === router.gateway_port_id);
  return {
    id: router.id,
    interfaces: own.filter((port) => port !== gateway).map(side),
    gateway: gateway === undefined ? null : { ...side(gateway), nextHop: nextHop(gateway, subnets), snat: router.enable_snat },
    routes: router.routes,
    floatingIps: rows.floatingIps
      .filter((each) => each.router_id === router.id)
      .map((each) => ({ id: each.id, floatingIpAddress: each.floating_ip_address, fixedIpAddress: each.fixed_ip_address })),
  };
}

/** Where a gateway sends what it does not know: the IPv4 gateway of its subnet. */
function nextHop(gateway: PortOfWish, subnets: Subnets): string | null {
  const hops = gateway.fixed_ips.flatMap(({ subnet_id: id }) => subnets.get(id)?.gateway_ip ?? []);
  return hops.find((hop) => !hop.includes(':')) ?? hops[0] ?? null;
}

/** The groups of the host's ports with their rules, and the groups these rules name with their members' addresses. */
function wishedGroups({ ports, rules, members }: WishRows): WishedSecurityGroup[] {
  const rulesOf = Map.groupBy(rules, (rule) => rule.security_group_id);
  const membersOf = Map.groupBy(members, (member) => member.security_group_id);
  const ids = new Set([...ports.flatMap((port) => port.security_groups), ...rules.flatMap((rule) => rule.remote_group_id ?? [])]);
  return [...ids].toSorted().map((id) => ({
    id,
    memberAddresses: distinctPrefixes((membersOf.get(id) ?? []).map((member) => member.address)),
    rules: (rulesOf.get(id) ?? []).map((rule) => ({
      id: rule.id,
      direction: rule.direction === 'ingress' ? 'ingress' : 'egress',
      ethertype: rule.ethertype === 'IPv6' ? 'IPv6' : 'IPv4',
      protocol: rule.protocol,
      portRangeMin: rule.port_range_min,
      portRangeMax: rule.port_range_max,
      remoteIpPrefix: rule.remote_ip_prefix,
      remoteGroupId: rule.remote_group_id,
    })),
  }));
}

/** Members as networks, without those that another one holds: a set of a firewall takes no overlap. */
function distinctPrefixes(addresses: readonly string[]): string[] {
  const all = [...new Set(addresses.map((text) => (text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`)))];
  const wide = all.flatMap((text) => {
    const prefix = parsePrefix(text);
    return prefix === null || text.endsWith(prefix.version === 4 ? '/32' : '/128') ? [] : [{ text, prefix }];
  });
  return all.filter((text) => {
    const address = parseAddress(text.split('/')[0] ?? '');
    const length = Number(text.split('/')[1]);
    return (
      address !== null &&
      !wide.some((other) => other.text !== text && other.prefix.length < length && isWithinPrefix(address, other.prefix))
    );
  });
}
