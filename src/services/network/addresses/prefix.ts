import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export type IpVersion = 4 | 6;

/** One IP address as a number that can be compared and added to. */
export interface Address {
  readonly version: IpVersion;
  readonly value: bigint;
}

/** A network in CIDR notation; `value` has no host bits. */
export interface Prefix {
  readonly version: IpVersion;
  readonly value: bigint;
  readonly length: number;
}

/** A run of addresses, both ends included. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

const bitsOf = (version: IpVersion): number => (version === 4 ? 32 : 128);

/** Reads the one strict spelling of an address: four decimal parts, or IPv6 without a zone. */
export function parseAddress(text: string): Address | null {
  if (isIP(text) === 0 || text.includes('%')) return null;
  const bytes = ipaddr.parse(text).toByteArray();
  return { version: bytes.length === 4 ? 4 : 6, value: bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) };
}

/** The canonical spelling (RFC 5952 for IPv6), which is also PostgreSQL's. */
export function formatAddress({ version, value }: Address): string {
  const bytes: number[] = [];
  for (let shift = BigInt(bitsOf(version) - 8); shift >= 0n; shift -= 8n) bytes.push(Number((value >> shift) & 0xffn));
  return ipaddr.fromByteArray(bytes).toString();
}

/** Reads `address/length`; null when it is malformed. Host bits are cut off: compare with `formatPrefix` to notice them. */
export function parsePrefix(text: string): Prefix | null {
  const match = /^([0-9a-fA-F.:]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const address = match === null ? null : parseAddress(match[1] ?? '');
  if (match === null || address === null) return null;
  const length = Number(match[2]);
  if (length > bitsOf(address.version)) return null;
  const hostBits = BigInt(bitsOf(address.version) - length);
  return { version: address.version, value: (address.value >> hostBits) << hostBits, length };
}

/** Reads a network that PostgreSQL has written. */
export function prefixOfCidr(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === null) throw new TypeError(`the database holds the unreadable cidr ${text}`);
  return prefix;
}

export const formatPrefix = ({ version, value, length }: Prefix): string => `${formatAddress({ version, value })}/${length}`;

/** Every address of a prefix, the network's own and the broadcast one included. */
export function rangeOf({ version, value, length }: Prefix): Range {
  return { first: value, last: value + (1n << BigInt(bitsOf(version) - length)) - 1n };
}

/** Addresses a host may have: without the network's and the broadcast address, where the prefix is long enough to have them. */
export function hostRangeOf(prefix: Prefix): Range {
  const { first, last } = rangeOf(prefix);
  const spare = bitsOf(prefix.version) - prefix.length;
  if (spare <= 1) return { first, last };
  return { first: first + 1n, last: prefix.version === 4 ? last - 1n : last };
}

export const isWithinRange = (value: bigint, { first, last }: Range): boolean => value >= first && value <= last;

export const isWithinPrefix = (address: Address, prefix: Prefix): boolean =>
  address.version === prefix.version && isWithinRange(address.value, rangeOf(prefix));

export const rangesOverlap = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last;

export const prefixesOverlap = (a: Prefix, b: Prefix): boolean => a.version === b.version && rangesOverlap(rangeOf(a), rangeOf(b));

/** The pools a subnet gets when none are asked for: all host addresses but the gateway's. */
export function defaultPools(prefix: Prefix, gateway: bigint | null): Range[] {
  const hosts = hostRangeOf(prefix);
  if (gateway === null || !isWithinRange(gateway, hosts)) return [hosts];
  return [
    { first: hosts.first, last: gateway - 1n },
    { first: gateway + 1n, last: hosts.last },
  ].filter(({ first, last }) => first <= last);
}

export const sizeOf = (ranges: readonly Range[]): bigint => ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);

/** The address a host gives itself from a /64 and its MAC address (modified EUI-64). */
export function eui64Address(prefix: Prefix, macAddress: string): Address {
  const bytes = macAddress.split(':').map((part) => Number.parseInt(part, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  const interfaceId = [a ^ 2, b, c, 0xff, 0xfe, d, e, f].reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { version: 6, value: prefix.value | interfaceId };
}
