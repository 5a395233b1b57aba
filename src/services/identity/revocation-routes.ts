import { invalid } from '../../lib/errors.ts';
import { anyText, versionedQuery } from '../../lib/http/query.ts';
import type { AnyRoute } from '../../lib/http/route.ts';
import { route, type IdentityDeps } from './deps.ts';
import { revocationsSince } from './revocations.ts';

export const revocationRoutes: readonly AnyRoute<IdentityDeps>[] = [
  route({
    method: 'GET',
    path: '/v3/OS-REVOKE/events',
    summary: 'List revocation events',
    policy: 'identity:list_revoke_events',
    query: versionedQuery({ since: { type: anyText } }),
    reply: { status: 200 },
    async handle({ ctx, deps, query: { since } }) {
      const from = since === undefined ? null : Date.parse(since);
      if (Number.isNaN(from)) throw invalid('Invalid time in since.');
      return { events: await revocationsSince(deps.db, from), links: { next: null, previous: null, self: `${ctx.baseUrl}${ctx.path}` } };
    },
  }),
];
