import {
  contains,
  nthAddress,
  parseInterfaceAddress,
  type InterfaceAddress,
  type IpAddress,
  type IpPrefix,
  type MacAddress,
} from '../address.ts';
import { bridgeMac, bridgeName, dhcpNamespace, insideName, routerNamespace, tapName, vxlanName } from '../names.ts';
import type { CheckedNetwork, CheckedRouter, CheckedWish } from '../wish/checked-wish.ts';

/** The bridges and namespaces a wish asks for. */
export interface DesiredHost {
  readonly bridges: readonly DesiredBridge[];
  readonly namespaces: readonly DesiredNamespace[];
}

export interface DesiredBridge {
  readonly name: string;
  readonly networkId: string;
  readonly mtu: number;
  readonly mac: string;
  readonly external: boolean;
  /** What the host itself is called on it: the gateway of an external network. */
  readonly addresses: readonly InterfaceAddress[];
  readonly tunnel: { readonly name: string; readonly segmentationId: number; readonly peers: readonly IpAddress[] } | null;
}

export interface DesiredNamespace {
  readonly name: string;
  readonly kind: 'network' | 'router';
  readonly id: string;
  readonly sysctls: readonly string[];
  readonly links: readonly DesiredLink[];
  readonly routes: readonly DesiredRoute[];
}

/** A veth pair with one end on a bridge and the other in the namespace. */
export interface DesiredLink {
  readonly outside: string;
  readonly inside: string;
  readonly bridge: string;
  readonly mac: MacAddress;
  readonly mtu: number;
  readonly addresses: readonly InterfaceAddress[];
}

export interface DesiredRoute {
  readonly version: 4 | 6;
  readonly destination: string;
  readonly via: string;
  readonly device: string | null;
}

/** Where guests ask for their metadata. */
export const metadataAddress = '169.254.169.254';

export function desiredHost(wish: CheckedWish): DesiredHost {
  const networks = new Map(wish.networks.map((network) => [network.id, network]));
  return {
    bridges: wish.networks.map((network) => desiredBridge(network, wish.peers)),
    namespaces: [
      ...wish.networks.flatMap((network) => dhcpServer(network)),
      ...wish.routers.map((router) => desiredRouter(router, networks)),
    ],
  };
}

function desiredBridge(network: CheckedNetwork, peers: readonly IpAddress[]): DesiredBridge {
  const { id, mtu, external, segmentationId, subnets } = network;
  const gateways = subnets.flatMap(({ prefix, gateway }) => {
    const address = gateway ?? nthAddress(prefix, 1);
    return address === null ? [] : [parseInterfaceAddress(`${address.text}/${prefix.length}`)];
  });
  return {
    name: bridgeName(id),
    networkId: id,
    mtu,
    mac: bridgeMac(id),
    external,
    addresses: external ? gateways.filter((address) => address !== null) : [],
    tunnel: segmentationId !== null && peers.length > 0 ? { name: vxlanName(id), segmentationId, peers } : null,
  };
}

function dhcpServer(network: CheckedNetwork): readonly DesiredNamespace[] {
  const { dhcp, id, mtu } = network;
  if (dhcp === null) return [];
  const metadata = parseInterfaceAddress(metadataAddress);
  return [
    {
      name: dhcpNamespace(id),
      kind: 'network',
      id,
      sysctls: [
        'net.ipv4.ip_forward=0',
        'net.ipv6.conf.all.forwarding=0',
        'net.ipv6.conf.all.accept_ra=0',
        'net.ipv6.conf.default.accept_ra=0',
      ],
      links: [
        {
          outside: tapName(dhcp.portId),
          inside: insideName('ns', dhcp.portId),
          bridge: bridgeName(id),
          mac: dhcp.mac,
          mtu,
          addresses: [...dhcp.addresses, ...(metadata === null ? [] : [metadata])],
        },
      ],
      routes: [],
    },
  ];
}

function desiredRouter(router: CheckedRouter, networks: ReadonlyMap<string, CheckedNetwork>): DesiredNamespace {
  const { gateway } = router;
  const link = (kind: 'qr' | 'qg', side: CheckedRouter['interfaces'][number], more: readonly InterfaceAddress[]): DesiredLink => ({
    outside: tapName(side.portId),
    inside: insideName(kind, side.portId),
    bridge: bridgeName(side.networkId),
    mac: side.mac,
    mtu: networks.get(side.networkId)?.mtu ?? 1500,
    addresses: [...side.addresses, ...more],
  });
  const floating = router.floatingIps
    .map(({ floating: address }) => parseInterfaceAddress(address.text))
    .filter((address) => address !== null);
  const defaultHop = gateway === null ? null : (gateway.nextHop ?? gatewayOf(networks.get(gateway.networkId), gateway.addresses));
  return {
    name: routerNamespace(router.id),
    kind: 'router',
    id: router.id,
    sysctls: [
      'net.ipv4.ip_forward=1',
      'net.ipv6.conf.all.forwarding=1',
      'net.ipv4.conf.all.arp_notify=1', // a new address on a card is told to the neighbours
      'net.ipv4.conf.default.arp_notify=1',
      'net.ipv4.conf.all.rp_filter=0',
      'net.ipv4.conf.default.rp_filter=0',
      'net.ipv4.conf.all.send_redirects=0',
      'net.ipv4.conf.default.send_redirects=0',
    ],
    links: [...router.interfaces.map((side) => link('qr', side, [])), ...(gateway === null ? [] : [link('qg', gateway, floating)])],
    routes: [
      ...(gateway === null || defaultHop === null
        ? []
        : [{ version: defaultHop.version, destination: 'default', via: defaultHop.text, device: insideName('qg', gateway.portId) }]),
      ...router.routes.map(({ destination, nexthop }): DesiredRoute => ({
        version: destination.version,
        destination: destination.length === 0 ? 'default' : destination.text,
        via: nexthop.text,
        device: null,
      })),
    ],
  };
}

/** The way out of an external network, where the wish names none: its subnet's gateway, which is this host. */
function gatewayOf(network: CheckedNetwork | undefined, own: readonly InterfaceAddress[]): IpAddress | null {
  const subnet = network?.subnets.find(({ prefix }) => own.some(({ address }) => contains(prefix, address)));
  return subnet === undefined ? null : (subnet.gateway ?? nthAddress(subnet.prefix, 1));
}

/** Ranges of external networks this host is the gateway of. */
export const externalRanges = (wish: CheckedWish): readonly { readonly prefix: IpPrefix; readonly bridge: string }[] =>
  wish.networks
    .filter(({ external }) => external)
    .flatMap(({ id, subnets }) => subnets.map(({ prefix }) => ({ prefix, bridge: bridgeName(id) })));
