import { invalid } from '../../../../lib/errors.ts';
import { forgetLimits, setClassLimits, type QuotaOwner } from '../../../../store/quotas.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { noQuery } from '../../queries.ts';
import { defaultLimits, limitsOf } from '../../limits.ts';
import { OfUser, UpdateQuotaClassSet, UpdateQuotaSet } from './bodies.ts';
import { updateQuotaSet } from './update-quota-set.ts';
import { quotaUsage } from './usage.ts';
import { quotaClassSetView, quotaSetView, quotaUsageView } from './view.ts';

/** Whose quota a path and its query name. */
const owner = ({
  params,
  query,
}: {
  readonly params: { readonly projectOfQuota: string };
  readonly query: { readonly user_id?: string };
}): Promise<QuotaOwner> =>
  Promise.resolve({ projectId: params.projectOfQuota, ...(query.user_id === undefined ? {} : { userId: query.user_id }) });
const target = ({ projectId }: QuotaOwner) => ({ project_id: projectId });

async function refuseUnknownProject({ identity }: ApiDeps, projectId: string): Promise<void> {
  if ((await identity.projectExists(projectId)) === false) throw invalid(`Project ID ${projectId} is not a valid project.`);
}

export const quotaSetRoutes = [
  route({
    method: 'GET',
    path: '/os-quota-sets/:projectOfQuota',
    summary: 'Show the quotas of a project',
    policy: 'os_compute_api:os-quota-sets:show',
    query: OfUser,
    load: owner,
    target,
    reply: { status: 200, key: 'quota_set', view: quotaSetView },
    handle: async ({ loaded: { projectId, userId }, deps }) => {
      await refuseUnknownProject(deps, projectId);
      return { id: projectId, of: await limitsOf(deps, projectId, userId) };
    },
  }),
  route({
    method: 'GET',
    path: '/os-quota-sets/:projectOfQuota/detail',
    summary: 'Show the quotas of a project with what is used of them',
    policy: 'os_compute_api:os-quota-sets:detail',
    query: OfUser,
    load: owner,
    target,
    reply: { status: 200, key: 'quota_set', view: quotaUsageView },
    handle: async ({ loaded, deps }) => {
      await refuseUnknownProject(deps, loaded.projectId);
      const [limits, used] = await Promise.all([limitsOf(deps, loaded.projectId, loaded.userId), quotaUsage(deps, loaded)]);
      return {
        id: loaded.projectId,
        of: Object.fromEntries(
          Object.entries(limits).map(([resource, limit]) => [resource, { limit, in_use: used[resource] ?? 0, reserved: 0 as const }]),
        ),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/os-quota-sets/:projectOfQuota/defaults',
    summary: 'Show the quotas of a project that has none of its own',
    policy: 'os_compute_api:os-quota-sets:defaults',
    reply: { status: 200, key: 'quota_set', view: quotaSetView },
    handle: async ({ params, deps }) => {
      await refuseUnknownProject(deps, params.projectOfQuota);
      return { id: params.projectOfQuota, of: await defaultLimits(deps) };
    },
  }),
  route({
    method: 'PUT',
    path: '/os-quota-sets/:projectOfQuota',
    summary: 'Change the quotas of a project',
    policy: 'os_compute_api:os-quota-sets:update',
    query: OfUser,
    body: { key: 'quota_set', schema: UpdateQuotaSet },
    load: owner,
    target,
    reply: { status: 200, key: 'quota_set', view: quotaSetView },
    handle: async ({ body, loaded, deps }) => {
      await refuseUnknownProject(deps, loaded.projectId);
      return { of: await updateQuotaSet(deps, loaded, body) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/os-quota-sets/:projectOfQuota',
    summary: 'Take changed quotas of a project back',
    policy: 'os_compute_api:os-quota-sets:delete',
    query: OfUser,
    load: owner,
    target,
    reply: { status: 202 },
    handle: ({ loaded, deps }) => forgetLimits(deps.stores.api, loaded),
  }),
  route({
    method: 'GET',
    path: '/os-quota-class-sets/:className',
    summary: 'Show the quotas of a class',
    policy: 'os_compute_api:os-quota-class-sets:show',
    query: noQuery,
    reply: { status: 200, key: 'quota_class_set', view: quotaClassSetView },
    handle: async ({ params, deps }) => ({
      id: params.className,
      of: await defaultLimits(deps, params.className),
    }),
  }),
  route({
    method: 'PUT',
    path: '/os-quota-class-sets/:className',
    summary: 'Change the quotas of a class',
    policy: 'os_compute_api:os-quota-class-sets:update',
    body: { key: 'quota_class_set', schema: UpdateQuotaClassSet },
    reply: { status: 200, key: 'quota_class_set', view: quotaClassSetView },
    handle: async ({ params, body, deps }) => {
      await setClassLimits(
        deps.stores.api,
        params.className,
        Object.fromEntries(Object.entries(body).map(([resource, limit]) => [resource, Number(limit)])),
      );
      return { of: await defaultLimits(deps, params.className) };
    },
  }),
];
