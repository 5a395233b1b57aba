import type { AnyRoute } from '../../../lib/http/route.ts';
import { Reply } from '../../../lib/http/route.ts';
import { imageRoute, type ImageDeps } from '../deps.ts';
import { baseAttributes } from './image-attributes.ts';

/** 2.9 has hidden images, multihash and `glance-direct`; what came later is about several stores and caches. */
const versions = ['v2.9', 'v2.7', 'v2.6', 'v2.5', 'v2.4', 'v2.3', 'v2.2', 'v2.1', 'v2.0'];

const versionDocument = (baseUrl: string) => ({
  versions: versions.map((id, n) => ({ id, status: n === 0 ? 'CURRENT' : 'SUPPORTED', links: [{ rel: 'self', href: `${baseUrl}/v2/` }] })),
});

const imageSchema = {
  name: 'image',
  properties: Object.fromEntries(
    Object.entries(baseAttributes).map(([name, { schema, description, sets }]) => [
      name,
      { ...schema, description, ...(sets === null && name !== 'id' ? { readOnly: true } : {}) },
    ]),
  ),
  additionalProperties: { type: 'string' },
  links: [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ],
};

const time = { type: 'string', readOnly: true };
const memberSchema = {
  name: 'member',
  properties: {
    member_id: { type: 'string', description: 'An identifier for the image member (tenantId)' },
    image_id: { type: 'string', description: 'An identifier for the image' },
    created_at: { ...time, description: 'Date and time of image member creation' },
    updated_at: { ...time, description: 'Date and time of last modification of image member' },
    status: { type: 'string', description: 'The status of this image member', enum: ['pending', 'accepted', 'rejected'] },
    schema: { type: 'string', readOnly: true },
  },
};

const collection = (name: string, item: unknown) => ({
  name,
  properties: {
    [name]: { type: 'array', items: item },
    first: { type: 'string' },
    next: { type: 'string' },
    schema: { type: 'string' },
  },
  links: [
    { rel: 'first', href: '{first}' },
    { rel: 'next', href: '{next}' },
    { rel: 'describedby', href: '{schema}' },
  ],
});

const schemas: Readonly<Record<string, unknown>> = {
  image: imageSchema,
  images: collection('images', imageSchema),
  member: memberSchema,
  members: collection('members', memberSchema),
};

const importMethods = { 'import-methods': { description: 'Import methods available.', type: 'array', value: ['glance-direct'] } };

const fixed = (path: string, summary: string, document: unknown): AnyRoute<ImageDeps> =>
  imageRoute({ method: 'GET', path, summary, policy: 'authenticated', reply: { status: 200 }, handle: () => document });

const versionRoute = (path: string, status: number): AnyRoute<ImageDeps> =>
  imageRoute({
    method: 'GET',
    path,
    summary: 'List API versions',
    policy: 'public',
    reply: { status },
    handle: ({ ctx }) => new Reply(status, versionDocument(ctx.baseUrl)),
  });

/** What describes the API itself: versions, schemas, abilities. */
export const documentRoutes: readonly AnyRoute<ImageDeps>[] = [
  versionRoute('/', 300),
  versionRoute('/v2', 300),
  versionRoute('/v2/', 300),
  versionRoute('/versions', 200),
  ...Object.entries(schemas).map(([name, schema]) => fixed(`/v2/schemas/${name}`, `Show the schema of ${name}`, schema)),
  fixed('/v2/info/import', 'Show import methods', importMethods),
  fixed('/v2/info/stores', 'Show stores', { stores: [{ id: 'default', default: 'true' }] }),
];
