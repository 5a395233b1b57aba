import type { AllocationCandidates, Allocations, NewAllocations, PlacementClient } from '../../../clients/placement.ts';
import { conflict, internal } from '../../../lib/errors.ts';

export interface MemoryPlacement {
  readonly client: PlacementClient;
  /** What every consumer holds. */
  readonly held: ReadonlyMap<string, Allocations>;
  /** Queries for candidates, as they came. */
  readonly queries: readonly string[];
  usedOf(provider: string): Readonly<Record<string, number>>;
}

/** Placement for hosts without a tree: amounts are granted or refused as a whole, traits and aggregates do not matter. `pause` comes before each answer. */
export function memoryPlacement(
  capacities: Readonly<Record<string, Readonly<Record<string, number>>>>,
  pause: () => Promise<void> = () => Promise.resolve(),
): MemoryPlacement {
  const held = new Map<string, Allocations>();
  const queries: string[] = [];
  const usedOf = (provider: string): Record<string, number> => {
    const used: Record<string, number> = {};
    for (const allocations of held.values())
      for (const [name, amount] of Object.entries(allocations[provider]?.resources ?? {})) used[name] = (used[name] ?? 0) + amount;
    return used;
  };
  const fits = (provider: string, resources: Readonly<Record<string, number>>): boolean => {
    const [used, capacity] = [usedOf(provider), capacities[provider]!];
    return Object.entries(resources).every(([name, amount]) => (used[name] ?? 0) + amount <= (capacity[name] ?? 0));
  };
  const notHere = () => Promise.reject(internal('This placement does not do that.'));
  const client: PlacementClient = {
    async allocationCandidates(_session, query): Promise<AllocationCandidates> {
      await pause();
      queries.push(query);
      const wanted = new URLSearchParams(query);
      const resources = Object.fromEntries(
        (wanted.get('resources') ?? '').split(',').map((part) => [part.split(':')[0]!, Number(part.split(':')[1])]),
      );
      const tree = wanted.get('in_tree');
      const limit = Number(wanted.get('limit') ?? Infinity);
      const offered = Object.keys(capacities).filter((provider) => (tree === null || provider === tree) && fits(provider, resources)).slice(0, limit); // prettier-ignore
      return {
        candidates: offered.map((provider) => ({ allocations: { [provider]: { resources } }, mappings: { '': [provider] } })),
        summaries: Object.fromEntries(
          offered.map((provider) => {
            const used = usedOf(provider);
            const amounts = Object.entries(capacities[provider]!).map(([name, capacity]) => [name, { capacity, used: used[name] ?? 0 }]);
            return [provider, { resources: Object.fromEntries(amounts), traits: [], parentProviderUuid: null, rootProviderUuid: provider }];
          }),
        ),
      };
    },
    async allocations(_session, consumer) {
      await pause();
      return {
        allocations: held.get(consumer) ?? {},
        consumerGeneration: held.has(consumer) ? 1 : null,
        projectId: null,
        userId: null,
        consumerType: null,
      };
    },
    async putAllocations(_session, consumer, { allocations, consumerGeneration }: NewAllocations) {
      await pause();
      if (held.has(consumer) && consumerGeneration === null)
        throw conflict('The consumer is there.', { code: 'placement.concurrent_update' });
      for (const [provider, { resources }] of Object.entries(allocations))
        if (!fits(provider, resources)) throw conflict('Unable to allocate.', { code: 'placement.undefined_code' });
      held.set(consumer, allocations);
    },
    async deleteAllocations(_session, consumer) {
      await pause();
      held.delete(consumer);
    },
    postAllocations: notHere,
    provider: notHere,
    providers: notHere,
    providerChanges: notHere,
    ensureProvider: notHere,
    deleteProvider: notHere,
    inventories: notHere,
    setInventories: notHere,
    traits: notHere,
    setTraits: notHere,
    ensureTraits: notHere,
    ensureResourceClasses: notHere,
    aggregates: notHere,
    setAggregates: notHere,
    providerAllocations: notHere,
    usages: notHere,
    reshape: notHere,
  };
  return { client, held, queries, usedOf };
}
