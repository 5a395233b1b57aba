import ipaddr from 'ipaddr.js';
import { tapName, type NetworkInfo, type Vif, type VifSubnet } from '../network-info.ts';

const namedTypes = new Set(['bridge', 'dvs', 'hw_veb', 'hyperv', 'ovs', 'tap', 'vhostuser', 'vif']);

type Json = Readonly<Record<string, unknown>>;

/** `network_data.json`: links, the networks on them, and name servers. Of each link only the first subnet of each IP version is described. */
export function networkData(networkInfo: NetworkInfo): Json {
  if (networkInfo.length === 0) return {};
  const networks: Json[] = [];
  const services = new Map<string, Json>();
  for (const vif of networkInfo) {
    for (const version of [4, 6] as const) {
      const subnet = vif.subnets.find((each) => each.version === version);
      const described = subnet === undefined ? null : network(vif, subnet, networks.length);
      if (subnet === undefined || described === null) continue;
      networks.push(described);
      for (const service of nameServers(subnet)) services.set(service.address, service);
    }
  }
  return { links: networkInfo.map(link), networks, services: [...services.values()] };
}

const link = (vif: Vif): Json => ({
  id: tapName(vif.portId),
  vif_id: vif.portId,
  type: namedTypes.has(vif.vifType) ? vif.vifType : 'phy',
  mtu: vif.subnets.some(({ dhcpServer }) => dhcpServer !== null) ? null : vif.mtu, // DHCP tells it
  ethernet_mac_address: vif.macAddress,
});

function network(vif: Vif, subnet: VifSubnet, number: number): Json | null {
  const common = { id: `network${number}`, link: tapName(vif.portId), network_id: vif.networkId };
  if (subnet.dhcpServer !== null) return { ...common, type: `ipv${subnet.version}_dhcp` };
  const [first] = subnet.addresses;
  if (first === undefined) return null;
  const any = subnet.version === 4 ? '0.0.0.0' : '::';
  const ownRoute = subnet.gateway === null ? [] : [{ network: any, netmask: any, gateway: subnet.gateway }];
  return {
    ...common,
    type: `ipv${subnet.version}`,
    ip_address: first.address,
    netmask: split(subnet.cidr).netmask,
    routes: [...ownRoute, ...subnet.routes.map(({ destination, nexthop }) => ({ ...split(destination), gateway: nexthop }))],
    services: nameServers(subnet),
  };
}

const nameServers = ({ dns }: VifSubnet): { readonly type: 'dns'; readonly address: string }[] =>
  dns.map((address) => ({ type: 'dns', address }));

/** Both halves of a CIDR in address form: a prefix of 64 is `ffff:ffff:ffff:ffff::`. */
function split(cidr: string): { readonly network: string; readonly netmask: string } {
  const [address, prefix] = ipaddr.parseCIDR(cidr);
  const masks = address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6;
  return { network: address.toString(), netmask: masks.subnetMaskFromPrefixLength(prefix).toString() };
}
