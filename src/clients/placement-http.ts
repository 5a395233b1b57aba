import type { ProviderChanges } from '../domain/placement/provider-changes.ts';
import { isKind, notFound } from '../lib/errors.ts';
import { createHttpClient, type HttpRequest } from '../lib/http/client.ts';
import type { Log } from '../lib/log.ts';
import type { AllocationCandidates, Inventory, NewAllocations, PlacementClient, ResourceProvider, Resources } from './placement.ts';
import type { Endpoints, Session } from './session.ts';

/** The newest microversion both ends know; everything below is written for it. */
const microversion = '1.39';

interface WireInventory {
  readonly total: number;
  readonly reserved: number;
  readonly min_unit: number;
  readonly max_unit: number;
  readonly step_size: number;
  readonly allocation_ratio: number;
}

interface WireProvider {
  readonly uuid: string;
  readonly name: string;
  readonly generation: number;
  readonly parent_provider_uuid: string | null;
  readonly root_provider_uuid: string | null;
}

interface WireCandidates {
  readonly allocation_requests: AllocationCandidates['candidates'];
  readonly provider_summaries: Readonly<
    Record<
      string,
      {
        readonly resources: Readonly<Record<string, { readonly capacity: number; readonly used: number }>>;
        readonly traits: readonly string[];
        readonly parent_provider_uuid: string | null;
        readonly root_provider_uuid: string;
      }
    >
  >;
}

/** How long placement may take to tell everything there is: of a hundred thousand providers, a while. */
const wholeViewMs = 180_000;

const fromWireInventory = ({ total, reserved, min_unit, max_unit, step_size, allocation_ratio }: WireInventory): Inventory => ({
  total,
  reserved,
  minUnit: min_unit,
  maxUnit: max_unit,
  stepSize: step_size,
  allocationRatio: allocation_ratio,
});

const toWireInventory = ({ total, reserved, minUnit, maxUnit, stepSize, allocationRatio }: Inventory): WireInventory => ({
  total,
  reserved,
  min_unit: minUnit,
  max_unit: maxUnit,
  step_size: stepSize,
  allocation_ratio: allocationRatio,
});

const fromWireProvider = (wire: WireProvider): ResourceProvider => ({
  uuid: wire.uuid,
  name: wire.name,
  generation: wire.generation,
  parentProviderUuid: wire.parent_provider_uuid,
  rootProviderUuid: wire.root_provider_uuid,
});

const toWireAllocations = ({ allocations, mappings, projectId, userId, consumerGeneration, consumerType }: NewAllocations) => ({
  allocations: mapValues(allocations, ({ resources }) => ({ resources })),
  project_id: projectId,
  user_id: userId,
  consumer_generation: consumerGeneration,
  consumer_type: consumerType,
  ...(mappings === undefined ? {} : { mappings }),
});

function mapValues<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

const ofProvider = (uuid: string, part = ''): string => `/resource_providers/${encodeURIComponent(uuid)}${part}`;

/** What a 404 means where something absent is an answer. */
async function orWhenMissing<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isKind(error, 'notFound')) return otherwise;
    throw error;
  }
}

