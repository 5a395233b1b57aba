import type { Selectable } from 'kysely';
import { forbidden, notFound } from '../../../lib/errors.ts';
import { Reply, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { foundOr404, listLinks, selfLink } from '../collection-routes.ts';
import { route, type IdentityDeps } from '../deps.ts';
import type { IdentityRule } from '../policy.ts';
import { revoke } from '../revocations.ts';
import type { RoleTable } from '../tables.ts';
import { findRole } from './roles.ts';

type Role = Selectable<RoleTable>;

const brief = (ctx: RequestContext, { id, name }: Pick<Role, 'id' | 'name'>): Record<string, unknown> => ({
  id,
  name,
  links: selfLink(ctx, `roles/${id}`),
});

const impliedBy = (deps: IdentityDeps, prior: Role): Promise<Pick<Role, 'id' | 'name'>[]> =>
  deps.db
    .selectFrom('roles')
    .innerJoin('role_implications', 'implied_id', 'roles.id')
    .select(['roles.id', 'roles.name'])
    .where('prior_id', '=', prior.id)
    .orderBy('name')
    .execute();

const exists = async (deps: IdentityDeps, prior: Role, implied: Role): Promise<boolean> =>
  (await deps.db
    .selectFrom('role_implications')
    .select('prior_id')
    .where('prior_id', '=', prior.id)
    .where('implied_id', '=', implied.id)
    .executeTakeFirst()) !== undefined;

const pair = (
  method: 'PUT' | 'GET' | 'HEAD' | 'DELETE',
  policy: IdentityRule,
  summary: string,
  act: (deps: IdentityDeps, ctx: RequestContext, prior: Role, implied: Role) => Promise<Reply>,
): AnyRoute<IdentityDeps> =>
  route({
    method,
    path: '/v3/roles/:id/implies/:impliedId',
    summary,
    policy,
    load: async ({ ctx, deps, params }) => ({
      prior: await foundOr404(ctx, policy, `role: ${params.id}`, findRole(deps, params.id)),
      implied: await foundOr404(ctx, policy, `role: ${params.impliedId}`, findRole(deps, params.impliedId)),
    }),
    reply: { status: 204 },
    handle: ({ ctx, deps, loaded: { prior, implied } }) => act(deps, ctx, prior, implied),
  });

const inference = (ctx: RequestContext, prior: Role, implied: Role): Record<string, unknown> => ({
  role_inference: { prior_role: brief(ctx, prior), implies: brief(ctx, implied) },
  links: selfLink(ctx, `roles/${prior.id}/implies/${implied.id}`),
});

export const impliedRoleRoutes: readonly AnyRoute<IdentityDeps>[] = [
  route({
    method: 'GET',
    path: '/v3/roles/:id/implies',
    summary: 'List what a role implies',
    policy: 'identity:list_implied_roles',
    load: ({ ctx, deps, params }) => foundOr404(ctx, 'identity:list_implied_roles', `role: ${params.id}`, findRole(deps, params.id)),
    reply: { status: 200 },
    handle: async ({ ctx, deps, loaded: prior }) => ({
      role_inference: { prior_role: brief(ctx, prior), implies: (await impliedBy(deps, prior)).map((role) => brief(ctx, role)) },
      links: listLinks(ctx),
    }),
  }),
  pair('PUT', 'identity:create_implied_role', 'Let a role imply another', async (deps, ctx, prior, implied) => {
    if (implied.name.toLowerCase() === 'admin') throw forbidden('No role can imply admin.');
    await deps.db
      .insertInto('role_implications')
      .values({ prior_id: prior.id, implied_id: implied.id })
      .onConflict((c) => c.doNothing())
      .execute();
    return new Reply(201, inference(ctx, prior, implied));
  }),
  pair('GET', 'identity:get_implied_role', 'Show what a role implies', async (deps, ctx, prior, implied) => {
    if (!(await exists(deps, prior, implied))) throw notFound(`${prior.id} does not imply ${implied.id}.`);
    return new Reply(200, inference(ctx, prior, implied));
  }),
  pair('HEAD', 'identity:get_implied_role', 'Tell whether a role implies another', async (deps, _ctx, prior, implied) => {
    if (!(await exists(deps, prior, implied))) throw notFound(`${prior.id} does not imply ${implied.id}.`);
    return new Reply(204);
  }),
  pair('DELETE', 'identity:delete_implied_role', 'Let a role no longer imply another', (deps, _ctx, prior, implied) =>
    deps.db.transaction().execute(async (tx) => {
      const { numDeletedRows } = await tx
        .deleteFrom('role_implications')
        .where('prior_id', '=', prior.id)
        .where('implied_id', '=', implied.id)
        .executeTakeFirst();
      if (numDeletedRows === 0n) throw notFound(`${prior.id} does not imply ${implied.id}.`);
      await revoke(tx, deps.clock, [{ roleName: prior.name }]);
      return new Reply(204);
    }),
  ),
  route({
    method: 'GET',
    path: '/v3/role_inferences',
    summary: 'List what all roles imply',
    policy: 'identity:list_implied_roles',
    reply: { status: 200 },
    async handle({ ctx, deps }) {
      const rows = await deps.db
        .selectFrom('role_implications')
        .innerJoin('roles as prior', 'prior.id', 'prior_id')
        .innerJoin('roles as implied', 'implied.id', 'implied_id')
        .select(['prior.id', 'prior.name', 'implied.id as implied_id', 'implied.name as implied_name'])
        .orderBy('prior.name')
        .orderBy('implied.name')
        .execute();
      const inferences = [...Map.groupBy(rows, ({ id }) => id).values()].map((group) => ({
        prior_role: brief(ctx, group[0]!),
        implies: group.map(({ implied_id, implied_name }) => brief(ctx, { id: implied_id, name: implied_name })),
      }));
      return { role_inferences: inferences, links: listLinks(ctx) };
    },
  }),
];
