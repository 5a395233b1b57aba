import { invalid } from '../../../../lib/errors.ts';
import { setLimits, type QuotaOwner } from '../../../../store/quotas.ts';
import type { ApiDeps } from '../../deps.ts';
import { limitsOf } from '../../limits.ts';
import { toBoolean } from '../../schemas.ts';
import { quotaUsage } from './usage.ts';

/** Sets limits, where they are compute’s own; unless it is forced, none below what is used, and none of a user above that of the project. */
export async function updateQuotaSet(
  deps: ApiDeps,
  owner: QuotaOwner,
  { force = false, ...asked }: Readonly<Record<string, number | string | boolean>>,
): Promise<Record<string, number>> {
  if (deps.settings.quota.driver === 'nova.quota.UnifiedLimitsDriver') return limitsOf(deps, owner.projectId, owner.userId);
  const wanted = Object.fromEntries(Object.entries(asked).map(([resource, limit]) => [resource, Number(limit)]));
  if (!toBoolean(force as boolean | string)) {
    const [used, ofProject] = await Promise.all([
      quotaUsage(deps, owner),
      owner.userId === undefined ? {} : limitsOf(deps, owner.projectId),
    ]);
    for (const [resource, limit] of Object.entries(wanted)) {
      const least = used[resource] ?? 0;
      if (height(limit) < least)
        throw invalid(`Quota limit ${limit} for ${resource} must be greater than or equal to already used and reserved ${least}.`);
      const most: number = (ofProject as Record<string, number>)[resource] ?? -1;
      if (height(limit) > height(most)) throw invalid(`Quota limit ${limit} for ${resource} must be less than or equal to ${most}.`);
    }
  }
  await setLimits(deps.stores.api, owner, wanted);
  return limitsOf(deps, owner.projectId, owner.userId);
}

const height = (limit: number): number => (limit < 0 ? Infinity : limit);
