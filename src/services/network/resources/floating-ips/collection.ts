import { sql, type Selectable } from 'kysely';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { column, ownedBy, standardFields, type Collection } from '../../collection.ts';
import { floatingIpNotFound } from '../../neutron-errors.ts';
import { Anything, OrNull, standardView, Text, Texts } from '../../standard-view.ts';
import type { NetworkTables } from '../../store/tables.ts';

export type FloatingIpRow = Selectable<NetworkTables['floating_ip_details']>;

const floatingIpView = versionedView<FloatingIpRow>('FloatingIp', {
  ...standardView<FloatingIpRow>(),
  tags: { type: Texts, get: (f) => f.tags },
  floating_ip_address: { type: Text, get: (f) => f.floating_ip_address },
  floating_network_id: { type: Text, get: (f) => f.floating_network_id },
  router_id: { type: OrNull(Text), get: (f) => f.router_id },
  port_id: { type: OrNull(Text), get: (f) => f.port_id },
  fixed_ip_address: { type: OrNull(Text), get: (f) => f.fixed_ip_address },
  status: { type: Text, get: (f) => f.status },
  port_details: { type: OrNull(Anything), get: (f) => f.port_details },
  dns_name: { type: Text, get: (f) => f.dns_name },
  dns_domain: { type: Text, get: (f) => f.dns_domain },
  qos_policy_id: { type: OrNull(Text), get: () => null },
});

/** Floating IPs of one's own project. */
export const floatingIps: Collection<FloatingIpRow> = {
  singular: 'floatingip',
  plural: 'floatingips',
  table: 'floating_ip_details',
  taggable: true,
  fields: {
    ...standardFields,
    floating_ip_address: { sql: sql`host(t.floating_ip_address)`, kind: 'nullable' },
    fixed_ip_address: { sql: sql`host(t.fixed_ip_address)`, kind: 'nullable' },
    floating_network_id: column('floating_network_id'),
    port_id: column('port_id', 'nullable'),
    router_id: column('router_id', 'nullable'),
    status: column('status'),
  },
  visible: ownedBy,
  view: floatingIpView,
  target: (floatingIp) => ({ project_id: floatingIp.project_id, tenant_id: floatingIp.project_id }),
  notFound: floatingIpNotFound,
};
