import { sql, type Selectable } from 'kysely';
import { versionedView, type Viewer, type ViewField } from '../../../../lib/http/versioned-view.ts';
import { column, ownedBy, standardFields, type Collection } from '../../collection.ts';
import { securityGroupNotFound, securityGroupRuleNotFound } from '../../neutron-errors.ts';
import { Anything, Flag, OrNull, standardView, Text, Texts, timeText, Whole } from '../../standard-view.ts';
import type { NetworkTables } from '../../store/tables.ts';

export type RuleRow = Selectable<NetworkTables['security_group_rules']>;
export type GroupRow = Selectable<NetworkTables['security_groups']> & { readonly rules: readonly RuleRow[] };

const ruleFields: Readonly<Record<string, ViewField<RuleRow, Viewer>>> = {
  id: { type: Text, get: (r) => r.id },
  tenant_id: { type: Text, get: (r) => r.project_id },
  project_id: { type: Text, get: (r) => r.project_id },
  security_group_id: { type: Text, get: (r) => r.security_group_id },
  description: { type: Text, get: (r) => r.description },
  direction: { type: Text, get: (r) => r.direction },
  ethertype: { type: Text, get: (r) => r.ethertype },
  protocol: { type: OrNull(Text), get: (r) => r.protocol },
  port_range_min: { type: OrNull(Whole), get: (r) => r.port_range_min },
  port_range_max: { type: OrNull(Whole), get: (r) => r.port_range_max },
  remote_ip_prefix: { type: OrNull(Text), get: (r) => r.remote_ip_prefix },
  normalized_cidr: { type: OrNull(Text), get: (r) => r.normalized_cidr },
  remote_group_id: { type: OrNull(Text), get: (r) => r.remote_group_id },
  remote_address_group_id: { type: OrNull(Text), get: () => null },
  revision_number: { type: Whole, get: (r) => r.revision_number },
  created_at: { type: Text, get: (r) => timeText(r.created_at) },
  updated_at: { type: Text, get: (r) => timeText(r.updated_at) },
};
const ruleView = versionedView<RuleRow>('SecurityGroupRule', ruleFields);

const groupView = versionedView<GroupRow>('SecurityGroup', {
  ...standardView<GroupRow>(),
  name: { type: Text, get: (g) => g.name },
  tags: { type: Texts, get: (g) => g.tags },
  stateful: { type: Flag, get: (g) => g.stateful },
  shared: { type: Flag, get: () => false },
  security_group_rules: { type: Anything, get: (g, viewer) => g.rules.map((rule) => ruleView.render(rule, viewer)) },
});

/** Security groups of one's own project. */
export const securityGroups: Collection<GroupRow> = {
  singular: 'security_group',
  plural: 'security_groups',
  table: 'security_group_details',
  taggable: true,
  fields: { ...standardFields, stateful: column('stateful', 'boolean'), shared: { sql: sql`false`, kind: 'boolean' } },
  visible: ownedBy,
  view: groupView,
  target: (group) => ({ project_id: group.project_id, tenant_id: group.project_id }),
  notFound: securityGroupNotFound,
};

/** Rules of one's own groups. */
export const securityGroupRules: Collection<RuleRow> = {
  singular: 'security_group_rule',
  plural: 'security_group_rules',
  table: 'security_group_rules',
  taggable: false,
  fields: {
    id: column('id'),
    project_id: column('project_id'),
    tenant_id: column('project_id'),
    security_group_id: column('security_group_id'),
    description: column('description'),
    direction: column('direction'),
    ethertype: column('ethertype'),
    protocol: column('protocol', 'nullable'),
    port_range_min: column('port_range_min', 'nullable'),
    port_range_max: column('port_range_max', 'nullable'),
    remote_ip_prefix: column('remote_ip_prefix', 'nullable'),
    remote_group_id: column('remote_group_id', 'nullable'),
    revision_number: column('revision_number', 'value'),
    created_at: column('created_at', 'value'),
    updated_at: column('updated_at', 'value'),
  },
  visible: (scope) => sql`t.security_group_id IN (SELECT g.id FROM security_groups g WHERE g.project_id = ${scope.projectId})`,
  view: ruleView,
  target: (rule) => ({ project_id: rule.project_id, tenant_id: rule.project_id }),
  notFound: securityGroupRuleNotFound,
};
