import { sql } from 'kysely';
import { parseAddress, sizeOf, type Range } from '../addresses/prefix.ts';
import { route } from '../deps.ts';
import { networkNotFound } from '../neutron-errors.ts';
import type { NetworkDatabase } from '../store/tables.ts';

interface UsedSubnet {
  readonly network_id: string;
  readonly network_name: string;
  readonly project_id: string;
  readonly subnet_id: string | null;
  readonly subnet_name: string;
  readonly cidr: string;
  readonly ip_version: number;
  readonly pools: readonly { readonly first: string; readonly last: string }[];
  readonly used: number;
}

interface Filters {
  readonly network_id: readonly string[] | null;
  readonly network_name: readonly string[] | null;
  readonly project_id: readonly string[] | null;
  readonly ip_version: string | null;
}

/** How many addresses each network has and how many are in use: one query, whatever it counts. */
async function availabilities(db: NetworkDatabase, filters: Filters): Promise<unknown[]> {
  const { rows } =
    await sql<UsedSubnet>`SELECT n.id AS network_id, n.name AS network_name, n.project_id, s.id AS subnet_id, s.name AS subnet_name, s.cidr::text AS cidr, s.ip_version,
      coalesce((SELECT json_agg(json_build_object('first', host(p.first_ip), 'last', host(p.last_ip))) FROM allocation_pools p WHERE p.subnet_id = s.id), '[]') AS pools,
      (SELECT count(*)::int FROM ip_allocations a WHERE a.subnet_id = s.id) AS used
    FROM networks n LEFT JOIN subnets s ON s.network_id = n.id AND (${filters.ip_version}::text IS NULL OR s.ip_version::text = ${filters.ip_version})
    WHERE (${filters.network_id}::text[] IS NULL OR n.id = ANY(${filters.network_id}::text[]))
      AND (${filters.network_name}::text[] IS NULL OR n.name = ANY(${filters.network_name}::text[]))
      AND (${filters.project_id}::text[] IS NULL OR n.project_id = ANY(${filters.project_id}::text[]))
    ORDER BY n.id, s.id`.execute(db);
  return [...Map.groupBy(rows, (row) => row.network_id).values()].map((group) => {
    const [{ network_id, network_name, project_id } = { network_id: '', network_name: '', project_id: '' }] = group;
    const subnets = group.flatMap((row) => (row.subnet_id === null ? [] : [{ ...row, total: sizeOf(row.pools.map(rangeOf)) }]));
    return {
      network_id,
      network_name,
      tenant_id: project_id,
      project_id,
      subnet_ip_availability: subnets.map((each) => ({
        subnet_id: each.subnet_id,
        subnet_name: each.subnet_name,
        cidr: each.cidr,
        ip_version: each.ip_version,
        total_ips: Number(each.total),
        used_ips: each.used,
      })),
      total_ips: Number(subnets.reduce((sum, each) => sum + each.total, 0n)),
      used_ips: subnets.reduce((sum, each) => sum + each.used, 0),
    };
  });
}

const rangeOf = ({ first, last }: { readonly first: string; readonly last: string }): Range => ({
  first: parseAddress(first)?.value ?? 0n,
  last: parseAddress(last)?.value ?? -1n,
});

export const ipAvailabilityRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/network-ip-availabilities',
    summary: 'Count the addresses of networks',
    policy: 'get_network_ip_availabilities',
    reply: { status: 200, key: 'network_ip_availabilities' },
    handle({ ctx, deps }) {
      const query = new URLSearchParams(ctx.rawQuery.replaceAll('%00', ''));
      const many = (...names: readonly string[]): string[] | null => {
        const values = names.flatMap((name) => query.getAll(name));
        return values.length === 0 ? null : values;
      };
      return availabilities(deps.db, {
        network_id: many('network_id'),
        network_name: many('network_name'),
        project_id: many('project_id', 'tenant_id'),
        ip_version: query.get('ip_version'),
      });
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/network-ip-availabilities/:id',
    summary: 'Count the addresses of a network',
    policy: 'get_network_ip_availabilities',
    reply: { status: 200, key: 'network_ip_availability' },
    async handle({ params, deps }) {
      const [found] = await availabilities(deps.db, {
        network_id: [params.id.replaceAll('\0', '')],
        network_name: null,
        project_id: null,
        ip_version: null,
      });
      if (found === undefined) throw networkNotFound(params.id);
      return found;
    },
  }),
];
