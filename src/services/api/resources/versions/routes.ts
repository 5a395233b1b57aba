import { Reply } from '../../../../lib/http/route.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { route } from '../../deps.ts';
import { computeMicroversions } from '../../microversions.ts';

const v2_1 = { id: 'v2.1', status: 'CURRENT', version: computeMicroversions.max, min_version: computeMicroversions.min, updated: '2013-07-23T11:33:21Z' };
const v2_0 = { id: 'v2.0', status: 'DEPRECATED', version: '', min_version: '', updated: '2025-07-04T12:00:00Z' };
const self = (ctx: RequestContext, id: string) => ({ rel: 'self', href: `${ctx.baseUrl}/${id === 'v2.0' ? 'v2' : id}/` });

const document = (ctx: RequestContext) => ({
  version: {
    ...v2_1,
    links: [self(ctx, v2_1.id), { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' }],
  },
});

/** Version documents, which need no token and stand outside the mounts. */
export const versionRoutes = [
  route({
    method: 'GET',
    path: '/',
    summary: 'List the versions of the API',
    policy: 'public',
    reply: { status: 200 },
    handle: ({ ctx }) => ({ versions: [v2_0, v2_1].map((version) => ({ ...version, links: [self(ctx, version.id)] })) }),
  }),
  ...(['/v2.1', '/v2.1/'] as const).map((path) =>
    route({ method: 'GET', path, summary: 'Show version 2.1', policy: 'public', reply: { status: 200 }, handle: ({ ctx }) => new Reply(200, document(ctx)) }),
  ),
];
