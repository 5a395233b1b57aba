import { isTruthy } from '../../../../lib/http/query.ts';
import { route } from '../../deps.ts';
import { nextLinks } from '../../links.ts';
import { does } from '../../microversions.ts';
import { noQuery } from '../../queries.ts';
import { ListHypervisors, ShowHypervisor } from './bodies.ts';
import { allHypervisors, getHypervisor, listHypervisors, searchHypervisors, uptimeOf } from './find-hypervisors.ts';
import { briefHypervisorView, hypervisorView, statisticsOf, uptimeView } from './view.ts';

/** Both lists: what they show is all that differs. */
const list = (
  path: '/os-hypervisors' | '/os-hypervisors/detail',
  summary: string,
  policy: 'os_compute_api:os-hypervisors:list' | 'os_compute_api:os-hypervisors:list-detail',
  view: typeof hypervisorView,
) =>
  route({
    method: 'GET',
    path,
    summary,
    policy,
    query: ListHypervisors,
    reply: { status: 200 },
    handle: async ({ query, ctx, deps }) => {
      const page = await listHypervisors(deps, ctx, query, { detailed: view === hypervisorView });
      const next = nextLinks(ctx, path.slice(1), page);
      return {
        hypervisors: page.hypervisors.map((hypervisor) => view.render(hypervisor, ctx)),
        ...(next === undefined ? {} : { hypervisors_links: next }),
      };
    },
  });

export const hypervisorRoutes = [
  list('/os-hypervisors', 'List hypervisors', 'os_compute_api:os-hypervisors:list', briefHypervisorView),
  list('/os-hypervisors/detail', 'List hypervisors with all they have', 'os_compute_api:os-hypervisors:list-detail', hypervisorView),
  route({
    method: 'GET',
    path: '/os-hypervisors/statistics',
    until: '2.87',
    summary: 'Sum up all hypervisors',
    policy: 'os_compute_api:os-hypervisors:statistics',
    query: noQuery,
    reply: { status: 200, key: 'hypervisor_statistics' },
    handle: async ({ deps }) => statisticsOf(await allHypervisors(deps)),
  }),
  route({
    method: 'GET',
    path: '/os-hypervisors/:hypervisorId',
    summary: 'Show a hypervisor',
    policy: 'os_compute_api:os-hypervisors:show',
    query: ShowHypervisor,
    reply: { status: 200, key: 'hypervisor', view: hypervisorView },
    handle: ({ params, query, ctx, deps }) =>
      getHypervisor(deps, ctx, params.hypervisorId, { servers: isTruthy(query.with_servers), uptime: does(ctx, 'uptimeAmongHypervisors') }),
  }),
  route({
    method: 'GET',
    path: '/os-hypervisors/:hypervisorId/uptime',
    until: '2.87',
    summary: 'Show how long a hypervisor has been running',
    policy: 'os_compute_api:os-hypervisors:uptime',
    query: noQuery,
    reply: { status: 200, key: 'hypervisor', view: uptimeView },
    handle: async ({ params, ctx, deps }) => {
      const hypervisor = await getHypervisor(deps, ctx, params.hypervisorId);
      return { ...hypervisor, uptime: await uptimeOf(deps, hypervisor) };
    },
  }),
  route({
    method: 'GET',
    path: '/os-hypervisors/:pattern/search',
    until: '2.52',
    summary: 'Search hypervisors by name',
    policy: 'os_compute_api:os-hypervisors:search',
    query: noQuery,
    reply: { status: 200 },
    handle: async ({ params, ctx, deps }) => ({
      hypervisors: (await searchHypervisors(deps, params.pattern)).map((hypervisor) => briefHypervisorView.render(hypervisor, ctx)),
    }),
  }),
  route({
    method: 'GET',
    path: '/os-hypervisors/:pattern/servers',
    until: '2.52',
    summary: 'List the servers of hypervisors',
    policy: 'os_compute_api:os-hypervisors:servers',
    query: noQuery,
    reply: { status: 200 },
    handle: async ({ params, ctx, deps }) => ({
      hypervisors: (await searchHypervisors(deps, params.pattern, { servers: true })).map((hypervisor) =>
        briefHypervisorView.render(hypervisor, ctx),
      ),
    }),
  }),
];
