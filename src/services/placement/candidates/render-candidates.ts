import type { Version } from '../../../lib/http/microversion.ts';
import { does } from '../microversions.ts';
import type { ProviderRecord, ProviderView } from '../../../domain/placement/provider-view.ts';
import type { FoundCandidates } from '../../../domain/placement/find-candidates.ts';

interface At {
  readonly version: Version;
}

/**
 * What was found, as clients see it at their version: the body of the answer. It is put together from pieces of JSON, for an answer names a thousand
 * hosts with all their traits, most of which were in the answer before it too.
 */
export function renderCandidates(view: ProviderView, found: FoundCandidates, at: At): string {
  const request = found.candidates.length === 0 ? () => '' : requestRenderer(view, found, at);
  return `{"allocation_requests":[${found.candidates.map(request).join(',')}],"provider_summaries":{${renderSummaries(view, found, at).join(',')}}}`;
}

function requestRenderer(view: ProviderView, { demands }: FoundCandidates, at: At): (choice: readonly number[]) => string {
  const [first] = demands;
  // by far most requests have one group, and most candidates satisfy it with one provider
  const alike = does(at, 'mappings') && demands.every(({ suffix, column }) => suffix === first?.suffix && column !== null);
  const resources = JSON.stringify(Object.fromEntries(demands.map(({ resourceClass, amount }) => [resourceClass, amount])));
  const suffix = JSON.stringify(first?.suffix);
  return (choice) => {
    if (alike && choice.every((slot) => slot === choice[0])) {
      const { uuid } = view.at(choice[0]!);
      return `{"allocations":{"${uuid}":{"resources":${resources}}},"mappings":{${suffix}:["${uuid}"]}}`;
    }
    return JSON.stringify(renderRequest(view, demands, choice, at));
  };
}

function renderRequest(
  view: ProviderView,
  demands: FoundCandidates['demands'],
  choice: readonly number[],
  at: At,
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
function renderSummaries(view: ProviderView, { demands, candidates }: FoundCandidates, at: At): string[] {
  const used = new Set<number>();
  for (const choice of candidates) for (const slot of choice) used.add(slot);
  if (does(at, 'nestedCandidates')) {
    const roots = new Set<number>();
    for (const slot of used) roots.add(view.rootOf(slot));
    const summaries: string[] = [];
    for (const root of roots) for (const slot of view.treeOf(root)) summaries.push(fullSummary(view, slot));
    return summaries;
  }
  const asked = does(at, 'summaryOfAllClasses') ? null : new Set(demands.map(({ resourceClass }) => resourceClass));
  return [...used].map((slot) => {
    const record = view.at(slot);
    const shown = { resources: usageOf(record, asked), ...(does(at, 'summaryTraits') ? { traits: record.traits } : {}) };
    return `"${record.uuid}":${JSON.stringify(shown)}`;
  });
}

/** Summaries as they are from 1.29 on. A record never changes, so what was made of it holds as long as it is there. */
const fullSummaries = new WeakMap<ProviderRecord, string>();
/** Records share equal lists of traits. */
const traitLists = new WeakMap<readonly string[], string>();

function fullSummary(view: ProviderView, slot: number): string {
  const record = view.at(slot);
  const known = fullSummaries.get(record);
  if (known !== undefined) return known;
  const traits = traitLists.get(record.traits) ?? JSON.stringify(record.traits);
  traitLists.set(record.traits, traits);
  const parent = view.parentOf(slot);
  const parentText = parent === undefined ? 'null' : `"${view.at(parent).uuid}"`;
  const summary = `"${record.uuid}":{"resources":${JSON.stringify(usageOf(record, null))},"traits":${traits},"parent_provider_uuid":${parentText},"root_provider_uuid":"${view.at(view.rootOf(slot)).uuid}"}`;
  fullSummaries.set(record, summary);
  return summary;
}

function usageOf(record: ProviderRecord, asked: ReadonlySet<string> | null): Record<string, { capacity: number; used: number }> {
  const shown: Record<string, { capacity: number; used: number }> = {};
  for (const [resourceClass, [total, reserved, , , , ratio, used]] of Object.entries(record.inventories)) {
    if (asked === null || asked.has(resourceClass)) shown[resourceClass] = { capacity: Math.trunc((total - reserved) * ratio), used };
  }
  return shown;
}
