import { sql } from 'kysely';
import type { Selectable } from 'kysely';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { column, standardFields, type Collection, type Scope } from '../../collection.ts';
import { networkNotFound } from '../../neutron-errors.ts';
import { Flag, OrNull, standardView, Text, Texts, Whole } from '../../standard-view.ts';
import type { NetworkTables } from '../../store/tables.ts';

/** A network as a list query answers it; `shared` is from the caller's point of view. */
export type NetworkRow = Selectable<NetworkTables['network_details']> & { readonly shared: boolean };

/** Whether the network with this id is shared with the caller's project. */
export const sharedWith = (scope: Scope, networkId: string) =>
  sql<boolean>`EXISTS (SELECT 1 FROM rbac_policies b WHERE b.network_id = ${sql.ref(networkId)} AND b.action = 'access_as_shared'
    AND b.target_project IN ('*', ${scope.projectId ?? '*'}))`;

const networkView = versionedView<NetworkRow>('Network', {
  ...standardView<NetworkRow>(),
  name: { type: Text, get: (n) => n.name },
  tags: { type: Texts, get: (n) => n.tags },
  status: { type: Text, get: () => 'ACTIVE' },
  admin_state_up: { type: Flag, get: (n) => n.admin_state_up },
  shared: { type: Flag, get: (n) => n.shared },
  subnets: { type: Texts, get: (n) => n.subnet_ids },
  mtu: { type: Whole, get: (n) => n.mtu },
  port_security_enabled: { type: Flag, get: (n) => n.port_security_enabled },
  dns_domain: { type: Text, get: (n) => n.dns_domain },
  'router:external': { type: Flag, get: (n) => n.external },
  is_default: { type: Flag, get: (n) => (n.external ? n.is_default : undefined) },
  availability_zone_hints: { type: Texts, get: (n) => n.availability_zone_hints },
  availability_zones: { type: Texts, get: (n) => (n.dhcp_host === null ? [] : ['nova']) },
  ipv4_address_scope: { type: OrNull(Text), get: () => null },
  ipv6_address_scope: { type: OrNull(Text), get: () => null },
  qos_policy_id: { type: OrNull(Text), get: () => null },
  'provider:network_type': { type: Text, get: (n) => n.network_type, policy: 'get_network:provider' },
  'provider:physical_network': { type: OrNull(Text), get: (n) => n.physical_network, policy: 'get_network:provider' },
  'provider:segmentation_id': { type: OrNull(Whole), get: (n) => n.segmentation_id, policy: 'get_network:provider' },
});

/** Networks: one's own, external ones, and those that are shared with one. */
export const networks: Collection<NetworkRow> = {
  singular: 'network',
  plural: 'networks',
  table: 'network_details',
  taggable: true,
  fields: {
    ...standardFields,
    status: { sql: sql`'ACTIVE'::text`, kind: 'text' },
    admin_state_up: column('admin_state_up', 'boolean'),
    shared: { sql: (scope) => sharedWith(scope, 't.id'), kind: 'boolean' },
    'router:external': column('external', 'boolean'),
    is_default: column('is_default', 'boolean'),
    mtu: column('mtu', 'value'),
    port_security_enabled: column('port_security_enabled', 'boolean'),
    dns_domain: column('dns_domain'),
    'provider:network_type': { ...column('network_type'), see: 'get_network:provider' },
    'provider:physical_network': { ...column('physical_network', 'nullable'), see: 'get_network:provider' },
    'provider:segmentation_id': { ...column('segmentation_id', 'nullable'), see: 'get_network:provider' },
  },
  filters: { subnets: (values) => sql`t.subnet_ids && ${values}::text[]` },
  extra: (scope) => sql`${sharedWith(scope, 't.id')} AS shared`,
  visible: (scope) => sql`t.project_id = ${scope.projectId} OR t.external OR ${sharedWith(scope, 't.id')}`,
  view: networkView,
  target: networkTarget,
  notFound: networkNotFound,
};

/** What the policy is told of a network, and of what is made on it. */
export function networkTarget(network: Pick<NetworkRow, 'project_id' | 'shared' | 'external'>): Readonly<Record<string, unknown>> {
  return {
    project_id: network.project_id,
    tenant_id: network.project_id,
    'network:project_id': network.project_id,
    shared: network.shared,
    'router:external': network.external,
  };
}
