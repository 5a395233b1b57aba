import type { ActionRoute } from '../../../../lib/http/route.ts';
import { createAggregate, listAggregates } from '../../../../store/aggregates.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { resourceAction, route, type ApiDeps } from '../../deps.ts';
import { noQuery } from '../../queries.ts';
import { AddHost, CacheImages, CreateAggregate, RemoveHost, SetMetadata, UpdateAggregate } from './bodies.ts';
import { cacheImages } from './cache-images.ts';
import { addHost, aggregateId, deleteAggregate, getAggregate, removeHost, setMetadata, updateAggregate } from './change-aggregate.ts';
import { aggregateView, createdAggregateView } from './view.ts';

export const aggregateRoutes = [
  route({
    method: 'GET',
    path: '/os-aggregates',
    summary: 'List aggregates',
    policy: 'os_compute_api:os-aggregates:index',
    query: noQuery,
    reply: { status: 200 },
    handle: async ({ ctx, deps }) => ({
      aggregates: (await listAggregates(deps.stores.api)).map((aggregate) => aggregateView.render(aggregate, ctx)),
    }),
  }),
  route({
    method: 'POST',
    path: '/os-aggregates',
    summary: 'Create an aggregate',
    policy: 'os_compute_api:os-aggregates:create',
    body: { key: 'aggregate', schema: CreateAggregate },
    reply: { status: 200, key: 'aggregate', view: createdAggregateView },
    handle: ({ body: { name, availability_zone: zone }, deps }) =>
      createAggregate(deps.stores.api, { uuid: deps.ids.uuid(), name, metadata: zone == null ? {} : { availability_zone: zone } }),
  }),
  route({
    method: 'GET',
    path: '/os-aggregates/:aggregateId',
    summary: 'Show an aggregate',
    policy: 'os_compute_api:os-aggregates:show',
    query: noQuery,
    reply: { status: 200, key: 'aggregate', view: aggregateView },
    handle: ({ params, deps }) => getAggregate(deps.stores.api, aggregateId(params.aggregateId)),
  }),
  route({
    method: 'PUT',
    path: '/os-aggregates/:aggregateId',
    summary: 'Rename an aggregate, or make it a zone',
    policy: 'os_compute_api:os-aggregates:update',
    body: { key: 'aggregate', schema: UpdateAggregate },
    reply: { status: 200, key: 'aggregate', view: aggregateView },
    handle: ({ params, body: { name, availability_zone: zone }, deps }) =>
      updateAggregate(deps, aggregateId(params.aggregateId), { name, zone }),
  }),
  route({
    method: 'DELETE',
    path: '/os-aggregates/:aggregateId',
    summary: 'Delete an aggregate',
    policy: 'os_compute_api:os-aggregates:delete',
    reply: { status: 200 },
    handle: ({ params, deps }) => deleteAggregate(deps, aggregateId(params.aggregateId)),
  }),
  route({
    method: 'POST',
    path: '/os-aggregates/:aggregateId/images',
    since: '2.81',
    summary: 'Have the hosts of an aggregate fetch images',
    policy: 'compute:aggregates:images',
    body: { key: 'cache', schema: CacheImages },
    reply: { status: 202 },
    handle: ({ params, body, ctx, deps }) =>
      cacheImages(
        deps,
        ctx,
        aggregateId(params.aggregateId),
        body.map(({ id }) => normalizeUuid(id) ?? id),
      ),
  }),
];

/** Everything `POST /os-aggregates/{id}/action` can do. */
export const aggregateActions: ActionRoute<ApiDeps, string> = {
  path: '/os-aggregates/:aggregateId/action',
  load: ({ params }) => Promise.resolve(params['aggregateId'] ?? ''),
  target: () => ({}),
  actions: [
    resourceAction({
      key: 'add_host',
      summary: 'Add a host to an aggregate',
      policy: 'os_compute_api:os-aggregates:add_host',
      body: AddHost,
      reply: { status: 200, key: 'aggregate', view: aggregateView },
      handle: ({ body, loaded, deps }) => addHost(deps, aggregateId(loaded), body.host),
    }),
    resourceAction({
      key: 'remove_host',
      summary: 'Remove a host from an aggregate',
      policy: 'os_compute_api:os-aggregates:remove_host',
      body: RemoveHost,
      reply: { status: 200, key: 'aggregate', view: aggregateView },
      handle: ({ body, loaded, deps }) => removeHost(deps, aggregateId(loaded), body.host),
    }),
    resourceAction({
      key: 'set_metadata',
      summary: 'Set metadata of an aggregate',
      policy: 'os_compute_api:os-aggregates:set_metadata',
      body: SetMetadata,
      reply: { status: 200, key: 'aggregate', view: aggregateView },
      handle: ({ body, loaded, deps }) => setMetadata(deps, aggregateId(loaded), body.metadata),
    }),
  ],
};
