import { Reply, type AnyRoute, type RequestContext } from '../../lib/http/route.ts';
import { route, type IdentityDeps } from './deps.ts';

const version = (ctx: RequestContext): Record<string, unknown> => ({
  id: 'v3.14',
  status: 'stable',
  updated: '2020-04-07T00:00:00Z',
  links: [{ rel: 'self', href: `${ctx.baseUrl}/v3/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
});

const v3 = (path: string): AnyRoute<IdentityDeps> =>
  route({
    method: 'GET',
    path,
    summary: 'Show the version of the API',
    policy: 'public',
    reply: { status: 200, key: 'version' },
    handle: ({ ctx }) => version(ctx),
  });

export const versionRoutes: readonly AnyRoute<IdentityDeps>[] = [
  route({
    method: 'GET',
    path: '/',
    summary: 'List versions of the API',
    policy: 'public',
    reply: { status: 300 },
    handle: ({ ctx }) => new Reply(300, { versions: { values: [version(ctx)] } }, { location: `${ctx.baseUrl}/v3/` }),
  }),
  v3('/v3'),
  v3('/v3/'),
  route({
    method: 'GET',
    path: '/v3/kilonova/keys',
    summary: 'List the public keys tokens are signed with',
    policy: 'public',
    reply: { status: 200, key: 'keys' },
    handle: ({ deps }) => deps.keys.published,
  }),
];
