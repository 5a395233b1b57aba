import type { Version } from '../../../lib/http/microversion.ts';
import { does } from '../microversions.ts';
import type { ProviderView } from '../view/provider-view.ts';
import type { FoundCandidates } from './find-candidates.ts';

/** What was found, as clients see it at their version. */
export function renderCandidates(view: ProviderView, found: FoundCandidates, at: { readonly version: Version }): Record<string, unknown> {
  return {
    allocation_requests: found.candidates.map((choice) => renderRequest(view, found, choice, at)),
    provider_summaries: renderSummaries(view, found, at),
  };
}

function renderRequest(
  view: ProviderView,
  { demands }: FoundCandidates,
  choice: readonly number[],
  at: { readonly version: Version },
): Record<string, unknown> {
  const allocations: Record<string, { resources: Record<string, number> }> = {};
  const mappings: Record<string, string[]> = {};
  for (const [place, slot] of choice.entries()) {
    const { suffix, resourceClass, amount, column } = demands[place]!;
    const { uuid } = view.at(slot);
    const providers = (mappings[suffix] ??= []);
    if (!providers.includes(uuid)) providers.push(uuid);
    if (column === null) continue;
    const { resources } = (allocations[uuid] ??= { resources: {} });
    resources[resourceClass] = (resources[resourceClass] ?? 0) + amount;
  }
  if (!does(at, 'allocationsByProvider')) {
    return { allocations: Object.entries(allocations).map(([uuid, { resources }]) => ({ resource_provider: { uuid }, resources })) };
  }
  return does(at, 'mappings') ? { allocations, mappings } : { allocations };
}

/** The providers of all trees that candidates draw from; before trees were known, only those drawn from. */
function renderSummaries(
  view: ProviderView,
  { demands, candidates }: FoundCandidates,
  at: { readonly version: Version },
): Record<string, unknown> {
  const used = new Set<number>();
  for (const choice of candidates) for (const slot of choice) used.add(slot);
  const nested = does(at, 'nestedCandidates');
  const roots = new Set([...used].map((slot) => view.rootOf(slot)));
  const shown = nested ? [...roots].flatMap((root) => view.treeOf(root)) : [...used];
  const asked = does(at, 'summaryOfAllClasses') ? null : new Set(demands.map(({ resourceClass }) => resourceClass));
  const summaries: Record<string, unknown> = {};
  for (const slot of shown) {
    const record = view.at(slot);
    const resources: Record<string, { capacity: number; used: number }> = {};
    for (const resourceClass of Object.keys(record.inventories)) {
      if (asked !== null && !asked.has(resourceClass)) continue;
      const column = view.column(resourceClass)!;
      resources[resourceClass] = { capacity: Math.trunc(column.capacity[slot]!), used: column.used[slot]! };
    }
    const parent = view.parentOf(slot);
    summaries[record.uuid] = {
      resources,
      ...(does(at, 'summaryTraits') ? { traits: record.traits } : {}),
      ...(nested
        ? { parent_provider_uuid: parent === undefined ? null : view.at(parent).uuid, root_provider_uuid: view.at(view.rootOf(slot)).uuid }
        : {}),
    };
  }
  return summaries;
}
