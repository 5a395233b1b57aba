import { sql } from 'kysely';
import { quotaExceeded } from '../../domain/faults.ts';
import type { InstanceFlavor } from '../../domain/instance.ts';
import type { Executor } from '../../lib/sql/database.ts';
import { countUsage } from '../../store/instance-usage.ts';
import { ownLimits, type QuotaOwner } from '../../store/quotas.ts';
import type { CellTables } from '../../store/tables.ts';
import type { ApiDeps } from './deps.ts';
import { limitsOf } from './limits.ts';

/** What servers take together. Of these compute itself has no limit for disks; the identity service may. */
const counted = ['instances', 'cores', 'ram', 'disk'] as const;
type Amounts = Readonly<Record<(typeof counted)[number], number>>;

/** Until the caller's transaction in cell0 ends, nobody else takes from the quotas of the project. */
async function lockProject(tx: Executor<CellTables>, projectId: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`quota ${projectId}`}, 0))`.execute(tx);
}

/**
 * How many of `min`…`max` servers of this flavor the project (and the user, where the user has limits) may still have; throws 403 naming what
 * is over when not even `min`. Where there is a limit, takes a lock on the project in the caller's transaction, which is one in cell0, so that two
 * requests at once cannot both slip under it.
 */
export async function admitServers(
  deps: ApiDeps,
  tx: Executor<CellTables>,
  projectId: string,
  flavor: InstanceFlavor,
  { min, max, userId }: { readonly min: number; readonly max: number; readonly userId?: string },
): Promise<number> {
  const disk = flavor.rootGb + flavor.ephemeralGb + Math.ceil(flavor.swapMb / 1024);
  const wanted: Amounts = { instances: 1, cores: flavor.vcpus, ram: flavor.memoryMb, disk };
  const ofUsers = deps.settings.quota.driver === 'nova.quota.DbQuotaDriver';
  const hasOwn = ofUsers && userId !== undefined && Object.keys(await ownLimits(deps.stores.api, { projectId, userId })).length > 0;
  const owners: readonly QuotaOwner[] = hasOwn ? [{ projectId }, { projectId, userId }] : [{ projectId }];
  const bounds = [];
  for (const owner of owners) {
    const limits = await limitsOf(deps, projectId, owner.userId);
    const resources = counted.filter((resource) => (limits[resource] ?? -1) >= 0 && wanted[resource] > 0);
    if (resources.length > 0) bounds.push({ owner, limits, resources });
  }
  if (bounds.length === 0) return max; // nobody has to wait for anybody
  await lockProject(tx, projectId);
  let admitted = max;
  for (const { owner, limits, resources } of bounds) {
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

/**
 * Throws 403 naming what is over where a server of this project would take more with another flavor than its project (and user) still may;
 * otherwise accepts the growth. What is being accepted or made in the project meanwhile waits: two at once cannot both slip under a limit.
 */
export async function admitGrowth(
  deps: ApiDeps,
  owner: { readonly projectId: string; readonly userId: string; readonly flavor: InstanceFlavor },
  to: InstanceFlavor,
  accept: () => Promise<void>,
): Promise<void> {
  await deps.stores.cell0.database.transaction().execute(async (tx) => {
    await lockProject(tx, owner.projectId);
    await refuseGrowth(deps, tx, owner, to);
    await accept();
  });
}

async function refuseGrowth(
  deps: ApiDeps,
  tx: Executor<CellTables>,
  { projectId, userId, flavor }: { readonly projectId: string; readonly userId: string; readonly flavor: InstanceFlavor },
  to: InstanceFlavor,
): Promise<void> {
  const more = { cores: to.vcpus - flavor.vcpus, ram: to.memoryMb - flavor.memoryMb };
  const growing = (['cores', 'ram'] as const).filter((resource) => more[resource] > 0);
  if (growing.length === 0) return;
  const hasOwn = Object.keys(await ownLimits(deps.stores.api, { projectId, userId })).length > 0;
  for (const owner of hasOwn ? [{ projectId }, { projectId, userId }] : [{ projectId }]) {
    const limits = await limitsOf(deps, projectId, 'userId' in owner ? userId : undefined);
    const used = await countUsage(deps.stores, owner, { cellId: deps.stores.cell0.id, tx });
    const over = growing.filter((resource) => limits[resource]! >= 0 && used[resource] + more[resource] > limits[resource]!);
    if (over.length > 0)
      throw quotaExceeded(
        over.map((resource) => ({ resource, requested: String(more[resource]), used: used[resource], limit: limits[resource]! })),
      );
  }
}
