import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

declare const checked: unique symbol;
/** Text that has been parsed and written anew: what it was made from cannot show in it, so it may stand in a ruleset or a configuration. */
export type Checked<Kind extends string> = string & { readonly [checked]: Kind };

export type MacAddress = Checked<'mac'>;
export interface IpAddress {
  readonly version: 4 | 6;
  readonly text: Checked<'address'>;
}
/** An address range; `text` is its first address and prefix length. */
export interface IpPrefix {
  readonly version: 4 | 6;
  readonly text: Checked<'prefix'>;
  readonly length: number;
}
/** An address and the length of the prefix it stands in, as an interface carries it. */
export interface InterfaceAddress {
  readonly version: 4 | 6;
  readonly text: Checked<'interface'>;
  readonly address: IpAddress;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where text becomes checked
const vouch = <Kind extends string>(text: string): Checked<Kind> => text as Checked<Kind>;

/** An Ethernet address in any case, as Neutron keeps it; null when it is none, or a group address, which no card has. */
export function parseMac(text: string): MacAddress | null {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return null;
  if ((Number.parseInt(text.slice(0, 2), 16) & 1) === 1) return null;
  return vouch(text.toLowerCase());
}

export function parseAddress(text: string): IpAddress | null {
  const version = isIP(text);
  if (version !== 4 && version !== 6) return null;
  if (text.includes('%')) return null;
  return { version, text: vouch(version === 4 ? text : ipaddr.IPv6.parse(text).toString()) };
}

/** A range as `address/length`, or a single address; bits behind the length are cleared. */
export function parsePrefix(text: string): IpPrefix | null {
  const split = splitLength(text);
  if (split === null) return null;
  const { address, length } = split;
  const network = (address.version === 4 ? ipaddr.IPv4 : ipaddr.IPv6).networkAddressFromCIDR(`${address.text}/${length}`);
  return { version: address.version, length, text: vouch(`${network.toString()}/${length}`) };
}

export function parseInterfaceAddress(text: string): InterfaceAddress | null {
  const split = splitLength(text);
  return split === null
    ? null
    : { version: split.address.version, address: split.address, text: vouch(`${split.address.text}/${split.length}`) };
}

function splitLength(text: string): { readonly address: IpAddress; readonly length: number } | null {
  const [host = '', given, ...more] = text.split('/');
  const address = parseAddress(host);
  if (address === null || more.length > 0) return null;
  const longest = address.version === 4 ? 32 : 128;
  if (given === undefined) return { address, length: longest };
  if (!/^\d{1,3}$/.test(given) || Number(given) > longest) return null;
  return { address, length: Number(given) };
}

/** Whether the range holds the address. */
export function contains(prefix: IpPrefix, address: IpAddress): boolean {
  if (prefix.version !== address.version) return false;
  const [network = ''] = prefix.text.split('/');
  return prefix.version === 4
    ? ipaddr.IPv4.parse(address.text).match(ipaddr.IPv4.parse(network), prefix.length)
    : ipaddr.IPv6.parse(address.text).match(ipaddr.IPv6.parse(network), prefix.length);
}

/** Whether two ranges have an address in common. */
export function overlap(one: IpPrefix, other: IpPrefix): boolean {
  if (one.version !== other.version) return false;
  const [wide, narrow] = one.length <= other.length ? [one, other] : [other, one];
  const first = parseAddress(narrow.text.split('/')[0] ?? '');
  return first !== null && contains(wide, first);
}

/** The address on a range with the given number: 1 is the first after the network's own. */
export function nthAddress(prefix: IpPrefix, index: number): IpAddress | null {
  const [network = ''] = prefix.text.split('/');
  const bytes = ipaddr.parse(network).toByteArray();
  for (let at = bytes.length - 1, carry = index; at >= 0 && carry > 0; at--) {
    const sum = (bytes[at] ?? 0) + carry;
    bytes[at] = sum & 255;
    carry = sum >> 8;
  }
  const address = parseAddress(ipaddr.fromByteArray(bytes).toString());
  return address !== null && contains(prefix, address) ? address : null;
}

/** The dotted mask of an IPv4 range. */
export const maskOf = (prefix: IpPrefix): string => ipaddr.IPv4.subnetMaskFromPrefixLength(prefix.length).toString();

/** The link-local IPv6 address a card with this Ethernet address gives itself. */
export function linkLocalOf(mac: MacAddress): IpAddress {
  const bytes = mac.split(':').map((pair) => Number.parseInt(pair, 16));
  const word = (high: number, low: number): string => (((bytes[high] ?? 0) << 8) | (bytes[low] ?? 0)).toString(16);
  const first = (((((bytes[0] ?? 0) ^ 2) << 8) | (bytes[1] ?? 0)) >>> 0).toString(16);
  const text = `fe80::${first}:${(((bytes[2] ?? 0) << 8) | 0xff).toString(16)}:${(0xfe00 | (bytes[3] ?? 0)).toString(16)}:${word(4, 5)}`;
  return { version: 6, text: vouch(ipaddr.IPv6.parse(text).toString()) };
}

/** An IPv6 address as one hexadecimal number, for a match on raw payload. */
export const hexOf = (address: IpAddress): string =>
  `0x${ipaddr
    .parse(address.text)
    .toByteArray()
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')}`;

/** The range that holds one address only. */
export const prefixOf = ({ version, text }: IpAddress): IpPrefix => {
  const length = version === 4 ? 32 : 128;
  return { version, length, text: vouch(`${text}/${length}`) };
};

/** 0.0.0.0, the sender of an ARP probe. */
export const unspecified: IpPrefix = { version: 4, length: 32, text: vouch('0.0.0.0/32') };

/** The ranges without those that lie inside another: what is left has no address twice. */
export function withoutCovered(prefixes: readonly IpPrefix[]): readonly IpPrefix[] {
  const kept: IpPrefix[] = [];
  for (const prefix of prefixes.toSorted((a, b) => a.length - b.length))
    if (!kept.some((wider) => overlap(wider, prefix))) kept.push(prefix);
  return kept;
}
