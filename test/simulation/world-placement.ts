import type { ConsumerAllocations, NewAllocations, PlacementClient, Resources } from '../../src/clients/placement.ts';
import type { Scheduler } from '../../src/contracts/scheduler.ts';
import { conflict, unavailable } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';

/** What consumers hold of the nodes of this world, in memory, with generations as placement has them. */
export interface WorldPlacement {
  readonly client: PlacementClient;
  /** The provider a consumer holds something of, or null. */
  providerOf(consumer: string): string | null;
  /** Who holds something, with what and where. */
  holders(): readonly { readonly consumer: string; readonly provider: string; readonly resources: Resources; readonly type: string }[];
  give(consumer: string, provider: string, resources?: Resources, type?: 'INSTANCE' | 'MIGRATION'): void;
  take(consumer: string): void;
}

interface Held {
  readonly allocations: NewAllocations['allocations'];
  readonly generation: number;
  readonly type: string;
}

/** `nodes`: names by provider. */
export function worldPlacement(nodes: ReadonlyMap<string, string>): WorldPlacement {
  const consumers = new Map<string, Held>();
  const put = (entries: readonly (readonly [string, NewAllocations])[]): void => {
    for (const [id, { consumerGeneration }] of entries)
      if ((consumers.get(id)?.generation ?? null) !== consumerGeneration)
        throw conflict(`consumer generation conflict of ${id}`, { code: 'placement.concurrent_update' });
    for (const [id, { allocations, consumerType }] of entries) {
      if (Object.keys(allocations).length === 0) consumers.delete(id);
      else consumers.set(id, { allocations, generation: (consumers.get(id)?.generation ?? 0) + 1, type: consumerType });
    }
  };
  const held = (id: string): ConsumerAllocations => {
    const found = consumers.get(id);
    return found === undefined
      ? { allocations: {}, consumerGeneration: null, projectId: null, userId: null, consumerType: null }
      : {
          allocations: found.allocations,
          consumerGeneration: found.generation,
          projectId: 'p1',
          userId: 'u1',
          consumerType: found.type,
        };
  };
  const client: Partial<PlacementClient> = {
    allocations: (_session, id) => Promise.resolve(held(id)),
    deleteAllocations: (_session, id) => Promise.resolve(void consumers.delete(id)),
    putAllocations: async (_session, id, wanted) => put([[id, wanted]]),
    postAllocations: async (_session, byConsumer) => put(Object.entries(byConsumer)),
    providers: () =>
      Promise.resolve([...nodes].map(([uuid, name]) => ({ uuid, name, generation: 1, parentProviderUuid: null, rootProviderUuid: uuid }))),
    providerAllocations: (_session, uuid) =>
      Promise.resolve(
        Object.fromEntries(
          [...consumers].flatMap(([id, { allocations }]) => {
            const here = allocations[uuid];
            return here === undefined ? [] : [[id, here.resources] as const];
          }),
        ),
      ),
  };
  return {
    client: new Proxy(client as PlacementClient, {
      get: (target, key) =>
        Reflect.get(target, key) ?? (() => Promise.reject(unavailable(`placement.${String(key)} is not part of this world`))),
    }),
    providerOf: (id) => Object.keys(consumers.get(id)?.allocations ?? {})[0] ?? null,
    holders: () =>
      [...consumers].flatMap(([consumer, { allocations, type }]) =>
        Object.entries(allocations).map(([provider, { resources }]) => ({ consumer, provider, resources, type })),
      ),
    give: (consumer, provider, resources = { VCPU: 1 }, type = 'INSTANCE') =>
      void consumers.set(consumer, { allocations: { [provider]: { resources } }, generation: 1, type }),
    take: (consumer) => void consumers.delete(consumer),
  };
}

/** Takes the first host of the world that the request does not exclude; claims as the real one does. */
export function worldScheduler(
  placement: WorldPlacement,
  nodes: ReadonlyMap<string, string>,
  { cellId, silent }: { readonly cellId: string; readonly silent: ReadonlySet<string> },
): Scheduler {
  return {
    async selectDestinations({ spec, instanceIds }) {
      const places = [...nodes]
        .map(([computeNodeUuid, host]) => ({ host, node: host, cellId, computeNodeUuid, availabilityZone: 'nova' }))
        .filter(
          ({ host }) => !spec.ignoreHosts.includes(host) && !silent.has(host) && (spec.requestedHost ?? spec.forceHost ?? host) === host,
        );
      const decisionId = randomIds.uuid();
      const [chosen, ...alternates] = places;
      for (const id of instanceIds) placement.take(id);
      if (chosen === undefined) {
        const refusal = { considered: nodes.size, reasons: [] };
        return { found: false, decisionId, message: 'No valid host was found. There are not enough hosts available.', refusal };
      }
      for (const id of instanceIds)
        placement.give(id, chosen.computeNodeUuid, { VCPU: spec.flavor.vcpus, MEMORY_MB: spec.flavor.memoryMb });
      return { found: true, decisionId, destinations: instanceIds.map((instanceId) => ({ instanceId, chosen, alternates })) };
    },
    explain: () => Promise.reject(unavailable('explanations are not part of this world')),
    judgeHost: () => Promise.resolve({ accepted: true, message: '' }),
    refresh: () => Promise.resolve(),
  };
}
