import { sql, type Selectable } from 'kysely';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { column, standardFields, type Collection } from '../../collection.ts';
import { subnetNotFound } from '../../neutron-errors.ts';
import { Anything, Flag, OrNull, standardView, Text, Texts, Whole } from '../../standard-view.ts';
import type { NetworkTables } from '../../store/tables.ts';
import { sharedWith } from '../networks/collection.ts';

export type SubnetRow = Selectable<NetworkTables['subnet_details']> & { readonly shared: boolean };

const subnetView = versionedView<SubnetRow>('Subnet', {
  ...standardView<SubnetRow>(),
  name: { type: Text, get: (s) => s.name },
  tags: { type: Texts, get: (s) => s.tags },
  network_id: { type: Text, get: (s) => s.network_id },
  ip_version: { type: Whole, get: (s) => s.ip_version },
  cidr: { type: Text, get: (s) => s.cidr },
  gateway_ip: { type: OrNull(Text), get: (s) => s.gateway_ip },
  allocation_pools: { type: Anything, get: (s) => s.allocation_pools },
  enable_dhcp: { type: Flag, get: (s) => s.enable_dhcp },
  dns_nameservers: { type: Texts, get: (s) => s.dns_nameservers },
  host_routes: { type: Anything, get: (s) => s.host_routes },
  ipv6_ra_mode: { type: OrNull(Text), get: (s) => s.ipv6_ra_mode },
  ipv6_address_mode: { type: OrNull(Text), get: (s) => s.ipv6_address_mode },
  service_types: { type: Texts, get: (s) => s.service_types },
  subnetpool_id: { type: OrNull(Text), get: () => null },
  segment_id: { type: OrNull(Text), get: () => null },
  dns_publish_fixed_ip: { type: Flag, get: () => false },
  shared: { type: Flag, get: (s) => s.shared },
});

/** Subnets: one's own, those on one's own networks, and those of networks that are shared with one. */
export const subnets: Collection<SubnetRow> = {
  singular: 'subnet',
  plural: 'subnets',
  table: 'subnet_details',
  taggable: true,
  fields: {
    ...standardFields,
    network_id: column('network_id'),
    ip_version: column('ip_version', 'value'),
    cidr: column('cidr', 'value'),
    gateway_ip: { sql: sql`host(t.gateway_ip)`, kind: 'nullable' },
    enable_dhcp: column('enable_dhcp', 'boolean'),
    ipv6_ra_mode: column('ipv6_ra_mode', 'nullable'),
    ipv6_address_mode: column('ipv6_address_mode', 'nullable'),
    subnetpool_id: { sql: sql`NULL::text`, kind: 'nullable' },
    segment_id: { sql: sql`NULL::text`, kind: 'nullable' },
    shared: { sql: (scope) => sharedWith(scope, 't.network_id'), kind: 'boolean' },
  },
  filters: { service_types: (values) => sql`t.service_types && ${values}::text[]` },
  extra: (scope) => sql`${sharedWith(scope, 't.network_id')} AS shared`,
  visible: (scope) =>
    sql`t.project_id = ${scope.projectId} OR t.network_project_id = ${scope.projectId} OR ${sharedWith(scope, 't.network_id')}`,
  view: subnetView,
  target: (subnet) => ({
    project_id: subnet.project_id,
    tenant_id: subnet.project_id,
    'network:project_id': subnet.network_project_id,
    shared: subnet.shared,
  }),
  notFound: subnetNotFound,
};
