import { sql } from 'kysely';
import { quotaExceeded } from '../neutron-errors.ts';
import type { NetworkDatabase, Tx } from '../store/tables.ts';

/** What is limited, by Neutron's names, with Neutron's defaults and the table that is counted. -1 is unlimited. */
export const quotaResources = {
  network: { limit: 100, table: 'networks' },
  subnet: { limit: 100, table: 'subnets' },
  subnetpool: { limit: -1, table: null },
  port: { limit: 500, table: 'ports' },
  router: { limit: 10, table: 'routers' },
  floatingip: { limit: 50, table: 'floating_ips' },
  rbac_policy: { limit: 10, table: 'rbac_policies' },
  security_group: { limit: 10, table: 'security_groups' },
  security_group_rule: { limit: 100, table: 'security_group_rules' },
} as const;

export type QuotaResource = keyof typeof quotaResources;
export const quotaNames = Object.keys(quotaResources) as QuotaResource[];

export async function limitOf(db: NetworkDatabase | Tx, projectId: string, resource: QuotaResource): Promise<number> {
  const row = await db
    .selectFrom('quotas')
    .select('quota_limit')
    .where('project_id', '=', projectId)
    .where('resource', '=', resource)
    .executeTakeFirst();
  return row?.quota_limit ?? quotaResources[resource].limit;
}

export async function usageOf(db: NetworkDatabase | Tx, projectId: string, resource: QuotaResource): Promise<number> {
  const { table } = quotaResources[resource];
  if (table === null) return 0;
  const { rows } = await sql<{
    used: number;
  }>`SELECT count(*)::int AS used FROM ${sql.table(table)} WHERE project_id = ${projectId}`.execute(db);
  return rows[0]?.used ?? 0;
}

/** Refuses when `adding` more would pass the project's limit. Requests of one project for one resource pass here one after another. */
export async function enforceQuota(tx: Tx, projectId: string, resource: QuotaResource, adding: number): Promise<void> {
  const limit = await limitOf(tx, projectId, resource);
  if (limit < 0) return;
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`${resource} ${projectId}`}, 0))`.execute(tx);
  if ((await usageOf(tx, projectId, resource)) + adding > limit) throw quotaExceeded(resource);
}
