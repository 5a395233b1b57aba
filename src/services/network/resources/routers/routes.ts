import type { AnyRoute, RequestContext } from '../../../../lib/http/route.ts';
import { find, scopeOf, shown } from '../../collection.ts';
import { route, type NetworkDeps } from '../../deps.ts';
import type { NetworkRule } from '../../policy.ts';
import { locked, resourceRoutes, type Work } from '../../resource-routes.ts';
import { write } from '../../store/write.ts';
import { CreateRouter, ExtraRoutes, RouterInterface, UpdateRouter } from './bodies.ts';
import { checkedRoutes, createRouter, deleteRouter, updateRouter } from './change-router.ts';
import { routers, type RouterRow } from './collection.ts';
import { addRouterInterface, removeRouterInterface } from './router-interfaces.ts';

const load = ({
  params,
  ctx,
  deps,
}: {
  readonly params: { readonly id: string };
  readonly ctx: RequestContext;
  readonly deps: NetworkDeps;
}): Promise<RouterRow> => find(deps.db, routers, scopeOf(ctx), params.id);

const interfaceRoute = (
  verb: 'add_router_interface' | 'remove_router_interface',
  run: (
    work: Work,
    router: RouterRow,
    asked: { readonly subnet_id?: string; readonly port_id?: string },
  ) => Promise<Record<string, unknown>>,
): AnyRoute<NetworkDeps> =>
  route({
    method: 'PUT',
    path: `/v2.0/routers/:id/${verb}`,
    summary: verb.replaceAll('_', ' '),
    policy: verb,
    load,
    target: routers.target,
    body: { schema: RouterInterface },
    reply: { status: 200 },
    handle: ({ ctx, deps, loaded, body }) =>
      write(deps, async (tx, touched) => run({ deps, ctx, tx, touched }, await locked(tx, routers, loaded.id), body)),
  });

const extraRoutesRoute = (verb: 'add_extraroutes' | 'remove_extraroutes'): AnyRoute<NetworkDeps> =>
  route({
    method: 'PUT',
    path: `/v2.0/routers/:id/${verb}`,
    summary: verb.replaceAll('_', ' '),
    policy: verb satisfies NetworkRule,
    load,
    target: routers.target,
    body: { key: 'router', schema: ExtraRoutes },
    reply: { status: 200, key: 'router' },
    async handle({ ctx, deps, loaded, body }) {
      await write(deps, async (tx, touched) => {
        const router = await locked(tx, routers, loaded.id);
        const named = new Set(body.routes.map((each) => `${each.destination} ${each.nexthop}`));
        const others = router.routes.filter((each) => !named.has(`${each.destination} ${each.nexthop}`));
        const routes = verb === 'add_extraroutes' ? await checkedRoutes(tx, router.id, [...others, ...body.routes]) : others;
        await tx
          .updateTable('routers')
          .set({ routes: JSON.stringify(routes), revision_number: router.revision_number + 1, updated_at: new Date(deps.clock.now()) })
          .where('id', '=', router.id)
          .execute();
        touched.routers.add(router.id);
      });
      return shown(routers, await find(deps.db, routers, scopeOf(ctx), loaded.id), ctx, null);
    },
  });

export const routerRoutes: readonly AnyRoute<NetworkDeps>[] = [
  ...resourceRoutes({
    collection: routers,
    create: { body: CreateRouter, run: createRouter },
    update: { body: UpdateRouter, run: updateRouter },
    remove: deleteRouter,
  }),
  interfaceRoute('add_router_interface', addRouterInterface),
  interfaceRoute('remove_router_interface', removeRouterInterface),
  extraRoutesRoute('add_extraroutes'),
  extraRoutesRoute('remove_extraroutes'),
];
