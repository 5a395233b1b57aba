import type { FastifyInstance } from 'fastify';
import type { CorsSettings } from '../../lib/http/cors.ts';
import { HttpError } from '../../lib/http/http-error.ts';
import { isWithin } from '../../lib/http/microversion.ts';
import type { AnyRoute } from '../../lib/http/route.ts';
import { createService } from '../../lib/http/service.ts';
import type { Policy } from '../../lib/policy/policy.ts';
import type { PlacementDeps } from './deps.ts';
import { createFaults } from './faults.ts';
import { microversions } from './microversions.ts';
import { allocationRoutes } from './resources/allocations/routes.ts';
import { candidateRoutes } from './resources/candidates/routes.ts';
import { inventoryRoutes } from './resources/inventories/routes.ts';
import { membershipRoutes } from './resources/memberships/routes.ts';
import { resourceClassRoutes } from './resources/names/resource-class-routes.ts';
import { traitRoutes } from './resources/names/trait-routes.ts';
import { providerRoutes } from './resources/providers/routes.ts';
import { changeRoutes } from './resources/root/change-routes.ts';
import { rootRoutes } from './resources/root/routes.ts';
import { usageRoutes } from './resources/usages/routes.ts';

/** Every route of placement, at every version. */
export const placementRoutes: readonly AnyRoute<PlacementDeps>[] = [
  ...rootRoutes,
  ...providerRoutes,
  ...inventoryRoutes,
  ...membershipRoutes,
  ...resourceClassRoutes,
  ...traitRoutes,
  ...allocationRoutes,
  ...usageRoutes,
  ...candidateRoutes,
  ...changeRoutes,
];

/** Builds placement's HTTP application. It listens nowhere yet. */
export function createPlacementApplication(deps: PlacementDeps, policy: Policy, cors?: CorsSettings): FastifyInstance {
  const routes = placementRoutes.map(answersJson);
  return createService<PlacementDeps>({
    name: 'placement',
    routes: [...routes, ...missingAtSomeVersion(routes)],
    microversions,
    faults: createFaults(routes),
    policy: forProjects(policy),
    judgesBodyLast: true,
    authenticate: (headers) => deps.identity.authenticate(headers),
    deps,
    log: deps.log,
    ...(cors === undefined ? {} : { cors }),
    bodyTypes: ['application/json'],
    maxBodyBytes: 16_777_216, // a reshape names all allocations of a large provider
  });
}

/** Placement belongs to projects: a token scoped to a domain or the system may do nothing here, whatever its roles. */
const forProjects = (policy: Policy): Policy => ({
  ...policy,
  allows: (rule, caller, target) => caller.projectId !== null && policy.allows(rule, caller, target),
});

/** Refuses a GET that accepts anything but JSON. */
function answersJson(route: AnyRoute<PlacementDeps>): AnyRoute<PlacementDeps> {
  if (route.method !== 'GET') return route;
  return {
    ...route,
    handle(input) {
      const accept = String(input.ctx.headers['accept'] ?? '');
      if (accept !== '' && !/application\/(json|\*)|\*\/\*/.test(accept)) throw new HttpError(406, 'Only application/json is provided');
      return route.handle(input);
    },
  };
}

/** What an endpoint answers at versions that do not have it: 405 where its path has another method then, else 404. */
function missingAtSomeVersion(routes: readonly AnyRoute<PlacementDeps>[]): AnyRoute<PlacementDeps>[] {
  const windowed = routes.filter((route) => route.since !== undefined || route.until !== undefined);
  return [...Map.groupBy(windowed, ({ method, path }) => `${method} ${path}`).values()].map((variants) => {
    const { method, path, summary } = variants[0]!;
    return {
      method,
      path,
      summary,
      policy: 'authenticated',
      body: 'any',
      reply: { status: 404 },
      handle({ ctx }) {
        const there = routes.filter((route) => route.path === path && isWithin(route, ctx.version));
        if (there.length === 0) throw new HttpError(404, 'The resource could not be found.');
        throw new HttpError(405, `The method ${method} is not allowed for this resource.`, {
          allow: [...new Set(there.map((route) => route.method))].join(', '),
        });
      },
    };
  });
}
