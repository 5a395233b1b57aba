import type { NewIngressRule, SecurityGroup } from '../../../../clients/network.ts';
import { invalid } from '../../../../lib/errors.ts';
import { portsOf } from './shown-groups.ts';

/** What a request says of a rule; nothing of it is checked before. */
export interface RuleRequest {
  readonly group_id?: string | null;
  readonly ip_protocol?: unknown;
  readonly from_port?: unknown;
  readonly to_port?: unknown;
  readonly cidr?: unknown;
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** The rule a request asks for (`nova.network.security_group_api`): a group as the other side, or addresses with a protocol and its ports. */
export function newRule(groupId: string, request: RuleRequest): NewIngressRule {
  const remoteGroupId = request.group_id ?? null;
  const prefix = remoteGroupId === null ? prefixIn(request.cidr) : null;
  const protocol = isGiven(request.ip_protocol) && request.ip_protocol !== '' ? textOf(request.ip_protocol) : null;
  const named = protocol?.toUpperCase() ?? '';
  const isOpen = remoteGroupId !== null && !isGiven(request.from_port) && !isGiven(request.to_port);
  const whole = !isOpen ? null : named === 'ICMP' ? [-1, -1] : named === 'TCP' || named === 'UDP' ? [1, 65_535] : null;
  const [from, to] = whole ?? [request.from_port, request.to_port];
  const ethertype = prefix?.includes(':') === true ? 'IPv6' : 'IPv4';
  const rule = { groupId, ethertype, remoteGroupId, remoteIpPrefix: prefix } as const;
  if (protocol === null || !isGiven(from) || !isGiven(to)) {
    if (remoteGroupId === null) throw invalid('Not enough parameters to build a valid rule.');
    return { ...rule, protocol: null, portRange: { min: null, max: null } };
  }
  const range = rangeIn(named, protocol, from, to);
  return { ...rule, protocol, portRange: { min: range.from === -1 ? null : range.from, max: range.to === -1 ? null : range.to } };
}

function rangeIn(named: string, protocol: string, from: unknown, to: unknown): { readonly from: number; readonly to: number } {
  const [least, most] = [integerIn(from), integerIn(to)];
  if (least === null || most === null) {
    throw invalid(
      `Invalid input received: ${named === 'ICMP' ? 'Type and Code must be integers for ICMP protocol type' : 'To and From ports must be integers'}`,
    );
  }
  if (!['TCP', 'UDP', 'ICMP'].includes(named)) throw invalid(`Invalid IP protocol ${protocol.slice(0, 80)}.`);
  const refuse = (why: string) => invalid(`Invalid port range ${least}:${most}. ${why}`);
  if (named === 'ICMP') {
    if ([least, most].some((port) => port < -1 || port > 255)) throw refuse('For ICMP, the type:code must be valid');
  } else if (least > most) throw refuse('Former value cannot be greater than the later');
  else if (least < 1 || most > 65_535) throw refuse(`Valid ${named} ports should be between 1-65535`);
  return { from: least, to: most };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

function integerIn(value: unknown): number | null {
  const number = typeof value === 'string' && /^\s*[+-]?\d{1,9}\s*$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) ? number : null;
}

const v4 = /^((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)\/(3[0-2]|[12]?\d)$/;
const v6 = /^[0-9a-fA-F:.]{2,45}\/(12[0-8]|1[01]\d|\d?\d)$/;

/** The addresses a request names, or all of IPv4 when it names none. */
function prefixIn(cidr: unknown): string {
  if (!isGiven(cidr) || cidr === '') return '0.0.0.0/0';
  const text = textOf(cidr);
  if (!v4.test(text) && !(text.includes(':') && v6.test(text))) throw invalid(`Invalid cidr ${text.slice(0, 80)}.`);
  const [net, length] = text.split('/');
  if (length === '0' && net !== '0.0.0.0' && net !== '::') throw invalid(`Bad prefix for network in cidr ${text}`);
  return text;
}

/** Refuses a rule that the group has already. */
export function refuseTwice(group: SecurityGroup, wanted: NewIngressRule): void {
  const keyOf = (rule: NewIngressRule): string => {
    const { from, to } = portsOf({ id: '', direction: 'ingress', ...rule });
    return JSON.stringify([rule.remoteGroupId, rule.remoteIpPrefix, rule.protocol, from, to]);
  };
  const isThere = group.rules.some((rule) => rule.direction === 'ingress' && keyOf(rule) === keyOf(wanted));
  if (isThere) throw invalid(`This rule already exists in group ${group.id}`);
}
