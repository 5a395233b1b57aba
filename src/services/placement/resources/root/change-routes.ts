import { invalid } from '../../../../lib/errors.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { route } from '../../deps.ts';
import { readChanges } from '../../view/read-changes.ts';

/** A snapshot as PostgreSQL writes it: `xmin:xmax:xip,…`. */
const snapshotForm = /^\d{1,20}:\d{1,20}:(\d{1,20}(,\d{1,20})*)?$/;

/** What Placement does not have: whoever keeps a view of all providers in memory, such as the scheduler, asks here what changed since it last asked. */
export const changeRoutes = [
  route({
    method: 'GET',
    path: '/kilonova/v1/provider_changes',
    summary: 'Tell what changed of providers since a snapshot, or all there is',
    policy: 'placement:kilonova:provider_changes',
    reply: { status: 200 },
    async handle({ ctx, deps }) {
      const since = new URLSearchParams(ctx.rawQuery).get('since');
      if (since !== null && !snapshotForm.test(since)) throw invalid('Invalid query string parameters: since is not a snapshot.');
      return new Reply(200, Buffer.from(await readChanges(deps.database, since)), { 'content-type': 'application/json' });
    },
  }),
];
