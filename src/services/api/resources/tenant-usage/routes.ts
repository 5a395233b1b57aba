import type { Instance } from '../../../../domain/instance.ts';
import { invalid, isKind } from '../../../../lib/errors.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { anyText, digits, versionedQuery, type QueryOf } from '../../../../lib/http/query.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { listInstances } from '../../../../store/instance-lists.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { nextLinks } from '../../links.ts';
import { does } from '../../microversions.ts';
import { pageLimit } from '../../paging.ts';
import { usageOfProject, type Period } from './usage-of-servers.ts';

const fields = {
  start: { type: anyText },
  end: { type: anyText },
  limit: { since: '2.40', type: digits },
  marker: { since: '2.40', type: anyText },
} as const;
const strict = { refusesUnknownSince: version('2.75') };
const ListUsage = versionedQuery({ ...fields, detailed: { type: anyText } }, strict);
const ShowUsage = versionedQuery(fields, strict);
type Query = QueryOf<typeof fields>;

/** A moment in one of the forms this API takes. */
function moment(text: string): number {
  const wellFormed = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d(?:\.\d{1,6})?)| (\d\d:\d\d:\d\d\.\d{1,6}))$/.exec(text);
  const at = wellFormed === null ? NaN : Date.parse(`${wellFormed[1]}T${wellFormed[2] ?? wellFormed[3]}Z`);
  if (Number.isNaN(at)) throw invalid(`Datetime is in invalid format: '${text.slice(0, 80)}'`);
  return at;
}

/** The period that is asked for; both ends are now where they are not given. */
function periodOf({ clock }: ApiDeps, { start, end }: Query): Period {
  const now = clock.now();
  const period = { start: start === undefined ? now : moment(start), stop: end === undefined ? now : moment(end) };
  const isEmpty = period.start > period.stop || (period.start === period.stop && (start ?? end) !== undefined);
  if (isEmpty) throw invalid('Invalid start time. The start time cannot occur after the end time.');
  return period;
}

/** One page of the servers that ran at some time in the period, by project and id, deleted ones included. */
async function serversIn(
  deps: ApiDeps,
  ctx: RequestContext,
  period: Period,
  query: Query,
  projectId: string | null,
): Promise<{ readonly instances: readonly Instance[]; readonly full: boolean; readonly lastId: string | undefined }> {
  const limit = pageLimit(deps, query.limit);
  const unknownMarker = () => invalid(`Marker ${query.marker ?? ''} could not be found.`);
  if (query.marker !== undefined && normalizeUuid(query.marker) === null) throw unknownMarker();
  if (limit === 0) return { instances: [], full: false, lastId: undefined };
  const located = await listInstances(deps.stores, {
    conditions: [
      (eb) =>
        eb.and([
          eb('launched_at', '<', new Date(period.stop).toISOString()),
          eb.or([eb('terminated_at', 'is', null), eb('terminated_at', '>', new Date(period.start).toISOString())]),
          ...(projectId === null ? [] : [eb('project_id', '=', projectId)]),
        ]),
    ],
    deleted: 'yes',
    sort: [{ column: 'project_id', direction: 'asc' }],
    limit,
    after: query.marker ?? null,
  }).catch((error: unknown) => {
    throw isKind(error, 'notFound') ? unknownMarker() : error;
  });
  const instances = located.map(({ instance }) => instance);
  return { instances, full: does(ctx, 'usagePaged') && instances.length === limit, lastId: instances.at(-1)?.id };
}

export const tenantUsageRoutes = [
  route({
    method: 'GET',
    path: '/os-simple-tenant-usage',
    summary: 'List what all projects used',
    policy: 'os_compute_api:os-simple-tenant-usage:list',
    query: ListUsage,
    reply: { status: 200 },
    handle: async ({ query, ctx, deps }) => {
      const period = periodOf(deps, query);
      const page = await serversIn(deps, ctx, period, query, null);
      const next = nextLinks(ctx, 'os-simple-tenant-usage', page);
      const projects = [...Map.groupBy(page.instances, ({ projectId }) => projectId)];
      return {
        tenant_usages: projects.map(([projectId, instances]) =>
          usageOfProject(projectId, instances, period, { detailed: query.detailed === '1' }),
        ),
        ...(next === undefined ? {} : { tenant_usages_links: next }),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/os-simple-tenant-usage/:tenantId',
    summary: 'Show what a project used',
    policy: 'os_compute_api:os-simple-tenant-usage:show',
    query: ShowUsage,
    load: ({ params }) => Promise.resolve(params.tenantId),
    target: (tenantId) => ({ project_id: tenantId }),
    reply: { status: 200 },
    handle: async ({ query, loaded: tenantId, ctx, deps }) => {
      const period = periodOf(deps, query);
      const page = await serversIn(deps, ctx, period, query, tenantId);
      const next = nextLinks(ctx, `os-simple-tenant-usage/${tenantId}`, page);
      return {
        tenant_usage: page.instances.length === 0 ? {} : usageOfProject(tenantId, page.instances, period, { detailed: true }),
        ...(next === undefined ? {} : { tenant_usage_links: next }),
      };
    },
  }),
];
