import { sql } from 'kysely';
import { quotaExceeded } from '../../domain/faults.ts';
import type { InstanceFlavor } from '../../domain/instance.ts';
import type { Executor } from '../../lib/sql/database.ts';
import { countUsage } from '../../store/instances.ts';
import { ownLimits, quotaLimits, type QuotaOwner } from '../../store/quotas.ts';
import type { CellTables } from '../../store/tables.ts';
import type { ApiDeps } from './deps.ts';

/** The limits of the configuration, by the wire's resource names. Networks have quotas of their own, in the network service. */
export function configuredLimits({ settings }: Pick<ApiDeps, 'settings'>): Record<string, number> {
  const { recheck_quota: _, injected_file_path_length: injected_file_path_bytes, ...limits } = settings.quota;
  return { ...limits, injected_file_path_bytes, fixed_ips: -1, floating_ips: -1, security_groups: -1, security_group_rules: -1 };
}

/** The limits of a project (or of a user in it): its own, its class's or the configured ones. */
export const limitsOf = (deps: Pick<ApiDeps, 'stores' | 'settings'>, projectId: string, userId?: string): Promise<Record<string, number>> =>
  quotaLimits(deps.stores.api, { projectId, ...(userId === undefined ? {} : { userId }) }, configuredLimits(deps));

const counted = ['instances', 'cores', 'ram'] as const;
type Amounts = Readonly<Record<(typeof counted)[number], number>>;

/**
 * How many of `min`…`max` servers of this flavor the project (and the user, where the user has limits) may still have; throws 403 naming what
 * is over when not even `min`. Takes a lock on the project in the caller's transaction, which is one in cell0, so that two requests at once cannot
 * both slip under a limit.
 */
export async function admitServers(
  deps: ApiDeps,
  tx: Executor<CellTables>,
  projectId: string,
  flavor: InstanceFlavor,
  { min, max, userId }: { readonly min: number; readonly max: number; readonly userId?: string },
): Promise<number> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`quota ${projectId}`}, 0))`.execute(tx);
  const wanted: Amounts = { instances: 1, cores: flavor.vcpus, ram: flavor.memoryMb };
  const hasOwn = userId !== undefined && Object.keys(await ownLimits(deps.stores.api, { projectId, userId })).length > 0;
  const owners: readonly QuotaOwner[] = hasOwn ? [{ projectId }, { projectId, userId }] : [{ projectId }];
  let admitted = max;
  for (const owner of owners) {
    const limits = await limitsOf(deps, projectId, owner.userId);
    const resources = counted.filter((resource) => limits[resource]! >= 0 && wanted[resource] > 0);
    if (resources.length === 0) continue;
    const used: Amounts = await countUsage(deps.stores, owner, { cellId: deps.stores.cell0.id, tx });
    const room = Math.min(...resources.map((resource) => Math.floor((limits[resource]! - used[resource]) / wanted[resource])));
    if (room < min) {
      const over = resources.filter((resource) => used[resource] + min * wanted[resource] > limits[resource]!);
      const requested = (resource: keyof Amounts): string =>
        resource === 'instances' && min !== max ? `${min}-${max}` : String(min * wanted[resource]);
      throw quotaExceeded(
        over.map((resource) => ({ resource, requested: requested(resource), used: used[resource], limit: limits[resource]! })),
      );
    }
    admitted = Math.min(admitted, room);
  }
  return admitted;
}
