import { flavorNotFound } from '../../../../domain/faults.ts';
import { createFlavor, deleteFlavor, describeFlavor } from '../../../../store/flavors.ts';
import { route } from '../../deps.ts';
import { nextLinks } from '../../links.ts';
import { noQuery } from '../../queries.ts';
import { toBoolean } from '../../schemas.ts';
import { flavorAccessRoutes } from './access.ts';
import { CreateFlavor, ListFlavors, UpdateFlavor } from './bodies.ts';
import { extraSpecRoutes } from './extra-specs/routes.ts';
import { flavorOf } from './find-flavor.ts';
import { listFlavors } from './list-flavors.ts';
import { briefFlavorView, flavorView } from './view.ts';

/** Both lists: what they show is all that differs. */
const list = (path: '/flavors' | '/flavors/detail', summary: string, view: typeof flavorView) =>
  route({
    method: 'GET',
    path,
    summary,
    policy: 'authenticated',
    query: ListFlavors,
    reply: { status: 200 },
    handle: async ({ query, ctx, deps }) => {
      const { flavors, full } = await listFlavors(deps, ctx, query);
      const next = nextLinks(ctx, path.slice(1), { full, lastId: flavors.at(-1)?.flavorId });
      return { flavors: flavors.map((flavor) => view.render(flavor, ctx)), ...(next === undefined ? {} : { flavors_links: next }) };
    },
  });

export const flavorRoutes = [
  list('/flavors', 'List flavors', briefFlavorView),
  list('/flavors/detail', 'List flavors with all they have', flavorView),
  route({
    method: 'GET',
    path: '/flavors/:flavorId',
    summary: 'Show a flavor',
    policy: 'authenticated',
    query: noQuery,
    reply: { status: 200, key: 'flavor', view: flavorView },
    handle: ({ params, ctx, deps }) => flavorOf(deps, ctx, params.flavorId),
  }),
  route({
    method: 'POST',
    path: '/flavors',
    summary: 'Create a flavor',
    policy: 'os_compute_api:os-flavor-manage:create',
    body: { key: 'flavor', schema: CreateFlavor },
    reply: { status: 200, key: 'flavor', view: flavorView },
    handle: ({ body, deps }) =>
      createFlavor(deps.stores.api, {
        flavorId: body.id == null ? deps.ids.uuid() : String(body.id),
        name: body.name,
        vcpus: Number(body.vcpus),
        memoryMb: Number(body.ram),
        rootGb: Number(body.disk),
        ephemeralGb: Number(body['OS-FLV-EXT-DATA:ephemeral'] ?? 0),
        swapMb: Number(body.swap ?? 0),
        rxtxFactor: Number(body.rxtx_factor ?? 1),
        disabled: false,
        isPublic: toBoolean(body['os-flavor-access:is_public'] ?? true),
        extraSpecs: {},
        description: body.description ?? null,
      }),
  }),
  route({
    method: 'PUT',
    path: '/flavors/:flavorId',
    since: '2.55',
    summary: 'Describe a flavor',
    policy: 'os_compute_api:os-flavor-manage:update',
    body: { key: 'flavor', schema: UpdateFlavor },
    reply: { status: 200, key: 'flavor', view: flavorView },
    handle: async ({ params, body, deps }) => {
      const flavor = await describeFlavor(deps.stores.api, params.flavorId, body.description);
      if (flavor === null) throw flavorNotFound(params.flavorId);
      return flavor;
    },
  }),
  route({
    method: 'DELETE',
    path: '/flavors/:flavorId',
    summary: 'Delete a flavor',
    policy: 'os_compute_api:os-flavor-manage:delete',
    reply: { status: 202 },
    handle: async ({ params, deps }) => {
      if (!(await deleteFlavor(deps.stores.api, params.flavorId))) throw flavorNotFound(params.flavorId);
    },
  }),
  ...flavorAccessRoutes,
  ...extraSpecRoutes,
];
