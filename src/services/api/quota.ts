import { sql } from 'kysely';
import { quotaExceeded } from '../../domain/faults.ts';
import type { InstanceFlavor } from '../../domain/instance.ts';
import type { Executor } from '../../lib/sql/database.ts';
import { countUsage } from '../../store/instances.ts';
import { quotaLimits } from '../../store/quotas.ts';
import type { CellTables } from '../../store/tables.ts';
import type { ApiDeps } from './deps.ts';

/** The limits of a project: its own, its class's or the configured ones, by the wire's resource names. */
export function limitsOf(deps: Pick<ApiDeps, 'stores' | 'settings'>, projectId: string): Promise<Record<string, number>> {
  const { recheck_quota: _, ...configured } = deps.settings.quota;
  return quotaLimits(deps.stores.api, projectId, configured);
}

/**
 * How many of `min`…`max` servers of this flavor the project may still have; throws 403 naming what is over when not even `min`.
 * Takes a lock on the project in the caller's transaction, so that two requests at once cannot both slip under a limit.
 */
export async function admitServers(deps: ApiDeps, tx: Executor<CellTables>, projectId: string, flavor: InstanceFlavor, { min, max }: { readonly min: number; readonly max: number }): Promise<number> {
  const limits = await limitsOf(deps, projectId);
  const wanted = { instances: 1, cores: flavor.vcpus, ram: flavor.memoryMb };
  const resources = (['instances', 'cores', 'ram'] as const).filter((resource) => limits[resource]! >= 0 && wanted[resource] > 0);
  if (resources.length === 0) return max;
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`quota ${projectId}`}, 0))`.execute(tx);
  const used = await countUsage(deps.stores, projectId);
  const room = Math.min(...resources.map((resource) => Math.floor((limits[resource]! - used[resource]) / wanted[resource])));
  if (room >= min) return Math.min(room, max);
  const over = resources.filter((resource) => used[resource] + min * wanted[resource] > limits[resource]!);
  throw quotaExceeded(
    over.map((resource) => ({
      resource,
      requested: resource === 'instances' ? (min === max ? String(min) : `${min}-${max}`) : String(min * wanted[resource]),
      used: used[resource],
      limit: limits[resource]!,
    })),
  );
}
