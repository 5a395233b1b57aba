import type { Allocations, Inventory, NewAllocations, PlacementClient, Resources } from '../../../src/clients/placement.ts';
import { conflict, notFound } from '../../../src/lib/errors.ts';
import { only } from '../world-network.ts';

/** A placement service in memory, for hosts without trees: inventories, and claims with generations. */
export interface PlacementInMemory {
  readonly client: PlacementClient;
  /** Who holds what of which provider. */
  holders(): readonly { readonly consumer: string; readonly provider: string; readonly resources: Resources; readonly type: string }[];
  /** Providers of which more is held than they have. */
  overfull(): readonly string[];
}

interface Provider {
  readonly uuid: string;
  readonly name: string;
  generation: number;
  inventories: Readonly<Record<string, Inventory>>;
  traits: readonly string[];
}
interface Consumer {
  readonly allocations: Allocations;
  readonly generation: number;
  readonly projectId: string;
  readonly userId: string;
  readonly type: string;
}

export function placementInMemory(): PlacementInMemory {
  const providers = new Map<string, Provider>();
  const consumers = new Map<string, Consumer>();
  const find = (uuid: string): Provider => {
    const provider = providers.get(uuid);
    if (provider === undefined) throw notFound(`No resource provider with uuid ${uuid} found`);
    return provider;
  };
  const usedOf = (uuid: string, without: ReadonlySet<string> = new Set()): Record<string, number> => {
    const used: Record<string, number> = {};
    for (const [id, { allocations }] of consumers) {
      if (without.has(id)) continue;
      for (const [name, amount] of Object.entries(allocations[uuid]?.resources ?? {})) used[name] = (used[name] ?? 0) + amount;
    }
    return used;
  };
  const capacityOf = ({ total, reserved, allocationRatio }: Inventory): number => Math.trunc((total - reserved) * allocationRatio);
  const fits = (uuid: string, wanted: Resources, used: Readonly<Record<string, number>>): boolean =>
    Object.entries(wanted).every(([name, amount]) => {
      const inventory = find(uuid).inventories[name];
      return inventory !== undefined && (used[name] ?? 0) + amount <= capacityOf(inventory);
    });
  /** All of it or nothing. */
  const put = (entries: readonly (readonly [string, NewAllocations])[]): void => {
    const ids = new Set(entries.map(([id]) => id));
    for (const [id, { consumerGeneration }] of entries)
      if ((consumers.get(id)?.generation ?? null) !== consumerGeneration)
        throw conflict(`consumer generation conflict of ${id}`, { code: 'placement.concurrent_update' });
    const wanted = new Map<string, Record<string, number>>();
    for (const [, { allocations }] of entries)
      for (const [uuid, { resources }] of Object.entries(allocations)) {
        const sum = wanted.get(uuid) ?? {};
        for (const [name, amount] of Object.entries(resources)) sum[name] = (sum[name] ?? 0) + amount;
        wanted.set(uuid, sum);
      }
    for (const [uuid, resources] of wanted)
      if (!fits(uuid, resources, usedOf(uuid, ids)))
        throw conflict(`Unable to allocate inventory of ${uuid}.`, { code: 'placement.undefined_code' });
    for (const [id, { allocations, consumerType, projectId, userId }] of entries) {
      if (Object.keys(allocations).length === 0) consumers.delete(id);
      else consumers.set(id, { allocations, generation: (consumers.get(id)?.generation ?? 0) + 1, projectId, userId, type: consumerType });
    }
  };
  const change = (uuid: string, generation: number, changes: Partial<Provider>): number => {
    const provider = find(uuid);
    if (provider.generation !== generation)
      throw conflict('resource provider generation conflict', { code: 'placement.concurrent_update' });
    Object.assign(provider, changes);
    return ++provider.generation;
  };
  const shown = ({ uuid, name, generation }: Provider) => ({ uuid, name, generation, parentProviderUuid: null, rootProviderUuid: uuid });
  const client = only<PlacementClient>('placement', {
    async allocationCandidates(_session, query) {
      const wanted = new URLSearchParams(query);
      const resources: Resources = Object.fromEntries(
        (wanted.get('resources') ?? '').split(',').map((part) => [part.split(':')[0]!, Number(part.split(':')[1])]),
      );
      const tree = wanted.get('in_tree');
      const offered = [...providers.values()].filter(({ uuid }) => (tree === null || uuid === tree) && fits(uuid, resources, usedOf(uuid)));
      return {
        candidates: offered.map(({ uuid }) => ({ allocations: { [uuid]: { resources } }, mappings: { '': [uuid] } })),
        summaries: Object.fromEntries(
          offered.map(({ uuid, traits, inventories }) => {
            const used = usedOf(uuid);
            const amounts = Object.entries(inventories).map(([name, inventory]) => [
              name,
              { capacity: capacityOf(inventory), used: used[name] ?? 0 },
            ]);
            return [uuid, { resources: Object.fromEntries(amounts), traits, parentProviderUuid: null, rootProviderUuid: uuid }];
          }),
        ),
      };
    },
    providerChanges: () => Promise.resolve(null),
    async allocations(_session, id) {
      const held = consumers.get(id);
      return {
        allocations: held?.allocations ?? {},
        consumerGeneration: held?.generation ?? null,
        projectId: held?.projectId ?? null,
        userId: held?.userId ?? null,
        consumerType: held?.type ?? null,
      };
    },
    deleteAllocations: async (_session, id) => void consumers.delete(id),
    putAllocations: async (_session, id, wanted) => put([[id, wanted]]),
    postAllocations: async (_session, byConsumer) => put(Object.entries(byConsumer)),
    provider: async (_session, uuid) => (providers.has(uuid) ? shown(find(uuid)) : null),
    providers: async (_session, query) => [...providers.values()].filter(({ uuid }) => (query?.['in_tree'] ?? uuid) === uuid).map(shown),
    async ensureProvider(_session, { uuid, name }) {
      if (!providers.has(uuid)) providers.set(uuid, { uuid, name, generation: 0, inventories: {}, traits: [] });
      return shown(find(uuid));
    },
    deleteProvider: async (_session, uuid) => void providers.delete(uuid),
    inventories: async (_session, uuid) => ({ generation: find(uuid).generation, inventories: find(uuid).inventories }),
    setInventories: async (_session, uuid, generation, inventories) => change(uuid, generation, { inventories }),
    traits: async (_session, uuid) => ({ generation: find(uuid).generation, traits: find(uuid).traits }),
    setTraits: async (_session, uuid, generation, traits) => change(uuid, generation, { traits }),
    aggregates: async (_session, uuid) => ({ generation: find(uuid).generation, aggregates: [] }),
    setAggregates: async (_session, uuid, generation) => change(uuid, generation, {}),
    ensureTraits: () => Promise.resolve(),
    ensureResourceClasses: () => Promise.resolve(),
    async providerAllocations(_session, uuid) {
      find(uuid);
      return Object.fromEntries(
        [...consumers].flatMap(([id, { allocations }]) => {
          const here = allocations[uuid];
          return here === undefined ? [] : [[id, here.resources] as const];
        }),
      );
    },
  });
  return {
    client,
    holders: () =>
      [...consumers].flatMap(([consumer, { allocations, type }]) =>
        Object.entries(allocations).map(([provider, { resources }]) => ({ consumer, provider, resources, type })),
      ),
    overfull: () =>
      [...providers.keys()].filter(
        (uuid) =>
          !fits(uuid, {}, {}) || Object.entries(usedOf(uuid)).some(([name, amount]) => amount > capacityOf(find(uuid).inventories[name]!)),
      ),
  };
}
