import { sql, type RawBuilder, type Selectable } from 'kysely';
import { versionedView, type VersionedView } from '../../../../lib/http/versioned-view.ts';
import { column, standardFields, type Collection } from '../../collection.ts';
import { invalidInput, portNotFound } from '../../neutron-errors.ts';
import { Anything, Flag, OrNull, standardView, Text, Texts } from '../../standard-view.ts';
import type { NetworkTables } from '../../store/tables.ts';
import { parseAddress } from '../../addresses/prefix.ts';

export type PortRow = Selectable<NetworkTables['port_details']>;

/** The name a port's address has in its network's DNS: its own, or one made of the address. */
export const hostNameOf = (dnsName: string, ipAddress: string): string =>
  dnsName === '' ? `host-${ipAddress.replaceAll(/[.:]/g, '-')}` : (dnsName.split('.')[0] ?? '');

/** Ports as a cloud shows them whose names end in `dnsDomain`. */
const portView = (dnsDomain: string): VersionedView<PortRow> =>
  versionedView<PortRow>('Port', {
    ...standardView<PortRow>(),
    name: { type: Text, get: (p) => p.name },
    tags: { type: Texts, get: (p) => p.tags },
    network_id: { type: Text, get: (p) => p.network_id },
    mac_address: { type: Text, get: (p) => p.mac_address },
    admin_state_up: { type: Flag, get: (p) => p.admin_state_up },
    status: { type: Text, get: (p) => p.status },
    device_id: { type: Text, get: (p) => p.device_id },
    device_owner: { type: Text, get: (p) => p.device_owner },
    fixed_ips: { type: Anything, get: (p) => p.fixed_ips },
    security_groups: { type: Texts, get: (p) => p.security_groups },
    port_security_enabled: { type: Flag, get: (p) => p.port_security_enabled },
    allowed_address_pairs: { type: Anything, get: (p) => p.allowed_address_pairs },
    extra_dhcp_opts: { type: Anything, get: (p) => p.extra_dhcp_opts },
    dns_name: { type: Text, get: (p) => p.dns_name },
    dns_domain: { type: Text, get: (p) => p.dns_domain },
    dns_assignment: {
      type: Anything,
      get: (p) =>
        p.fixed_ips.map(({ ip_address: ip }) => {
          const hostname = hostNameOf(p.dns_name, ip);
          return { ip_address: ip, hostname, fqdn: `${hostname}.${dnsDomain}` };
        }),
    },
    ip_allocation: { type: Text, get: () => 'immediate' },
    propagate_uplink_status: { type: Flag, get: () => false },
    qos_policy_id: { type: OrNull(Text), get: () => null },
    qos_network_policy_id: { type: OrNull(Text), get: () => null },
    resource_request: { type: OrNull(Anything), get: () => null, policy: 'get_port:resource_request' },
    'binding:vnic_type': { type: Text, get: (p) => p.vnic_type },
    'binding:host_id': { type: Text, get: (p) => p.binding_host, policy: 'get_port:binding:host_id' },
    'binding:vif_type': { type: Text, get: (p) => p.vif_type, policy: 'get_port:binding:vif_type' },
    'binding:vif_details': { type: Anything, get: (p) => p.vif_details, policy: 'get_port:binding:vif_details' },
    'binding:profile': { type: Anything, get: (p) => p.profile, policy: 'get_port:binding:profile' },
  });

export const dnsDomain = 'openstacklocal.';

/** Ports: one's own, and those on one's own networks. */
export const ports: Collection<PortRow> = {
  singular: 'port',
  plural: 'ports',
  table: 'port_details',
  taggable: true,
  fields: {
    ...standardFields,
    network_id: column('network_id'),
    mac_address: column('mac_address'),
    admin_state_up: column('admin_state_up', 'boolean'),
    status: column('status'),
    device_id: column('device_id'),
    device_owner: column('device_owner'),
    port_security_enabled: column('port_security_enabled', 'boolean'),
    dns_name: column('dns_name'),
    dns_domain: column('dns_domain'),
    ip_allocation: { sql: sql`'immediate'::text`, kind: 'text' },
    qos_policy_id: { sql: sql`NULL::text`, kind: 'nullable' },
    'binding:vnic_type': column('vnic_type'),
    'binding:host_id': { ...column('binding_host'), see: 'get_port:binding:host_id' },
    'binding:vif_type': { ...column('vif_type'), see: 'get_port:binding:vif_type' },
  },
  filters: {
    fixed_ips: byFixedIps,
    security_groups: inGroups,
    security_group_ids: inGroups,
  },
  visible: (scope) => sql`t.project_id = ${scope.projectId} OR t.network_project_id = ${scope.projectId}`,
  view: portView(dnsDomain),
  target: (port) => ({
    project_id: port.project_id,
    tenant_id: port.project_id,
    'network:project_id': port.network_project_id,
    shared: false,
  }),
  notFound: portNotFound,
};

function inGroups(values: readonly string[]): RawBuilder<boolean> {
  return sql`t.id IN (SELECT g.port_id FROM port_security_groups g WHERE g.security_group_id = ANY(${values}::text[]))`;
}

/** `fixed_ips=ip_address=…`, `fixed_ips=subnet_id=…`, `fixed_ips=ip_address_substr=…`; values of one kind are alternatives. */
function byFixedIps(values: readonly string[]): RawBuilder<boolean> {
  const byKind = Map.groupBy(values, (value) => value.split('=', 1)[0] ?? '');
  const conditions = [...byKind].map(([kind, each]) => {
    const wanted = each.map((value) => value.slice(kind.length + 1));
    switch (kind) {
      case 'subnet_id':
        return sql`t.id IN (SELECT a.port_id FROM ip_allocations a WHERE a.subnet_id = ANY(${wanted}::text[]))`;
      case 'ip_address': {
        const addresses = wanted.filter((text) => parseAddress(text) !== null);
        return sql`t.id IN (SELECT a.port_id FROM ip_allocations a WHERE a.ip_address = ANY(${addresses}::inet[]))`;
      }
      case 'ip_address_substr':
        return sql`t.id IN (SELECT a.port_id FROM ip_allocations a, unnest(${wanted}::text[]) part WHERE position(part IN host(a.ip_address)) > 0)`;
      default:
        throw invalidInput(`'${kind.slice(0, 100)}' is not a valid key of the filter fixed_ips`);
    }
  });
  return sql<boolean>`(${sql.join(conditions, sql` AND `)})`;
}
