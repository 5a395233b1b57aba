import { contains, maskOf, type IpAddress } from '../address.ts';
import { metadataAddress } from '../links/desired-host.ts';
import { insideName } from '../names.ts';
import type { CheckedNetwork, CheckedSubnet } from '../wish/checked-wish.ts';

/** The files of one network's DHCP server. A change of `main` needs a new process, the others are read again on SIGHUP. */
export interface DhcpConfig {
  readonly main: string;
  readonly hosts: string;
  readonly options: string;
  readonly names: string;
  /** Which card each address is given to. */
  readonly given: Readonly<Record<string, string>>;
}

export interface DhcpConfigOptions {
  readonly directory: string;
  readonly domain: string;
  readonly user: string;
}

const leaseSeconds = 86_400;

/** What dnsmasq is told: it gives each known card its address and what belongs to it, and answers no one else. */
export function dhcpConfig(network: CheckedNetwork, { directory, domain, user }: DhcpConfigOptions): DhcpConfig {
  const served = servedSubnets(network);
  const leases = network.leases.flatMap((lease) => {
    const index = served.findIndex(({ subnet }) => contains(subnet.prefix, lease.address));
    return index < 0 ? [] : [{ ...lease, tag: tagOf(index) }];
  });
  const once = [...new Map(leases.toReversed().map((lease) => [`${lease.mac} ${lease.tag}`, lease])).values()].toReversed(); // a card gets one address of a subnet
  return {
    main: lines([
      `user=${user}`,
      'group=nogroup',
      'bind-interfaces',
      ...(network.dhcp === null ? [] : [`interface=${insideName('ns', network.dhcp.portId)}`]),
      'except-interface=lo',
      'no-hosts',
      'no-resolv',
      'no-poll',
      'domain-needed',
      `domain=${domain}`,
      `local=/${domain}/`,
      'expand-hosts',
      'leasefile-ro',
      'dhcp-authoritative',
      'dhcp-lease-max=65536',
      'quiet-dhcp',
      `pid-file=${directory}/dnsmasq.pid`,
      `dhcp-hostsfile=${directory}/hosts`,
      `dhcp-optsfile=${directory}/options`,
      `addn-hosts=${directory}/names`,
      ...served.map(({ subnet }, index) => {
        const [first = ''] = subnet.prefix.text.split('/');
        return `dhcp-range=set:${tagOf(index)},${first},static,${maskOf(subnet.prefix)},${leaseSeconds}s`;
      }),
    ]),
    hosts: lines(once.map((lease) => `${lease.mac},${lease.address.text}${lease.hostName === null ? '' : `,${lease.hostName}`}`)),
    options: lines(
      served.flatMap(({ subnet, server }, index) =>
        subnetOptions(subnet, server, network.mtu).map((option) => `tag:${tagOf(index)},${option}`),
      ),
    ),
    names: lines(leases.flatMap((lease) => (lease.hostName === null ? [] : [`${lease.address.text} ${lease.hostName}`]))),
    given: Object.fromEntries(once.map((lease) => [lease.address.text, lease.mac])),
  };
}

const tagOf = (index: number): string => `subnet${index}`;
const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');

/** The subnets the server has an address on, with that address. */
function servedSubnets({ subnets, dhcp }: CheckedNetwork): readonly { readonly subnet: CheckedSubnet; readonly server: IpAddress }[] {
  return subnets.flatMap((subnet) => {
    const server = dhcp?.addresses.find(({ address }) => contains(subnet.prefix, address))?.address;
    return subnet.dhcpEnabled && subnet.prefix.version === 4 && server !== undefined ? [{ subnet, server }] : [];
  });
}

/** A client that takes static routes ignores the router option, so the default route stands in both. */
function subnetOptions({ gateway, nameservers, hostRoutes }: CheckedSubnet, server: IpAddress, mtu: number): readonly string[] {
  const routes = [
    ...hostRoutes
      .filter(({ destination }) => destination.version === 4)
      .map(({ destination, nexthop }) => `${destination.text},${nexthop.text}`),
    `${metadataAddress}/32,${server.text}`,
    ...(gateway === null ? [] : [`0.0.0.0/0,${gateway.text}`]),
  ].join(',');
  const resolvers = nameservers.filter(({ version }) => version === 4).map(({ text }) => text);
  return [
    `option:classless-static-route,${routes}`,
    `249,${routes}`,
    gateway === null ? 'option:router' : `option:router,${gateway.text}`,
    `option:dns-server,${(resolvers.length > 0 ? resolvers : [server.text]).join(',')}`,
    `option:mtu,${mtu}`,
  ];
}
