import { sql } from 'kysely';
import type { NetworkDatabase } from '../store/tables.ts';
import type { Touched } from '../store/write.ts';

/** Marks the agents whose hosts are concerned by what was changed; answers these hosts. Each part of the query follows an index. */
export async function markAffectedHosts(db: NetworkDatabase, touched: Omit<Touched, 'events'>): Promise<string[]> {
  const [networks, leases, groups, routers, hosts] = [touched.networks, touched.leases, touched.groups, touched.routers, touched.hosts].map(
    (set) => [...set],
  );
  const { rows } = await sql<{ host: string }>`
    WITH groups AS (
      SELECT unnest(${groups}::text[]) AS id
      UNION SELECT r.security_group_id FROM security_group_rules r WHERE r.remote_group_id = ANY(${groups}::text[])
    ), concerned AS (
      SELECT p.id FROM ports p WHERE p.network_id = ANY(${networks}::text[])
      UNION SELECT g.port_id FROM port_security_groups g JOIN groups ON groups.id = g.security_group_id
    ), affected AS (
      SELECT p.binding_host AS host FROM ports p JOIN concerned c ON c.id = p.id
      UNION SELECT i.host FROM inactive_bindings i JOIN concerned c ON c.id = i.port_id
      UNION SELECT n.dhcp_host FROM networks n WHERE n.id = ANY(${networks}::text[]) OR n.id = ANY(${leases}::text[])
      UNION SELECT r.host FROM routers r WHERE r.id = ANY(${routers}::text[])
      UNION SELECT r.host FROM routers r JOIN ports p ON p.device_id = r.id WHERE p.network_id = ANY(${networks}::text[])
      UNION SELECT unnest(${hosts}::text[])
    )
    UPDATE agents SET mark = mark + 1 WHERE host IN (SELECT affected.host FROM affected) RETURNING host`.execute(db);
  return rows.map(({ host }) => host);
}
