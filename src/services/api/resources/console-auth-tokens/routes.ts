import { invalid, notFound } from '../../../../lib/errors.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { versionedQuery } from '../../../../lib/http/query.ts';
import { findConsoleToken } from '../../../../store/console-tokens.ts';
import { route } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { consoleTokenView } from './view.ts';

const nothing = versionedQuery({}, { refusesUnknownSince: version('2.99') });

export const consoleAuthTokenRoutes = [
  route({
    method: 'GET',
    path: '/os-console-auth-tokens/:token',
    summary: 'Show where the console is that a token permits',
    policy: 'os_compute_api:os-console-auth-tokens',
    query: nothing,
    reply: { status: 200, key: 'console', view: consoleTokenView },
    handle: async ({ params, ctx, deps }) => {
      // until then it was for RDP consoles alone, which are no more
      if (!does(ctx, 'tokensOfAllConsoles'))
        throw invalid('The server could not comply with the request since it is either malformed or otherwise incorrect.');
      const token = await findConsoleToken(deps.stores, params.token, deps.clock.now());
      if (token === null) throw notFound('Token not found');
      return token;
    },
  }),
];
