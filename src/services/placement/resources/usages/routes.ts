import Type from 'typebox';
import { HttpError } from '../../../../lib/http/http-error.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { versionedQuery } from '../../../../lib/http/query.ts';
import { markFresh, route } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { Owner } from '../../schemas.ts';
import { usagesOfOwner, type UsageRow } from '../../store/allocations.ts';
import { usagesOf } from '../../store/inventories.ts';
import { showPart } from '../provider-part.ts';

const WantedType = Type.String({ pattern: '^[A-Z0-9_]+$|^all$|^unknown$', minLength: 1, maxLength: 255 });

export const usageRoutes = [
  showPart({
    name: 'usages',
    summary: 'Show what is used of a provider',
    policy: 'placement:resource_providers:usages',
    read: usagesOf,
  }),
  route({
    method: 'GET',
    path: '/usages',
    since: '1.9',
    summary: 'Show what a project uses',
    policy: 'placement:usages',
    query: versionedQuery(
      { project_id: { type: Owner }, user_id: { type: Owner }, consumer_type: { since: '1.38', type: WantedType } },
      { refusesUnknownSince: version('1.0') },
    ),
    load: async ({ query }) => {
      if (query.project_id === undefined) throw new HttpError(400, "Invalid query string parameters: 'project_id' is a required property");
      return { projectId: query.project_id };
    },
    target: ({ projectId }) => ({ project_id: projectId }),
    reply: { status: 200 },
    async handle({ query, loaded, ctx, deps }) {
      const rows = await usagesOfOwner(deps.database, { projectId: loaded.projectId, userId: query.user_id ?? null });
      markFresh(ctx, deps);
      if (!does(ctx, 'consumerTypes')) return { usages: sum(rows) };
      const wanted = query.consumer_type;
      if (wanted === 'all')
        return {
          usages: rows.length === 0 ? {} : { all: { ...sum(rows), consumer_count: rows.reduce((total, row) => total + row.consumers, 0) } },
        };
      const shown = rows.map((row) => [row.type ?? 'unknown', { ...row.resources, consumer_count: row.consumers }] as const);
      return { usages: Object.fromEntries(shown.filter(([type]) => wanted === undefined || type === wanted)) };
    },
  }),
];

function sum(rows: readonly UsageRow[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { resources } of rows) for (const [name, used] of Object.entries(resources)) total[name] = (total[name] ?? 0) + used;
  return total;
}