/** The placement service over HTTP, found through the catalog. */
export function createPlacementClient({
  endpoints,
  log,
}: {
  readonly endpoints: Endpoints;
  readonly log: Log;
}): PlacementClient & { close(): Promise<void> } {
  const http = createHttpClient({ service: 'placement' });

  async function ask<T>(
    session: Session,
    method: NonNullable<HttpRequest['method']>,
    path: string,
    json?: unknown,
    timeoutMs?: number,
  ): Promise<T> {
    const [base, token] = await Promise.all([endpoints.url('placement'), session.token()]);
    const answer = await http.json<T>({
      method,
      url: `${base}${path}`,
      headers: { 'x-auth-token': token, 'openstack-api-version': `placement ${microversion}` },
      ...(json === undefined ? {} : { json }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    log.trace({ method, path, status: answer.status }, 'placement answered');
    return answer.json;
  }

  const client: PlacementClient = {
    async allocationCandidates(session, query) {
      const wire = await ask<WireCandidates>(session, 'GET', `/allocation_candidates?${query}`);
      return {
        candidates: wire.allocation_requests,
        summaries: mapValues(wire.provider_summaries, ({ resources, traits, parent_provider_uuid, root_provider_uuid }) => ({
          resources,
          traits,
          parentProviderUuid: parent_provider_uuid,
          rootProviderUuid: root_provider_uuid,
        })),
      };
    },
    providerChanges: (session, since) => {
      const path = `/kilonova/v1/provider_changes${since === null ? '' : `?since=${since}`}`;
      return orWhenMissing(ask<ProviderChanges>(session, 'GET', path, undefined, since === null ? wholeViewMs : undefined), null);
    },
    async allocations(session, consumerId) {
      const wire = await ask<{
        readonly allocations: Readonly<Record<string, { readonly resources: Resources }>>;
        readonly project_id?: string;
        readonly user_id?: string;
        readonly consumer_generation?: number;
        readonly consumer_type?: string;
      }>(session, 'GET', `/allocations/${encodeURIComponent(consumerId)}`);
      return {
        allocations: mapValues(wire.allocations, ({ resources }) => ({ resources })),
        consumerGeneration: wire.consumer_generation ?? null,
        projectId: wire.project_id ?? null,
        userId: wire.user_id ?? null,
        consumerType: wire.consumer_type ?? null,
      };
    },
    putAllocations: (session, consumerId, allocations) =>
      ask(session, 'PUT', `/allocations/${encodeURIComponent(consumerId)}`, toWireAllocations(allocations)),
    postAllocations: (session, byConsumer) => ask(session, 'POST', '/allocations', mapValues(byConsumer, toWireAllocations)),
    deleteAllocations: (session, consumerId) =>
      orWhenMissing(ask<undefined>(session, 'DELETE', `/allocations/${encodeURIComponent(consumerId)}`), undefined),
    provider: (session, uuid) => orWhenMissing(ask<WireProvider>(session, 'GET', ofProvider(uuid)).then(fromWireProvider), null),
    async providers(session, query = {}) {
      const search = new URLSearchParams(query).toString();
      const wire = await ask<{ readonly resource_providers: readonly WireProvider[] }>(
        session,
        'GET',
        `/resource_providers${search === '' ? '' : `?${search}`}`,
      );
      return wire.resource_providers.map(fromWireProvider);
    },
    async ensureProvider(session, { uuid, name, parentProviderUuid }) {
      const known = await client.provider(session, uuid);
      if (known !== null) return known;
      try {
        const body = { uuid, name, ...(parentProviderUuid === undefined ? {} : { parent_provider_uuid: parentProviderUuid }) };
        return fromWireProvider(await ask<WireProvider>(session, 'POST', '/resource_providers', body));
      } catch (error) {
        if (!isKind(error, 'conflict')) throw error;
        const made = await client.provider(session, uuid); // somebody else made it meanwhile, unless it is the name that is taken
        if (made === null) throw error;
        return made;
      }
    },
    deleteProvider: (session, uuid) => orWhenMissing(ask<undefined>(session, 'DELETE', ofProvider(uuid)), undefined),
    async inventories(session, uuid) {
      const wire = await ask<{
        readonly resource_provider_generation: number;
        readonly inventories: Readonly<Record<string, WireInventory>>;
      }>(session, 'GET', ofProvider(uuid, '/inventories'));
      return { generation: wire.resource_provider_generation, inventories: mapValues(wire.inventories, fromWireInventory) };
    },
    async setInventories(session, uuid, generation, inventories) {
      const wire = await ask<{ readonly resource_provider_generation: number }>(session, 'PUT', ofProvider(uuid, '/inventories'), {
        resource_provider_generation: generation,
        inventories: mapValues(inventories, toWireInventory),
      });
      return wire.resource_provider_generation;
    },
    async traits(session, uuid) {
      const wire = await ask<{ readonly resource_provider_generation: number; readonly traits: readonly string[] }>(
        session,
        'GET',
        ofProvider(uuid, '/traits'),
      );
      return { generation: wire.resource_provider_generation, traits: wire.traits };
    },
    async setTraits(session, uuid, generation, traits) {
      const wire = await ask<{ readonly resource_provider_generation: number }>(session, 'PUT', ofProvider(uuid, '/traits'), {
        resource_provider_generation: generation,
        traits,
      });
      return wire.resource_provider_generation;
    },
    async ensureTraits(session, traits) {
      if (traits.length === 0) return;
      const { traits: known } = await ask<{ readonly traits: readonly string[] }>(
        session,
        'GET',
        `/traits?name=${encodeURIComponent(`in:${traits.join(',')}`)}`,
      );
      const missing = traits.filter((trait) => !known.includes(trait));
      for (const trait of missing) {
        if (!trait.startsWith('CUSTOM_')) throw notFound(`The placement service knows no trait ${trait}.`);
        await ask(session, 'PUT', `/traits/${encodeURIComponent(trait)}`);
      }
    },
    async ensureResourceClasses(session, classes) {
      for (const name of classes)
        if (name.startsWith('CUSTOM_')) await ask(session, 'PUT', `/resource_classes/${encodeURIComponent(name)}`);
    },
    async aggregates(session, uuid) {
      const wire = await ask<{ readonly resource_provider_generation: number; readonly aggregates: readonly string[] }>(
        session,
        'GET',
        ofProvider(uuid, '/aggregates'),
      );
      return { generation: wire.resource_provider_generation, aggregates: wire.aggregates };
    },
    async setAggregates(session, uuid, generation, aggregates) {
      const wire = await ask<{ readonly resource_provider_generation: number }>(session, 'PUT', ofProvider(uuid, '/aggregates'), {
        resource_provider_generation: generation,
        aggregates,
      });
      return wire.resource_provider_generation;
    },
    async providerAllocations(session, uuid) {
      const wire = await ask<{ readonly allocations: Readonly<Record<string, { readonly resources: Resources }>> }>(
        session,
        'GET',
        ofProvider(uuid, '/allocations'),
      );
      return mapValues(wire.allocations, ({ resources }) => resources);
    },
    usages: async (session, projectId, userId) => {
      const search = new URLSearchParams({ project_id: projectId, ...(userId === undefined ? {} : { user_id: userId }) });
      return (await ask<{ readonly usages: Readonly<Record<string, Resources>> }>(session, 'GET', `/usages?${search.toString()}`)).usages;
    },
    reshape: (session, { inventories, allocations }) =>
      ask(session, 'POST', '/reshaper', {
        inventories: mapValues(inventories, ({ generation, inventories: all }) => ({
          resource_provider_generation: generation,
          inventories: mapValues(all, toWireInventory),
        })),
        allocations: mapValues(allocations, toWireAllocations),
      }),
  };
  return { ...client, close: () => http.close() };
}
