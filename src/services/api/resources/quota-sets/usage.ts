import { countKeyPairs } from '../../../../store/key-pairs.ts';
import { countUsage } from '../../../../store/instance-usage.ts';
import type { QuotaOwner } from '../../../../store/quotas.ts';
import { countServerGroups } from '../../../../store/server-groups.ts';
import type { ApiDeps } from '../../deps.ts';

/** What is used of each resource now: counted. Key pairs belong to users, not projects. */
export async function quotaUsage({ stores }: Pick<ApiDeps, 'stores'>, owner: QuotaOwner): Promise<Readonly<Record<string, number>>> {
  const [{ instances, cores, ram }, groups, keys] = await Promise.all([
    countUsage(stores, owner),
    countServerGroups(stores.api, owner.projectId),
    owner.userId === undefined ? 0 : countKeyPairs(stores.api, owner.userId),
  ]);
  return { instances, cores, ram, server_groups: groups, key_pairs: keys };
}
