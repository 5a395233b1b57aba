import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../addresses/prefix.ts';
import { invalid } from '../../../../lib/errors.ts';

/** Protocols that may be named, with their numbers (IANA). */
const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  egp: 8,
  udp: 17,
  dccp: 33,
  'ipv6-encap': 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  ospf: 89,
  vrrp: 112,
  pgm: 113,
  sctp: 132,
  udplite: 136,
};
const withPorts = new Set([6, 17, 33, 132, 136]);
const icmpNumbers = new Set([1, 58]);
const onlyIpv6 = new Set([41, 43, 44, 58, 59, 60]);

/** A rule as a request gives it. */
export interface AskedRule {
  readonly direction: string;
  readonly ethertype?: string | null;
  readonly protocol?: string | number | null;
  readonly port_range_min?: string | number | null;
  readonly port_range_max?: string | number | null;
  readonly remote_ip_prefix?: string | null;
  readonly remote_group_id?: string | null;
}

/** A rule in the one form it is kept in; what could be read two ways has been refused. */
export interface RulePlan {
  readonly direction: 'ingress' | 'egress';
  readonly ethertype: 'IPv4' | 'IPv6';
  readonly protocol: string | null;
  readonly protocol_number: number | null;
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  readonly remote_ip_prefix: string | null;
  readonly remote_group_id: string | null;
}

const refuse = (code: string, message: string): never => {
  throw invalid(message, { code });
};

/** Reads and checks a rule. Whatever cannot be applied exactly as written is refused, never widened. */
export function planRule(asked: AskedRule): RulePlan {
  const direction =
    asked.direction === 'ingress' || asked.direction === 'egress'
      ? asked.direction
      : refuse('HTTPBadRequest', `Invalid input for direction. Reason: '${asked.direction.slice(0, 50)}' is not in ['ingress', 'egress'].`);
  const ethertype = readEthertype(asked.ethertype ?? 'IPv4');
  const protocol = readProtocol(asked.protocol);
  const number = protocol === null ? null : (protocolNumbers[protocol] ?? Number(protocol));
  if (number !== null && onlyIpv6.has(number) && ethertype === 'IPv4' && number !== 41) {
    refuse('SecurityGroupEthertypeConflictWithProtocol', `Invalid ethertype ${ethertype} for protocol ${String(protocol)}.`);
  }
  const [min, max] = readPorts(asked, protocol, number);
  const hasGroup = typeof asked.remote_group_id === 'string';
  const hasPrefix = typeof asked.remote_ip_prefix === 'string' && asked.remote_ip_prefix !== '';
  if (hasGroup && hasPrefix) refuse('SecurityGroupMultipleRemoteEntites', 'Only remote_ip_prefix or remote_group_id may be provided.');
  return {
    direction,
    ethertype,
    protocol,
    protocol_number: number,
    port_range_min: min,
    port_range_max: max,
    remote_ip_prefix: hasPrefix ? readRemotePrefix(asked.remote_ip_prefix ?? '', ethertype) : null,
    remote_group_id: asked.remote_group_id ?? null,
  };
}

function readEthertype(text: string): 'IPv4' | 'IPv6' {
  const lower = text.toLowerCase();
  if (lower === 'ipv4') return 'IPv4';
  if (lower === 'ipv6') return 'IPv6';
  return refuse(
    'SecurityGroupRuleInvalidEtherType',
    `Security group rule for ethertype '${text.slice(0, 50)}' not supported. Allowed values are ['IPv4', 'IPv6'].`,
  );
}

function readProtocol(given: string | number | null | undefined): string | null {
  if (given === null || given === undefined) return null;
  const text = String(given).toLowerCase();
  if (text === '' || text === 'any') return null;
  const isNumber = /^(0|[1-9]\d{0,2})$/.test(text) && Number(text) <= 255;
  if (!isNumber && !Object.hasOwn(protocolNumbers, text)) {
    refuse(
      'SecurityGroupRuleInvalidProtocol',
      `Security group rule protocol ${text.slice(0, 50)} not supported. Only protocol values ${Object.keys(protocolNumbers).join(', ')} and integer representations [0 to 255] are supported.`,
    );
  }
  return text === '0' ? null : text;
}

function readNumber(given: string | number | null | undefined): number | null {
  if (given === null || given === undefined || given === '') return null;
  const number = typeof given === 'number' ? given : /^-?\d{1,6}$/.test(given) ? Number(given) : Number.NaN;
  if (!Number.isInteger(number)) refuse('SecurityGroupInvalidPortValue', `Invalid value for port ${String(given).slice(0, 50)}`);
  return number;
}

function readPorts(asked: AskedRule, protocol: string | null, number: number | null): readonly [number | null, number | null] {
  const [min, max] = [readNumber(asked.port_range_min), readNumber(asked.port_range_max)];
  if (min === null && max === null) return [null, null];
  if (number === null) return refuse('SecurityGroupProtocolRequiredWithPorts', 'Must also specify protocol if port range is given.');
  if (icmpNumbers.has(number)) {
    for (const [field, value] of [
      ['port_range_min (type)', min],
      ['port_range_max (code)', max],
    ] as const) {
      if (value !== null && (value < 0 || value > 255))
        refuse('SecurityGroupInvalidIcmpValue', `Invalid value for ICMP ${field} ${value}. It must be 0 to 255.`);
    }
    if (min === null)
      refuse(
        'SecurityGroupMissingIcmpType',
        `ICMP code (port-range-max) ${String(max)} is provided but ICMP type (port-range-min) is missing.`,
      );
    return [min, max];
  }
  if (!withPorts.has(number))
    return refuse(
      'SecurityGroupInvalidProtocolForPortRange',
      `Invalid protocol ${String(protocol)} for port range, only supported for TCP, UDP, UDPLITE, SCTP and DCCP.`,
    );
  if (min === null || max === null || min < 1 || max > 65535 || min > max)
    return refuse('SecurityGroupInvalidPortRange', 'For TCP/UDP protocols, port_range_min must be <= port_range_max');
  return [min, max];
}

/** The network as it was written, host bits and all, with canonical addresses; an address alone is a network of one. Networks of the other IP version, mapped ones included, are refused. */
function readRemotePrefix(text: string, ethertype: 'IPv4' | 'IPv6'): string {
  const address = parseAddress(text);
  const prefix = address === null ? parsePrefix(text) : { ...address, length: address.version === 4 ? 32 : 128 };
  if (prefix === null)
    return refuse('HTTPBadRequest', `Invalid input for remote_ip_prefix. Reason: '${text.slice(0, 100)}' is not a valid IP subnet.`);
  const mapped = prefix.version === 6 && prefix.value >> 32n === 0xffffn;
  if ((prefix.version === 4) !== (ethertype === 'IPv4') || mapped) {
    refuse('SecurityGroupRuleParameterConflict', `Conflicting value ethertype ${ethertype} for CIDR ${text.slice(0, 100)}`);
  }
  const written = address ?? parseAddress(text.slice(0, text.indexOf('/')));
  return written === null ? formatPrefix(prefix) : `${formatAddress(written)}/${prefix.length}`;
}
