import { invalid } from '../../../../lib/errors.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { markFresh, route } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { consumersOf, findConsumer, grantClaims, releaseConsumer } from '../../store/allocations.ts';
import { findProvider } from '../../store/providers.ts';
import { PostAllocations, PutAllocations, PutListedAllocations, Reshape } from './bodies.ts';
import { reshape } from './reshape.ts';
import { toClaim } from './to-claim.ts';

function readConsumer(text: string): string {
  const uuid = normalizeUuid(text);
  if (uuid === null) throw invalid(`Malformed consumer_uuid: ${text}`);
  return uuid;
}

export const allocationRoutes = [
  route({
    method: 'GET',
    path: '/resource_providers/:uuid/allocations',
    summary: 'List who uses a provider',
    policy: 'placement:resource_providers:allocations:list',
    load: ({ params, deps }) => findProvider(deps.database, params.uuid),
    reply: { status: 200 },
    async handle({ loaded: provider, ctx, deps }) {
      const held = await consumersOf(deps.database, provider.id);
      markFresh(ctx, deps, provider.updatedAt);
      const shown = held.map(({ consumer, generation, resources }) => {
        const entry = does(ctx, 'consumerGenerations') ? { resources, consumer_generation: generation } : { resources };
        return [consumer, entry] as const;
      });
      return { resource_provider_generation: provider.generation, allocations: Object.fromEntries(shown) };
    },
  }),
  route({
    method: 'GET',
    path: '/allocations/:consumer',
    summary: 'List the allocations of a consumer',
    policy: 'placement:allocations:list',
    reply: { status: 200 },
    async handle({ params, ctx, deps }) {
      const found = await findConsumer(deps.database, params.consumer);
      markFresh(ctx, deps, found?.updatedAt);
      if (found === null) return { allocations: {} };
      return {
        allocations: found.allocations,
        ...(does(ctx, 'ownersOfConsumers') ? { project_id: found.projectId, user_id: found.userId } : {}),
        ...(does(ctx, 'consumerGenerations') ? { consumer_generation: found.generation } : {}),
        ...(does(ctx, 'consumerTypes') ? { consumer_type: found.type ?? 'unknown' } : {}),
      };
    },
  }),
  route({
    method: 'PUT',
    path: '/allocations/:consumer',
    until: '1.11',
    summary: 'Set the allocations of a consumer',
    policy: 'placement:allocations:update',
    body: { schema: PutListedAllocations },
    reply: { status: 204 },
    async handle({ params, body, deps }) {
      const allocations = Object.fromEntries(
        body.allocations.map(({ resource_provider, resources }) => [normalizeUuid(resource_provider.uuid)!, resources]),
      );
      await grantClaims(deps.database, [
        {
          consumer: readConsumer(params.consumer),
          projectId: body.project_id ?? null,
          userId: body.user_id ?? null,
          type: null,
          generation: undefined,
          allocations,
        },
      ]);
    },
  }),
  route({
    method: 'PUT',
    path: '/allocations/:consumer',
    since: '1.12',
    summary: 'Set the allocations of a consumer',
    policy: 'placement:allocations:update',
    body: { schema: PutAllocations },
    reply: { status: 204 },
    handle: ({ params, body, ctx, deps }) => grantClaims(deps.database, [toClaim(readConsumer(params.consumer), body, ctx)]),
  }),
  route({
    method: 'POST',
    path: '/allocations',
    since: '1.13',
    summary: 'Set the allocations of several consumers at once',
    policy: 'placement:allocations:manage',
    body: { schema: PostAllocations },
    reply: { status: 204 },
    handle: ({ body, ctx, deps }) =>
      grantClaims(
        deps.database,
        Object.entries(body).map(([consumer, wanted]) => toClaim(consumer.toLowerCase(), wanted, ctx)),
      ),
  }),
  route({
    method: 'DELETE',
    path: '/allocations/:consumer',
    summary: 'Delete the allocations of a consumer',
    policy: 'placement:allocations:delete',
    reply: { status: 204 },
    handle: ({ params, deps }) => releaseConsumer(deps.database, params.consumer),
  }),
  route({
    method: 'POST',
    path: '/reshaper',
    since: '1.30',
    summary: 'Move inventories and their allocations between providers at once',
    policy: 'placement:reshaper:reshape',
    body: { schema: Reshape },
    reply: { status: 204 },
    handle: ({ body, ctx, deps }) => reshape(deps, ctx, body),
  }),
];
