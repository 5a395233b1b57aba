import Type from 'typebox';
import { forbidden } from '../../../lib/errors.ts';
import { isTruthy } from '../../../lib/http/query.ts';
import type { AnyRoute, RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { mayKnow, volumeRoute, type VolumeDeps } from '../deps.ts';
import { defaultClass, dropLimits, limitsOf, quotaResources, setLimits, usageOf, type QuotaValues } from '../store/quotas.ts';

const Limit = Type.Union([Type.Integer({ minimum: -1, maximum: 2_147_483_647 }), Type.String({ pattern: '^(-1|[0-9]{1,9})$' })]);
const QuotaChange = plainBody(
  'quota_set',
  Type.Object(Object.fromEntries(quotaResources.map((name) => [name, Type.Optional(Limit)])), { additionalProperties: true }),
);

/** The resources that are known of what a body names; quotas of single types are not kept. */
const limitsIn = (body: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> =>
  Object.fromEntries(quotaResources.flatMap((name): [string, number][] => (Object.hasOwn(body, name) ? [[name, Number(body[name])]] : [])));

async function show(deps: VolumeDeps, ctx: RequestContext, projectId: string): Promise<Record<string, unknown>> {
  if (!mayKnow(ctx, projectId)) throw forbidden('The project’s quota is none of yours.');
  const limits = await limitsOf(deps.database, deps.settings, projectId);
  if (!isTruthy(new URLSearchParams(ctx.rawQuery).get('usage') ?? undefined)) return { quota_set: { id: projectId, ...limits } };
  const used = await usageOf(deps.database, projectId);
  const both = (name: keyof QuotaValues) => ({ limit: limits[name], in_use: used[name], reserved: 0, allocated: 0 });
  return { quota_set: { id: projectId, ...Object.fromEntries(quotaResources.map((name) => [name, both(name)])) } };
}

const ofProject = {
  load: async ({ params }: { readonly params: { readonly project: string } }) => params.project,
  target: (project: string) => ({ project_id: project }),
};

async function usedLimits(deps: VolumeDeps, ctx: RequestContext): Promise<Record<string, unknown>> {
  const asked = new URLSearchParams(ctx.rawQuery).get('project_id');
  const projectId = asked !== null && ctx.version >= 3039 && mayKnow(ctx, asked) ? asked : (ctx.caller.projectId ?? '');
  const [limits, used] = [await limitsOf(deps.database, deps.settings, projectId), await usageOf(deps.database, projectId)];
  return {
    limits: {
      rate: [],
      absolute: {
        maxTotalVolumes: limits.volumes,
        maxTotalVolumeGigabytes: limits.gigabytes,
        maxTotalSnapshots: limits.snapshots,
        maxTotalBackups: limits.backups,
        maxTotalBackupGigabytes: limits.backup_gigabytes,
        totalVolumesUsed: used.volumes,
        totalGigabytesUsed: used.gigabytes,
        totalSnapshotsUsed: used.snapshots,
        totalBackupsUsed: 0,
        totalBackupGigabytesUsed: 0,
      },
    },
  };
}

export const quotaRoutes: readonly AnyRoute<VolumeDeps>[] = [
  volumeRoute({
    method: 'GET',
    path: '/limits',
    summary: 'Show limits and what is used of them',
    policy: 'limits_extension:used_limits',
    reply: { status: 200 },
    handle: ({ ctx, deps }) => usedLimits(deps, ctx),
  }),
  volumeRoute({
    method: 'GET',
    path: '/os-quota-sets/:project',
    summary: 'Show the quota of a project',
    policy: 'volume_extension:quotas:show',
    ...ofProject,
    reply: { status: 200 },
    handle: ({ params, ctx, deps }) => show(deps, ctx, params.project),
  }),
  volumeRoute({
    method: 'GET',
    path: '/os-quota-sets/:project/defaults',
    summary: 'Show the quota a project has by default',
    policy: 'volume_extension:quotas:show',
    ...ofProject,
    reply: { status: 200 },
    handle: async ({ params, deps }) => ({ quota_set: { id: params.project, ...(await limitsOf(deps.database, deps.settings, null)) } }),
  }),
  volumeRoute({
    method: 'PUT',
    path: '/os-quota-sets/:project',
    summary: 'Change the quota of a project',
    policy: 'volume_extension:quotas:update',
    ...ofProject,
    body: { key: 'quota_set', schema: QuotaChange },
    reply: { status: 200 },
    async handle({ params, body, deps }) {
      await setLimits(deps.database, params.project, limitsIn(body));
      return { quota_set: await limitsOf(deps.database, deps.settings, params.project) };
    },
  }),
  volumeRoute({
    method: 'DELETE',
    path: '/os-quota-sets/:project',
    summary: 'Put the quota of a project back to the defaults',
    policy: 'volume_extension:quotas:delete',
    ...ofProject,
    reply: { status: 200 },
    handle: ({ params, deps }) => dropLimits(deps.database, params.project),
  }),
  volumeRoute({
    method: 'GET',
    path: '/os-quota-class-sets/:name',
    summary: 'Show default quotas',
    policy: 'volume_extension:quota_classes:get',
    reply: { status: 200 },
    handle: async ({ params, deps }) => ({ quota_class_set: { id: params.name, ...(await limitsOf(deps.database, deps.settings, null)) } }),
  }),
  volumeRoute({
    method: 'PUT',
    path: '/os-quota-class-sets/:name',
    summary: 'Change default quotas',
    policy: 'volume_extension:quota_classes:update',
    body: { key: 'quota_class_set', schema: QuotaChange },
    reply: { status: 200 },
    async handle({ params, body, deps }) {
      if (params.name !== 'default') throw forbidden('There is one quota class: default.');
      await setLimits(deps.database, defaultClass, limitsIn(body));
      return { quota_class_set: await limitsOf(deps.database, deps.settings, null) };
    },
  }),
];
