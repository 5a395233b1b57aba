import type { CheckedRule } from '../wish/checked-wish.ts';
import { icmp, icmp6 } from '../wish/protocols.ts';

/** What a rule lets pass, as nft's expressions. Addresses stand for the other side: the source of what comes in, the destination of what goes out. */
export function ruleMatch(rule: CheckedRule, membersOf: (groupId: string, version: 4 | 6) => string): string {
  const ip = rule.version === 4 ? 'ip' : 'ip6';
  const words = [`meta protocol ${ip}`];
  if (rule.remote !== null)
    words.push(
      `${ip} ${rule.direction === 'ingress' ? 'saddr' : 'daddr'} ${'prefix' in rule.remote ? rule.remote.prefix.text : membersOf(rule.remote.groupId, rule.version)}`,
    );
  if (rule.protocol !== null) words.push(`meta l4proto ${rule.protocol}`);
  if (rule.range !== null) words.push(rangeMatch(rule.protocol, rule.range));
  return words.join(' ');
}

function rangeMatch(protocol: number | null, { from, to }: NonNullable<CheckedRule['range']>): string {
  if (protocol === icmp || protocol === icmp6) {
    const name = protocol === icmp ? 'icmp' : 'icmpv6';
    return `${name} type ${from}${to === null ? '' : ` ${name} code ${to}`}`;
  }
  return from === to ? `th dport ${from}` : `th dport ${from}-${to}`;
}
