import { invalid, notFound, overQuota } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import {
  createServerGroup,
  deleteServerGroup,
  findServerGroup,
  listServerGroups,
  type ServerGroup,
} from '../../../../store/server-groups.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { offsetPage } from '../../paging.ts';
import { noQuery } from '../../queries.ts';
import { limitsOf } from '../../limits.ts';
import { CreateServerGroup, ListServerGroups } from './bodies.ts';
import { serverGroupView } from './view.ts';

/** The group a path names, as far as the caller may know of it: one of another project is not found. */
async function findGroup({
  params,
  ctx,
  deps,
}: {
  readonly params: { readonly groupId: string };
  readonly ctx: RequestContext;
  readonly deps: ApiDeps;
}): Promise<ServerGroup> {
  const uuid = normalizeUuid(params.groupId);
  const group = uuid === null ? null : await findServerGroup(deps.stores.api, uuid);
  if (group === null || (group.projectId !== ctx.caller.projectId && !ctx.caller.isAdmin)) throw groupNotFound(params.groupId);
  return group;
}
const groupNotFound = (id: string) => notFound(`Instance group ${id} could not be found.`);
const target = (group: ServerGroup) => ({ project_id: group.projectId, user_id: group.userId });

export const serverGroupRoutes = [
  route({
    method: 'GET',
    path: '/os-server-groups',
    summary: 'List server groups',
    policy: 'os_compute_api:os-server-groups:index',
    query: ListServerGroups,
    reply: { status: 200 },
    handle: async ({ query, ctx, deps }) => {
      const all = query.all_projects !== undefined && ctx.can('os_compute_api:os-server-groups:index:all_projects');
      const groups = await listServerGroups(deps.stores.api, all ? null : (ctx.caller.projectId ?? ''), offsetPage(deps, query));
      return { server_groups: groups.map((group) => serverGroupView.render(group, ctx)) };
    },
  }),
  route({
    method: 'POST',
    path: '/os-server-groups',
    summary: 'Create a server group',
    policy: 'os_compute_api:os-server-groups:create',
    body: { key: 'server_group', schema: CreateServerGroup },
    reply: { status: 200, key: 'server_group', view: serverGroupView },
    handle: async ({ body, ctx, deps }) => {
      const policy = body.policy ?? body.policies[0];
      const perHost = body.rules?.max_server_per_host;
      if (body.rules !== undefined && policy !== 'anti-affinity') throw invalid('Only anti-affinity policy supports rules.');
      const { userId, projectId } = ctx.caller;
      const limits = await limitsOf(deps, projectId ?? '', userId);
      const group = await createServerGroup(
        deps.stores.api,
        {
          id: deps.ids.uuid(),
          name: body.name,
          projectId: projectId ?? '',
          userId,
          policy,
          rules: perHost === undefined ? {} : { max_server_per_host: Number(perHost) },
        },
        limits['server_groups']!,
      );
      if (group === null) throw overQuota('Quota exceeded, too many server groups.');
      return group;
    },
  }),
  route({
    method: 'GET',
    path: '/os-server-groups/:groupId',
    summary: 'Show a server group',
    policy: 'os_compute_api:os-server-groups:show',
    query: noQuery,
    load: findGroup,
    target,
    reply: { status: 200, key: 'server_group', view: serverGroupView },
    handle: ({ loaded }) => loaded,
  }),
  route({
    method: 'DELETE',
    path: '/os-server-groups/:groupId',
    summary: 'Delete a server group',
    policy: 'os_compute_api:os-server-groups:delete',
    load: findGroup,
    target,
    reply: { status: 204 },
    handle: async ({ params, loaded, deps }) => {
      if (!(await deleteServerGroup(deps.stores.api, loaded.id))) throw groupNotFound(params.groupId);
    },
  }),
];
