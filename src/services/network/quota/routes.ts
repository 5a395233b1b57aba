import { Type } from 'typebox';
import type { PolicyTarget } from '../../../lib/policy/policy.ts';
import { Reply } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { route, type NetworkDeps } from '../deps.ts';
import { enforcedLimits, quotaNames, quotaResources, usageOf } from './enforce-quota.ts';

const Limit = Type.Integer({ minimum: -1, maximum: 2_147_483_647 });
const UpdateQuota = plainBody(
  'UpdateQuota',
  Type.Object(
    {
      ...Object.fromEntries(quotaNames.map((name) => [name, Type.Optional(Limit)])),
      tenant_id: Type.Optional(Type.String()),
      project_id: Type.Optional(Type.String()),
      force: Type.Optional(Type.Boolean()),
      check_limit: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
);

const target = (projectId: string): PolicyTarget => ({ project_id: projectId, tenant_id: projectId });
const defaults = (): Record<string, number> => Object.fromEntries(quotaNames.map((name) => [name, quotaResources[name].limit]));

async function details(deps: NetworkDeps, projectId: string): Promise<Record<string, unknown>> {
  const [limits, used] = await Promise.all([enforcedLimits(deps.db, projectId), usageOf(deps.db, projectId, quotaNames)]);
  return Object.fromEntries(quotaNames.map((name) => [name, { limit: limits[name], used: used[name], reserved: 0 }]));
}

/** A loaded value carries the project a path names, so that the policy is asked about it. */
const load = async ({ params }: { readonly params: { readonly project: string } }): Promise<string> => params.project;

const detailRoute = (path: '/v2.0/quotas/:project/details' | '/v2.0/quotas/:project/details.json') =>
  route({
    method: 'GET',
    path,
    summary: 'Show quota and usage of a project',
    policy: 'get_quota',
    load,
    target,
    reply: { status: 200, key: 'quota' },
    handle: ({ loaded, deps }) => details(deps, loaded),
  });

/** How much of each resource a project may have. */
export const quotaRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/quotas',
    summary: 'List projects with a quota of their own',
    policy: 'get_quotas',
    reply: { status: 200, key: 'quotas' },
    async handle({ deps }) {
      const rows = await deps.db.selectFrom('quotas').selectAll().orderBy('project_id').execute();
      return [...Map.groupBy(rows, (row) => row.project_id)].map(([projectId, own]) => ({
        ...defaults(),
        ...Object.fromEntries(own.map((row) => [row.resource, row.quota_limit])),
        tenant_id: projectId,
        project_id: projectId,
      }));
    },
  }),
  ...(['tenant', 'project'] as const).map((word) =>
    route({
      method: 'GET',
      path: `/v2.0/quotas/${word}`,
      summary: 'Tell whose quota is asked about',
      policy: 'authenticated',
      reply: { status: 200 },
      handle: ({ ctx }) => ({ [word]: { tenant_id: ctx.caller.projectId, project_id: ctx.caller.projectId } }),
    }),
  ),
  route({
    method: 'GET',
    path: '/v2.0/quotas/:project',
    summary: 'Show the quota of a project',
    policy: 'get_quota',
    load,
    target,
    reply: { status: 200, key: 'quota' },
    handle: ({ loaded, deps }) => enforcedLimits(deps.db, loaded),
  }),
  route({
    method: 'GET',
    path: '/v2.0/quotas/:project/default',
    summary: 'Show the default quota',
    policy: 'get_quota',
    load,
    target,
    reply: { status: 200, key: 'quota' },
    handle: defaults,
  }),
  detailRoute('/v2.0/quotas/:project/details'),
  detailRoute('/v2.0/quotas/:project/details.json'),
  route({
    method: 'PUT',
    path: '/v2.0/quotas/:project',
    summary: 'Change the quota of a project',
    policy: 'update_quota',
    load,
    target,
    body: { key: 'quota', schema: UpdateQuota },
    reply: { status: 200, key: 'quota' },
    async handle({ loaded, body, deps }) {
      const limits: Readonly<Record<string, unknown>> = body;
      const given = quotaNames.flatMap((resource) => {
        const limit = limits[resource];
        return typeof limit === 'number' ? [{ project_id: loaded, resource, quota_limit: limit }] : [];
      });
      if (given.length > 0) {
        await deps.db
          .insertInto('quotas')
          .values(given)
          .onConflict((clash) =>
            clash.columns(['project_id', 'resource']).doUpdateSet((row) => ({ quota_limit: row.ref('excluded.quota_limit') })),
          )
          .execute();
      }
      return enforcedLimits(deps.db, loaded);
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/quotas/:project',
    summary: 'Give a project the default quota',
    policy: 'delete_quota',
    load,
    target,
    reply: { status: 204 },
    async handle({ loaded, deps }) {
      await deps.db.deleteFrom('quotas').where('project_id', '=', loaded).execute();
      return new Reply(204);
    },
  }),
];
