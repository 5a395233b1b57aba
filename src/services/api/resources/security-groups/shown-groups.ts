import type { SecurityGroup, SecurityGroupRule } from '../../../../clients/network.ts';
import type { Session } from '../../../../clients/session.ts';
import type { ApiDeps } from '../../deps.ts';

type Named = Pick<SecurityGroup, 'name' | 'projectId'>;

/** The ports of a rule as compute told them: a protocol without a range means all of it. */
export function portsOf({ protocol, portRange: { min, max } }: SecurityGroupRule): {
  readonly from: number | null;
  readonly to: number | null;
} {
  if (protocol === null || min !== null || max !== null) return { from: min, to: max };
  return /^(tcp|udp)$/i.test(protocol) ? { from: 1, to: 65_535 } : { from: -1, to: -1 };
}

export const shownRule = (rule: SecurityGroupRule, remote: Named | null) => ({
  id: rule.id,
  parent_group_id: rule.groupId,
  ip_protocol: rule.protocol,
  from_port: portsOf(rule).from,
  to_port: portsOf(rule).to,
  group: remote === null ? {} : { name: remote.name, tenant_id: remote.projectId },
  ip_range: remote === null ? { cidr: rule.remoteIpPrefix ?? '0.0.0.0/0' } : {},
});

/** Security groups as compute showed them: with what they let in only. A rule is left out when its other side is a group that is gone or not to be seen. */
export async function shownGroups(deps: Pick<ApiDeps, 'network'>, session: Session, groups: readonly SecurityGroup[]) {
  const known = new Map<string, Named>(groups.map((group) => [group.id, group]));
  const incoming = ({ rules }: SecurityGroup) => rules.filter(({ direction }) => direction === 'ingress');
  const others = new Set(groups.flatMap(incoming).flatMap(({ remoteGroupId: id }) => (id === null || known.has(id) ? [] : [id])));
  if (others.size > 0) for (const group of await deps.network.securityGroups(session, { id: [...others] })) known.set(group.id, group);
  return groups.map((group) => ({
    id: group.id,
    name: group.name,
    description: group.description,
    tenant_id: group.projectId,
    rules: incoming(group).flatMap((rule) => {
      if (rule.remoteGroupId === null) return [shownRule(rule, null)];
      const remote = known.get(rule.remoteGroupId);
      return remote === undefined ? [] : [shownRule(rule, remote)];
    }),
  }));
}

/** In the order lists have. */
export const sortedGroups = <G extends { readonly tenant_id: string; readonly name: string }>(groups: readonly G[]): G[] =>
  groups.toSorted((a, b) => (a.tenant_id === b.tenant_id ? compare(a.name, b.name) : compare(a.tenant_id, b.tenant_id)));
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
