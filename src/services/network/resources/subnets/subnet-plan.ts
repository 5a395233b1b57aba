import {
  defaultPools,
  formatAddress,
  formatPrefix,
  hostRangeOf,
  isWithinPrefix,
  isWithinRange,
  parseAddress,
  parsePrefix,
  rangesOverlap,
  type Prefix,
  type Range,
} from '../../addresses/prefix.ts';
import { gatewayInPools, invalidInput } from '../../neutron-errors.ts';
import type { HostRoute } from '../../store/tables.ts';

/** Networks of IPv4 that no subnet may be in: this network, loopback, multicast and reserved. */
const unusable = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4', 'ff00::/8', 'fe80::/10', '::1/128'].flatMap(
  (text) => parsePrefix(text) ?? [],
);

/** Reads the `cidr` of a new subnet. */
export function readCidr(text: string, version: number): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === null) throw invalidInput(`'${text.slice(0, 100)}' is not a valid IP subnet`);
  if (prefix.version !== version) throw invalidInput(`IP version ${version} does not match the cidr '${text}'`);
  const canonical = formatPrefix(prefix);
  const given = parseAddress(text.slice(0, text.indexOf('/')));
  if (given?.value !== prefix.value) throw invalidInput(`'${text}' isn't a recognized IP subnet cidr, '${canonical}' is recommended`);
  if (prefix.length === 0) throw invalidInput('0 is not allowed as CIDR prefix length');
  if (unusable.some((range) => isWithinPrefix(prefix, range))) throw invalidInput(`the subnet '${canonical}' cannot be used for hosts`);
  return prefix;
}

/** The gateway of a subnet: the one asked for, none for null, the first address when nothing is said. */
export function readGateway(asked: string | null | undefined, prefix: Prefix): bigint | null {
  if (asked === null) return null;
  if (asked === undefined) return hostRangeOf(prefix).first;
  const address = parseAddress(asked);
  if (address === null) throw invalidInput(`'${asked.slice(0, 100)}' is not a valid gateway IP address`);
  if (address.version !== prefix.version) throw invalidInput(`gateway_ip '${asked}' does not match the ip_version of the subnet`);
  const linkLocal = parsePrefix('fe80::/10');
  const isLinkLocal = linkLocal !== null && isWithinPrefix(address, linkLocal);
  if (!isWithinRange(address.value, hostRangeOf(prefix)) && !isLinkLocal) throw invalidInput(`Gateway is not valid on subnet: '${asked}'`);
  return address.value;
}

/** The pools of a subnet: inside it, apart from each other and from the gateway. */
export function readPools(
  asked: readonly { readonly start: string; readonly end: string }[] | null | undefined,
  prefix: Prefix,
  gateway: bigint | null,
): Range[] {
  if (asked === null || asked === undefined) return defaultPools(prefix, gateway);
  const hosts = hostRangeOf(prefix);
  const pools = asked.map(({ start, end }): Range => {
    const [first, last] = [parseAddress(start), parseAddress(end)];
    if (
      first === null ||
      last === null ||
      first.version !== prefix.version ||
      last.version !== prefix.version ||
      first.value > last.value
    ) {
      throw invalidInput(`The allocation pool ${start.slice(0, 50)}-${end.slice(0, 50)} is not valid`);
    }
    if (!isWithinRange(first.value, hosts) || !isWithinRange(last.value, hosts))
      throw invalidInput(`The allocation pool ${start}-${end} spans beyond the subnet cidr ${formatPrefix(prefix)}`);
    return { first: first.value, last: last.value };
  });
  const sorted = pools.toSorted((a, b) => (a.first < b.first ? -1 : 1));
  for (const [index, pool] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next !== undefined && rangesOverlap(pool, next))
      throw invalidInput(`Found overlapping allocation pools for subnet ${formatPrefix(prefix)}`);
    if (gateway !== null && isWithinRange(gateway, pool))
      throw gatewayInPools(formatAddress({ version: prefix.version, value: gateway }), poolText(prefix, pool));
  }
  return sorted;
}

export const poolText = (prefix: Prefix, { first, last }: Range): string =>
  `${formatAddress({ version: prefix.version, value: first })}-${formatAddress({ version: prefix.version, value: last })}`;

/** Name servers in their canonical spelling, each once. */
export function readNameservers(asked: readonly string[] | null | undefined): string[] {
  const servers = (asked ?? []).map((text) => {
    const address = parseAddress(text);
    if (address === null) throw invalidInput(`'${text.slice(0, 100)}' is not a valid nameserver`);
    return formatAddress(address);
  });
  if (new Set(servers).size !== servers.length) throw invalidInput('Duplicate nameserver');
  return servers;
}

/** Routes with canonical destinations and next hops of the same version. */
export function readRoutes(asked: readonly HostRoute[] | null | undefined): HostRoute[] {
  const routes = (asked ?? []).map(({ destination, nexthop }) => {
    const [prefix, hop] = [parsePrefix(destination), parseAddress(nexthop)];
    if (prefix === null) throw invalidInput(`'${destination.slice(0, 100)}' is not a valid IP subnet`);
    if (hop === null || hop.version !== prefix.version) throw invalidInput(`'${nexthop.slice(0, 100)}' is not a valid nexthop IP address`);
    return { destination: formatPrefix(prefix), nexthop: formatAddress(hop) };
  });
  if (new Set(routes.map((each) => `${each.destination} ${each.nexthop}`)).size !== routes.length)
    throw invalidInput('Duplicate host routes');
  return routes;
}

/** How hosts of an IPv6 subnet get their addresses; refuses what contradicts itself. */
export function checkIpv6Modes(
  body: { readonly ipv6_ra_mode?: string | null; readonly ipv6_address_mode?: string | null; readonly enable_dhcp?: boolean },
  prefix: Prefix,
): void {
  const { ipv6_ra_mode: ra = null, ipv6_address_mode: address = null } = body;
  if (ra === null && address === null) return;
  if (prefix.version === 4) throw invalidInput('ipv6_ra_mode or ipv6_address_mode can not be set when ip_version is 4');
  if (body.enable_dhcp === false) throw invalidInput('ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False');
  if (ra !== null && address !== null && ra !== address)
    throw invalidInput(
      `ipv6_ra_mode set to '${ra}' with ipv6_address_mode set to '${address}' is not valid. If both attributes are set, they must be the same value`,
    );
  if ((address ?? ra) !== 'dhcpv6-stateful' && prefix.length !== 64)
    throw invalidInput(
      `Invalid CIDR ${formatPrefix(prefix)} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64`,
    );
}
