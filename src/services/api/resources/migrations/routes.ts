import { invalid } from '../../../../lib/errors.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { anyText, digits, isTruthy, versionedQuery } from '../../../../lib/http/query.ts';
import { listMoves } from '../../../../store/moves.ts';
import { route } from '../../deps.ts';
import { nextLinks } from '../../links.ts';
import { does } from '../../microversions.ts';
import { changesBetween } from '../../moments.ts';
import { pageLimit } from '../../paging.ts';
import { migrationView } from './view.ts';

const ListMigrations = versionedQuery(
  {
    hidden: { type: anyText },
    host: { type: anyText },
    instance_uuid: { type: anyText },
    source_compute: { type: anyText },
    status: { type: anyText },
    migration_type: { type: anyText },
    limit: { since: '2.59', type: digits },
    marker: { since: '2.59', type: anyText },
    'changes-since': { since: '2.59', type: anyText },
    'changes-before': { since: '2.66', type: anyText },
    user_id: { since: '2.80', type: anyText },
    project_id: { since: '2.80', type: anyText },
  },
  { refusesUnknownSince: version('2.59') },
);
const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

export const migrationRoutes = [
  route({
    method: 'GET',
    path: '/os-migrations',
    summary: 'List moves of servers between hosts and flavors',
    policy: 'os_compute_api:os-migrations:index',
    query: ListMigrations,
    reply: { status: 200 },
    handle: async ({ query, ctx, deps }) => {
      const projectId = query.project_id ?? null;
      if (projectId === null || projectId !== ctx.caller.projectId) ctx.authorize('os_compute_api:os-migrations:index:all_projects');
      const paged = does(ctx, 'migrationsPaged');
      const limit = paged ? pageLimit(deps, query.limit) : null;
      const marker = query.marker ?? null;
      const { since, before } = changesBetween(query);
      const instanceId = query.instance_uuid ?? null;
      const found =
        (instanceId !== null && !isUuid(instanceId)) || (marker !== null && !isUuid(marker))
          ? marker === null
            ? []
            : null
          : await listMoves(
              deps.stores,
              {
                hidden: query.hidden === undefined ? false : isTruthy(query.hidden),
                host: query.host ?? null,
                sourceHost: query.source_compute ?? null,
                instanceId,
                status: query.status ?? null,
                type: query.migration_type ?? null,
                userId: query.user_id ?? null,
                projectId,
                changedSince: since,
                changedBefore: before,
              },
              { limit, after: marker, oldestFirst: !paged },
            );
      if (found === null) throw invalid(`Marker ${marker ?? ''} could not be found.`);
      const full = limit !== null && limit > 0 && found.length === limit;
      const next = paged ? nextLinks(ctx, 'os-migrations', { full, lastId: found.at(-1)?.id }) : undefined;
      return {
        migrations: found.filter(({ hidden }) => !hidden).map((move) => migrationView.render(move, ctx)),
        ...(next === undefined ? {} : { migrations_links: next }),
      };
    },
  }),
];
