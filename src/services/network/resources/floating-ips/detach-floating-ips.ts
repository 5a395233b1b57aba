import { sql } from 'kysely';
import type { Work } from '../../resource-routes.ts';

/** Takes floating IPs off a port: all of them, or those whose fixed address the port no longer has. */
export async function detachFloatingIps(
  { tx, touched, deps }: Pick<Work, 'tx' | 'touched' | 'deps'>,
  portId: string,
  which: 'all' | 'lost-addresses',
): Promise<void> {
  const lost = sql<boolean>`NOT EXISTS (SELECT 1 FROM ip_allocations a WHERE a.port_id = f.port_id AND a.ip_address = f.fixed_ip_address)`;
  const { rows } = await sql<{ router_id: string | null }>`WITH gone AS (
      SELECT f.id, f.router_id FROM floating_ips f WHERE f.port_id = ${portId} AND ${which === 'all' ? sql`true` : lost} FOR UPDATE)
    UPDATE floating_ips u SET port_id = NULL, fixed_ip_address = NULL, router_id = NULL, status = 'DOWN',
      revision_number = u.revision_number + 1, updated_at = ${new Date(deps.clock.now())}
    FROM gone WHERE u.id = gone.id RETURNING gone.router_id`.execute(tx);
  for (const { router_id: router } of rows) if (router !== null) touched.routers.add(router);
}
