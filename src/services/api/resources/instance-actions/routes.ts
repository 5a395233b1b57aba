import { invalid, notFound } from '../../../../lib/errors.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { anyText, digits, versionedQuery } from '../../../../lib/http/query.ts';
import { findAction, listActions } from '../../../../store/actions.ts';
import { route } from '../../deps.ts';
import { nextLinks } from '../../links.ts';
import { does } from '../../microversions.ts';
import { changesBetween } from '../../moments.ts';
import { pageLimit } from '../../paging.ts';
import { noQuery } from '../../queries.ts';
import { findServer, findServerEvenDeleted, ownerOf } from '../servers/find-server.ts';
import { actionView, listedActionView } from './view.ts';

const ListActions = versionedQuery(
  {
    limit: { since: '2.58', type: digits },
    marker: { since: '2.58', type: anyText },
    'changes-since': { since: '2.58', type: anyText },
    'changes-before': { since: '2.66', type: anyText },
  },
  { refusesUnknownSince: version('2.58') },
);

/** What was done to a server can be read after it is deleted, too, since 2.21. */
const load = (path: Parameters<typeof findServer>[0]) =>
  does(path.ctx, 'actionsOfDeleted') ? findServerEvenDeleted(path) : findServer(path);

export const instanceActionRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/os-instance-actions',
    summary: 'List what was done to a server',
    policy: 'os_compute_api:os-instance-actions:list',
    query: ListActions,
    load,
    target: ownerOf,
    reply: { status: 200 },
    handle: async ({ query, loaded: { instance, cellId }, ctx, deps }) => {
      const limit = does(ctx, 'actionsPaged') ? pageLimit(deps, query.limit) : null;
      const { since, before } = changesBetween(query);
      const actions = await listActions(deps.stores.cell(cellId), instance.id, {
        limit,
        after: query.marker ?? null,
        changedSince: since,
        changedBefore: before,
      });
      if (actions === null) throw invalid(`Marker ${query.marker ?? ''} could not be found.`);
      const next = nextLinks(ctx, `servers/${instance.id}/os-instance-actions`, {
        full: limit !== null && limit > 0 && actions.length === limit,
        lastId: actions.at(-1)?.requestId,
      });
      return {
        instanceActions: actions.map((action) => listedActionView.render(action, ctx)),
        ...(next === undefined ? {} : { links: next }),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/os-instance-actions/:requestId',
    summary: 'Show what a request did to a server',
    policy: 'os_compute_api:os-instance-actions:show',
    query: noQuery,
    load,
    target: ownerOf,
    reply: { status: 200, key: 'instanceAction', view: actionView },
    handle: async ({ params, loaded: { instance, cellId }, deps }) => {
      const action = await findAction(deps.stores.cell(cellId), instance.id, params.requestId);
      if (action === null) throw notFound(`Action ${params.requestId} not found`);
      return action;
    },
  }),
];
