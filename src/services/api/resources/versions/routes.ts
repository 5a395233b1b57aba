import { notFound } from '../../../../lib/errors.ts';
import type { Answer } from '../../../../lib/http/fault-format.ts';
import type { AnyRoute, Method, RequestContext } from '../../../../lib/http/route.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { computeMicroversions } from '../../microversions.ts';

const mediaType = (number: string) => [{ base: 'application/json', type: `application/vnd.openstack.compute+json;version=${number}` }];
const { max, min } = computeMicroversions;
const versions = {
  'v2.0': {
    about: { id: 'v2.0', status: 'DEPRECATED', version: '', min_version: '', updated: '2025-07-04T12:00:00Z' },
    path: 'v2',
    media: mediaType('2'),
  },
  'v2.1': {
    about: { id: 'v2.1', status: 'CURRENT', version: max, min_version: min, updated: '2013-07-23T11:33:21Z' },
    path: 'v2.1',
    media: mediaType('2.1'),
  },
} as const;
type VersionId = keyof typeof versions;

/** One version with all that is said of it. */
function documentOf(ctx: RequestContext, id: VersionId) {
  const { about, path, media } = versions[id];
  const self = { rel: 'self', href: `${ctx.baseUrl}/${path}/` };
  return {
    version: {
      ...about,
      links: [self, { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' }],
      'media-types': media,
    },
  };
}

const ofMount = (ctx: RequestContext): VersionId => (ctx.legacy ? 'v2.0' : 'v2.1');

/** The answer for a path outside both versions: where it might be found. */
export function choicesFor(baseUrl: string, path: string): Answer {
  const below = path.replaceAll(/^\/+|\/+$/g, '');
  const choices = Object.values(versions).map(({ about: { id, status }, path: root, media }) => ({
    id,
    status,
    links: [{ rel: 'self', href: [baseUrl, root, below].filter((part) => part !== '').join('/') }],
    'media-types': media,
  }));
  return { status: 300, body: { choices } };
}

/** Version documents, which need no token and stand outside the mounts. */
export const versionRoutes = [
  route({
    method: 'GET',
    path: '/',
    summary: 'List the versions of the API',
    policy: 'public',
    reply: { status: 200 },
    handle: ({ ctx }) => ({
      versions: Object.values(versions).map(({ about, path }) => ({ ...about, links: [{ rel: 'self', href: `${ctx.baseUrl}/${path}/` }] })),
    }),
  }),
  ...(['/v2.1', '/v2.1/', '/v2', '/v2/'] as const).map((path) =>
    route({
      method: 'GET',
      path,
      summary: `Show version ${path.startsWith('/v2.1') ? '2.1' : '2.0'}`,
      policy: 'public',
      reply: { status: 200 },
      handle: ({ ctx }) => documentOf(ctx, ofMount(ctx)),
    }),
  ),
];

const methods: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** The same document whatever method it is asked for with. */
export const atAnyMethod = (routes: readonly AnyRoute<ApiDeps>[]): readonly AnyRoute<ApiDeps>[] =>
  routes.flatMap((one) => methods.map((method): AnyRoute<ApiDeps> => ({ ...one, method, body: 'any' })));

/** `/v2.1/{project}/`, which stands outside the mounts because `/v2.1/` needs no token. */
export const projectVersionRoutes = (mounts: readonly string[]) =>
  mounts.map((mount) =>
    route({
      method: 'GET',
      path: `${mount}/`,
      summary: 'Show the version of the API',
      policy: 'authenticated',
      reply: { status: 200 },
      handle: ({ ctx }) => documentOf(ctx, ofMount(ctx)),
    }),
  );

/** Version documents by id, which only tokens get to. */
export const versionByIdRoutes = [
  route({
    method: 'GET',
    path: '/versions/:versionId',
    summary: 'Show a version of the API',
    policy: 'authenticated',
    reply: { status: 200 },
    handle: ({ params: { versionId }, ctx }) => {
      if (versionId !== 'v2.0' && versionId !== 'v2.1') throw notFound('The resource could not be found.');
      return documentOf(ctx, ctx.legacy ? 'v2.0' : versionId);
    },
  }),
];
