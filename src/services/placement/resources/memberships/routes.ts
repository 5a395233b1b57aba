import Type from 'typebox';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { markFresh, route } from '../../deps.ts';
import { changedMeanwhile, noSuchTraits, providerGenerationConflict } from '../../errors.ts';
import { Generation, Uuid } from '../../schemas.ts';
import { aggregatesOf, replaceAggregates, replaceTraits, traitsOf } from '../../store/memberships.ts';
import { unknownNames } from '../../store/names.ts';
import { touchProvider } from '../../store/providers.ts';
import { changePart, loadProvider, showPart } from '../provider-part.ts';

const Aggregates = Type.Array(Uuid, { uniqueItems: true });
const SetTraits = Type.Object(
  {
    traits: Type.Array(Type.String({ minLength: 1, maxLength: 255, pattern: '^[A-Z0-9_]+$' }), { uniqueItems: true }),
    resource_provider_generation: Generation,
  },
  { additionalProperties: false },
);
const SetAggregates = Type.Object({ aggregates: Aggregates, resource_provider_generation: Generation }, { additionalProperties: false });

const aggregatesPart = {
  name: 'aggregates',
  summary: 'List the aggregates of a provider',
  policy: 'placement:resource_providers:aggregates:list',
  read: aggregatesOf,
} as const;

/** What a provider is and where it belongs: its traits and its aggregates. */
export const membershipRoutes = [
  showPart({
    name: 'traits',
    since: '1.6',
    summary: 'List the traits of a provider',
    policy: 'placement:resource_providers:traits:list',
    read: traitsOf,
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid/traits',
    since: '1.6',
    summary: 'Replace the traits of a provider',
    policy: 'placement:resource_providers:traits:update',
    body: { schema: plainBody('SetTraits', SetTraits) },
    load: loadProvider,
    reply: { status: 200 },
    async handle({ loaded: provider, body, ctx, deps }) {
      if (body.resource_provider_generation !== provider.generation) {
        throw changedMeanwhile("Resource provider's generation already changed. Please update the generation and try again.");
      }
      const missing = await unknownNames(deps.database, 'traits', body.traits);
      if (missing.length > 0) throw noSuchTraits(missing);
      const traits = body.traits.toSorted();
      const generation = await changePart(deps, provider, body.resource_provider_generation, (tx) =>
        replaceTraits(tx, provider.id, traits),
      );
      markFresh(ctx, deps);
      return { resource_provider_generation: generation, traits };
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_providers/:uuid/traits',
    since: '1.6',
    summary: 'Take all traits from a provider',
    policy: 'placement:resource_providers:traits:delete',
    load: loadProvider,
    reply: { status: 204 },
    async handle({ loaded: provider, deps }) {
      await changePart(deps, provider, null, (tx) => replaceTraits(tx, provider.id, []));
    },
  }),
  showPart({ ...aggregatesPart, since: '1.1', until: '1.18', withoutGeneration: true }),
  showPart({ ...aggregatesPart, since: '1.19' }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid/aggregates',
    since: '1.1',
    until: '1.18',
    summary: 'Replace the aggregates of a provider',
    policy: 'placement:resource_providers:aggregates:update',
    body: { schema: plainBody('SetAggregatesUnguarded', Aggregates) },
    load: loadProvider,
    reply: { status: 200 },
    async handle({ loaded: provider, body, ctx, deps }) {
      const aggregates = body.map((uuid) => normalizeUuid(uuid)!);
      await deps.database.transaction().execute(async (tx) => {
        await touchProvider(tx, provider.id);
        await replaceAggregates(tx, provider.id, aggregates);
      });
      markFresh(ctx, deps);
      return { aggregates };
    },
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid/aggregates',
    since: '1.19',
    summary: 'Replace the aggregates of a provider',
    policy: 'placement:resource_providers:aggregates:update',
    body: { schema: plainBody('SetAggregates', SetAggregates) },
    load: loadProvider,
    reply: { status: 200 },
    async handle({ loaded: provider, body, ctx, deps }) {
      if (body.resource_provider_generation !== provider.generation) throw providerGenerationConflict();
      const aggregates = body.aggregates.map((uuid) => normalizeUuid(uuid)!);
      const generation = await changePart(deps, provider, body.resource_provider_generation, (tx) =>
        replaceAggregates(tx, provider.id, aggregates),
      );
      markFresh(ctx, deps);
      return { aggregates, resource_provider_generation: generation };
    },
  }),
];
