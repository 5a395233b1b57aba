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
export const quotaNames = [
  'network',
  'subnet',
  'subnetpool',
  'port',
  'router',
  'floatingip',
  'rbac_policy',
  'security_group',
  'security_group_rule',
] as const satisfies readonly QuotaResource[];

/** What holds for a project: its own limits, and the defaults where it has none. */
export async function enforcedLimits(db: NetworkDatabase | Tx, projectId: string): Promise<Record<QuotaResource, number>> {
  const rows = await db.selectFrom('quotas').select(['resource', 'quota_limit']).where('project_id', '=', projectId).execute();
  const own = new Map(rows.map((row) => [row.resource, row.quota_limit]));
  const limit = (name: QuotaResource): number => own.get(name) ?? quotaResources[name].limit;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made of all names
  return Object.fromEntries(quotaNames.map((name) => [name, limit(name)])) as Record<QuotaResource, number>;
}

/** How many of these resources a project has, in one statement. */
export async function usageOf<Name extends QuotaResource>(
  db: NetworkDatabase | Tx,
  projectId: string,
  resources: readonly Name[],
): Promise<Record<Name, number>> {
  const counts = resources.map((name) => {
    const { table } = quotaResources[name];
    const count = table === null ? sql`0` : sql`(SELECT count(*)::int FROM ${sql.table(table)} WHERE project_id = ${projectId})`;
    return sql`${count} AS ${sql.ref(name)}`;
  });
  const { rows } = await sql<Record<Name, number>>`SELECT ${sql.join(counts)}`.execute(db);
  return rows[0]!;
}

/** Refuses when `adding` more would pass the project's limit. Requests of one project for one resource pass here one after another. */
export async function enforceQuota(tx: Tx, projectId: string, resource: QuotaResource, adding: number): Promise<void> {
  const { [resource]: limit } = await enforcedLimits(tx, projectId);
  if (limit < 0) return;
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`${resource} ${projectId}`}, 0))`.execute(tx);
  const used = await usageOf(tx, projectId, [resource]);
  if (used[resource] + adding > limit) throw quotaExceeded(resource);
}
