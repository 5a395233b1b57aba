import { route } from '../../deps.ts';
import { markFresh } from '../../deps.ts';
import { microversions } from '../../microversions.ts';

export const rootRoutes = [
  route({
    method: 'GET',
    path: '/',
    summary: 'Show the versions of the API',
    policy: 'public',
    reply: { status: 200 },
    handle({ ctx, deps }) {
      markFresh(ctx, deps);
      const { min, max } = microversions;
      return { versions: [{ id: 'v1.0', max_version: max, min_version: min, status: 'CURRENT', links: [{ rel: 'self', href: '' }] }] };
    },
  }),
];
