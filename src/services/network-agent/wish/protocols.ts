/** IP protocols by the names Neutron's security group rules know; a number may stand for any. */
const numbers: Readonly<Record<string, number>> = {
  ah: 51,
  dccp: 33,
  egp: 8,
  esp: 50,
  gre: 47,
  icmp: 1,
  icmp6: 58,
  icmpv6: 58,
  igmp: 2,
  ipip: 4,
  'ipv6-encap': 41,
  'ipv6-frag': 44,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  'ipv6-route': 43,
  ospf: 89,
  pgm: 113,
  rsvp: 46,
  sctp: 132,
  tcp: 6,
  udp: 17,
  udplite: 136,
  vrrp: 112,
};

/** The number of a protocol by name in any case or by number text; null when there is none such. */
export function protocolNumber(text: string): number | null {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= 255 ? Number(text) : null;
  const name = text.toLowerCase();
  return Object.hasOwn(numbers, name) ? (numbers[name] ?? null) : null;
}

/** Protocols whose packets have ports where TCP has them. */
export const protocolsWithPorts: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);
export const icmp = 1;
export const icmp6 = 58;
