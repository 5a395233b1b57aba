import { sql, type Selectable } from 'kysely';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { column, ownedBy, standardFields, type Collection } from '../../collection.ts';
import { routerNotFound } from '../../neutron-errors.ts';
import { Anything, Flag, OrNull, standardView, Text, Texts } from '../../standard-view.ts';
import type { NetworkTables } from '../../store/tables.ts';

export type RouterRow = Selectable<NetworkTables['router_details']>;

const routerView = versionedView<RouterRow>('Router', {
  ...standardView<RouterRow>(),
  name: { type: Text, get: (r) => r.name },
  tags: { type: Texts, get: (r) => r.tags },
  status: { type: Text, get: () => 'ACTIVE' },
  admin_state_up: { type: Flag, get: (r) => r.admin_state_up },
  external_gateway_info: {
    type: OrNull(Anything),
    get: (r) =>
      r.gateway_port_id === null
        ? null
        : { network_id: r.gateway_network_id, enable_snat: r.enable_snat, external_fixed_ips: r.gateway_ips },
  },
  routes: { type: Anything, get: (r) => r.routes },
  distributed: { type: Flag, get: () => false },
  ha: { type: Flag, get: () => false },
  flavor_id: { type: OrNull(Text), get: () => null },
  availability_zone_hints: { type: Texts, get: (r) => r.availability_zone_hints },
  availability_zones: { type: Texts, get: (r) => (r.host === null ? [] : ['nova']) },
});

/** Routers of one's own project. */
export const routers: Collection<RouterRow> = {
  singular: 'router',
  plural: 'routers',
  table: 'router_details',
  taggable: true,
  fields: {
    ...standardFields,
    status: { sql: sql`'ACTIVE'::text`, kind: 'text' },
    admin_state_up: column('admin_state_up', 'boolean'),
    distributed: { sql: sql`false`, kind: 'boolean' },
    ha: { sql: sql`false`, kind: 'boolean' },
  },
  visible: ownedBy,
  view: routerView,
  target: (router) => ({ project_id: router.project_id, tenant_id: router.project_id }),
  notFound: routerNotFound,
};
