import { version } from '../../../../lib/http/microversion.ts';
import { anyText, versionedQuery } from '../../../../lib/http/query.ts';
import { route } from '../../deps.ts';
import { limitsOf } from '../../limits.ts';
import { quotaUsage } from '../quota-sets/usage.ts';
import { absoluteLimitsView } from './view.ts';

const ShowLimits = versionedQuery({ reserved: { type: anyText }, tenant_id: { type: anyText } }, { refusesUnknownSince: version('2.75') });

export const limitRoutes = [
  route({
    method: 'GET',
    path: '/limits',
    summary: 'Show limits and what is used of them',
    policy: 'os_compute_api:limits',
    query: ShowLimits,
    reply: { status: 200, key: 'limits' },
    handle: async ({ query, ctx, deps }) => {
      const projectId = query.tenant_id ?? ctx.caller.projectId ?? '';
      if (projectId !== ctx.caller.projectId) ctx.authorize('os_compute_api:limits:other_project', { project_id: projectId });
      const [limits, used] = await Promise.all([limitsOf(deps, projectId), quotaUsage(deps, { projectId })]);
      return { rate: [], absolute: absoluteLimitsView.render({ limits, used }, ctx) };
    },
  }),
];
