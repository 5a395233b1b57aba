import type { AllocationCandidates, PlacementClient } from '../../clients/placement.ts';
import type { CandidateRequest } from '../../domain/placement/candidate-request.ts';
import { findCandidates, type FoundCandidates } from '../../domain/placement/find-candidates.ts';
import type { ProviderRecord, ProviderView } from '../../domain/placement/provider-view.ts';
import { readCandidateQuery } from '../../domain/placement/read-candidate-query.ts';
import { version } from '../../lib/http/microversion.ts';
import type { Providers } from './providers.ts';

/** The newest version that the client speaks, too. */
const at = { version: version('1.39') };

/** Requests of one flavor ask the same: what a query says is read once. */
const queries = new Map<string, CandidateRequest>();
const mostQueries = 1000;

export function readQuery(query: string): CandidateRequest {
  const known = queries.get(query);
  if (known !== undefined) return known;
  const request = readCandidateQuery(query, at);
  if (queries.size >= mostQueries) queries.clear();
  queries.set(query, request);
  return request;
}

/** The same placement, except that candidates are found in the providers that are followed here, where they can be. */
export const findingCandidatesHere = (placement: PlacementClient, providers: Providers): PlacementClient => ({
  ...placement,
  async allocationCandidates(session, query) {
    const view = await providers.now();
    return view === null ? placement.allocationCandidates(session, query) : candidatesOf(view, findCandidates(view, readQuery(query)));
  },
});

type Candidate = AllocationCandidates['candidates'][number];
type Summary = AllocationCandidates['summaries'][string];

/** What was found, as the client of placement answers it. */
export function candidatesOf(view: ProviderView, { demands, candidates }: FoundCandidates): AllocationCandidates {
  const [first] = demands;
  const alike = demands.every(({ suffix, column }) => suffix === first?.suffix && column !== null);
  const together = Object.fromEntries(demands.map(({ resourceClass, amount }) => [resourceClass, amount]));
  const roots = new Set<number>();
  const found = candidates.map((choice): Candidate => {
    for (const slot of choice) roots.add(view.rootOf(slot));
    if (alike && choice.every((slot) => slot === choice[0])) {
      const { uuid } = view.at(choice[0]!);
      return { allocations: { [uuid]: { resources: together } }, mappings: { [first?.suffix ?? '']: [uuid] } };
    }
    const allocations: Record<string, { resources: Record<string, number> }> = {};
    const mappings: Record<string, string[]> = {};
    for (const [place, slot] of choice.entries()) {
      const { suffix, resourceClass, amount, column } = demands[place]!;
      const { uuid } = view.at(slot);
      const named = (mappings[suffix] ??= []);
      if (!named.includes(uuid)) named.push(uuid);
      if (column === null) continue;
      const { resources } = (allocations[uuid] ??= { resources: {} });
      resources[resourceClass] = (resources[resourceClass] ?? 0) + amount;
    }
    return { allocations, mappings };
  });
  const summaries: Record<string, Summary> = {};
  for (const root of roots) for (const slot of view.treeOf(root)) summaries[view.at(slot).uuid] = summaryOf(view, slot);
  return { candidates: found, summaries };
}

/** A record never changes, so what was made of it holds as long as it is there. */
const known = new WeakMap<ProviderRecord, Summary>();

function summaryOf(view: ProviderView, slot: number): Summary {
  const record = view.at(slot);
  const made = known.get(record);
  if (made !== undefined) return made;
  const parent = view.parentOf(slot);
  const summary: Summary = {
    resources: Object.fromEntries(
      Object.entries(record.inventories).map(([name, [total, reserved, , , , ratio, used]]) => [
        name,
        { capacity: Math.trunc((total - reserved) * ratio), used },
      ]),
    ),
    traits: record.traits,
    parentProviderUuid: parent === undefined ? null : view.at(parent).uuid,
    rootProviderUuid: view.at(view.rootOf(slot)).uuid,
  };
  known.set(record, summary);
  return summary;
}
