import type { WishedSecurityGroup } from '../../../contracts/network-agent.ts';
import { invalid } from '../../../lib/errors.ts';
import { isUuid } from '../../../lib/ids.ts';
import { parsePrefix } from '../address.ts';
import type { CheckedRule } from './checked-wish.ts';
import { icmp, icmp6, protocolNumber, protocolsWithPorts } from './protocols.ts';

type WishedRule = WishedSecurityGroup['rules'][number];

/** Parses one rule of a security group; a rule that says something impossible is refused whole rather than read as something wider. */
export function checkRule(rule: WishedRule): CheckedRule {
  if (rule.direction !== 'ingress' && rule.direction !== 'egress') throw invalid(`${JSON.stringify(rule.direction)} is not a direction.`);
  if (rule.ethertype !== 'IPv4' && rule.ethertype !== 'IPv6') throw invalid(`${JSON.stringify(rule.ethertype)} is not an ethertype.`);
  const version = rule.ethertype === 'IPv4' ? 4 : 6;
  const protocol = checkProtocol(rule.protocol, version);
  return { direction: rule.direction, version, protocol, range: checkRange(rule, protocol), remote: checkRemote(rule, version) };
}

function checkProtocol(text: string | null, version: 4 | 6): number | null {
  if (text === null || text.toLowerCase() === 'any') return null;
  const number = protocolNumber(text);
  if (number === null) throw invalid(`${JSON.stringify(text)} is not an IP protocol.`);
  if (number === icmp && version === 6) return icmp6; // Neutron's rules say icmp for both
  if (number === icmp6 && version === 4) throw invalid('ICMPv6 is no protocol of IPv4.');
  return number === 0 && text === '0' ? null : number; // Neutron's 0 is any
}

const within = (value: number, limit: number): boolean => Number.isInteger(value) && value >= 0 && value <= limit;

function checkRange({ portRangeMin: min, portRangeMax: max }: WishedRule, protocol: number | null): CheckedRule['range'] {
  if (min === null && max === null) return null;
  if (protocol === icmp || protocol === icmp6) {
    if (min === null || !within(min, 255) || (max !== null && !within(max, 255)))
      throw invalid(`${min} and ${max} are not a type and a code of ICMP.`);
    return { from: min, to: max };
  }
  if (protocol === null || !protocolsWithPorts.has(protocol)) throw invalid('A port range needs a protocol that has ports.');
  const [from, to] = [min ?? max ?? -1, max ?? min ?? -1];
  if (!within(from, 65_535) || !within(to, 65_535) || from > to) throw invalid(`${min}-${max} is not a range of ports.`);
  return { from, to };
}

function checkRemote({ remoteIpPrefix, remoteGroupId }: WishedRule, version: 4 | 6): CheckedRule['remote'] {
  if (remoteGroupId !== null) {
    if (!isUuid(remoteGroupId)) throw invalid(`${JSON.stringify(remoteGroupId)} is not a UUID.`);
    return { groupId: remoteGroupId };
  }
  if (remoteIpPrefix === null) return null;
  const prefix = parsePrefix(remoteIpPrefix);
  if (prefix === null || prefix.version !== version)
    throw invalid(`${JSON.stringify(remoteIpPrefix).slice(0, 80)} is not an address range of IPv${version}.`);
  return { prefix };
}
