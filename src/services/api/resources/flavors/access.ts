import { conflict, invalid, notFound } from '../../../../lib/errors.ts';
import type { ActionRoute } from '../../../../lib/http/route.ts';
import { giveFlavor, projectsOfFlavor, takeFlavor, type Flavor } from '../../../../store/flavors.ts';
import { resourceAction, route, type ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { noQuery } from '../../queries.ts';
import { AddTenantAccess, RemoveTenantAccess } from './bodies.ts';
import { flavorOf } from './find-flavor.ts';

/** Who may use a private flavor. */
export const flavorAccessRoutes = [
  route({
    method: 'GET',
    path: '/flavors/:flavorId/os-flavor-access',
    summary: 'List the projects that may use a private flavor',
    policy: 'os_compute_api:os-flavor-access',
    query: noQuery,
    reply: { status: 200, key: 'flavor_access' },
    handle: async ({ params, ctx, deps }) => {
      const flavor = await flavorOf(deps, ctx, params.flavorId);
      if (flavor.isPublic) throw notFound('Access list not available for public flavors.');
      return accessOf(deps, flavor);
    },
  }),
];

/** Everything `POST /flavors/{id}/action` can do. */
export const flavorActions: ActionRoute<ApiDeps, string> = {
  path: '/flavors/:flavorId/action',
  load: ({ params }) => Promise.resolve(params['flavorId'] ?? ''),
  target: () => ({}),
  actions: [
    resourceAction({
      key: 'addTenantAccess',
      summary: 'Let a project use a flavor',
      policy: 'os_compute_api:os-flavor-access:add_tenant_access',
      body: AddTenantAccess,
      reply: { status: 200, key: 'flavor_access' },
      handle: async ({ body: { tenant }, loaded: flavorId, ctx, deps }) => {
        if ((await deps.identity.projectExists(tenant)) === false) throw invalid(`Project ID ${tenant} is not a valid project.`);
        const flavor = await flavorOf(deps, ctx, flavorId);
        if (flavor.isPublic && does(ctx, 'publicFlavorsNotGiven')) throw conflict('Can not add access to a public flavor.');
        if (!(await giveFlavor(deps.stores.api, flavor, tenant)))
          throw conflict(`Flavor access already exists for flavor ${flavorId} and project ${tenant} combination.`);
        return accessOf(deps, flavor);
      },
    }),
    resourceAction({
      key: 'removeTenantAccess',
      summary: 'No longer let a project use a flavor',
      policy: 'os_compute_api:os-flavor-access:remove_tenant_access',
      body: RemoveTenantAccess,
      reply: { status: 200, key: 'flavor_access' },
      handle: async ({ body: { tenant }, loaded: flavorId, ctx, deps }) => {
        const flavor = await flavorOf(deps, ctx, flavorId);
        if (!(await takeFlavor(deps.stores.api, flavor, tenant)))
          throw notFound(`Flavor access not found for ${flavorId} / ${tenant} combination.`);
        return accessOf(deps, flavor);
      },
    }),
  ],
};

const accessOf = async (deps: ApiDeps, flavor: Flavor) =>
  (await projectsOfFlavor(deps.stores.api, flavor)).map((project) => ({ flavor_id: flavor.flavorId, tenant_id: project }));
