import type { AnyRoute } from '../../../lib/http/route.ts';
import { listLinks, selfLink } from '../collection-routes.ts';
import { route, type IdentityDeps } from '../deps.ts';
import { domainIdsOf, effectiveRoles, projectIdsOf } from '../effective-roles.ts';
import { showDomain, showProject } from '../resources/views.ts';

/** What the caller could ask tokens for. */
export const scopeRoutes: readonly AnyRoute<IdentityDeps>[] = [
  route({
    method: 'GET',
    path: '/v3/auth/projects',
    summary: 'List projects the caller can get a token for',
    policy: 'authenticated',
    reply: { status: 200 },
    async handle({ ctx, deps }) {
      const ids = await projectIdsOf(deps.db, ctx.caller.userId);
      const rows =
        ids.length === 0
          ? []
          : await deps.db
              .selectFrom('projects')
              .innerJoin('domains', 'domains.id', 'projects.domain_id')
              .selectAll('projects')
              .where('projects.id', 'in', ids)
              .where('projects.enabled', '=', true)
              .where('domains.enabled', '=', true)
              .orderBy('projects.name')
              .execute();
      return { projects: rows.map((row) => ({ ...showProject(row), links: selfLink(ctx, `projects/${row.id}`) })), links: listLinks(ctx) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/domains',
    summary: 'List domains the caller can get a token for',
    policy: 'authenticated',
    reply: { status: 200 },
    async handle({ ctx, deps }) {
      const ids = await domainIdsOf(deps.db, ctx.caller.userId);
      const rows =
        ids.length === 0
          ? []
          : await deps.db.selectFrom('domains').selectAll().where('id', 'in', ids).where('enabled', '=', true).orderBy('name').execute();
      return { domains: rows.map((row) => ({ ...showDomain(row), links: selfLink(ctx, `domains/${row.id}`) })), links: listLinks(ctx) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/system',
    summary: 'Tell whether the caller can get a token for the system',
    policy: 'authenticated',
    reply: { status: 200 },
    async handle({ ctx, deps }) {
      const roles = await effectiveRoles(deps.db, ctx.caller.userId, { type: 'system' });
      return { system: roles.length === 0 ? [] : [{ all: true }], links: listLinks(ctx) };
    },
  }),
];
