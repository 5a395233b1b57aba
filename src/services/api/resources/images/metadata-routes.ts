import type { Image } from '../../../../clients/image.ts';
import { forbidden, invalid, isKind, notFound, overQuota } from '../../../../lib/errors.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { limitsOf } from '../../limits.ts';
import { Metadata, MetadataItem } from '../../schemas.ts';

const until = '2.38';
const AllMetadata = plainBody('ImageMetadata', Metadata);
const OneItem = plainBody('ImageMetadataItem', MetadataItem);
type Items = Readonly<Record<string, string>>;

function inOurWords(error: unknown): never {
  if (isKind(error, 'notFound', 'invalid')) throw notFound('Image not found.', { cause: error });
  if (isKind(error, 'forbidden')) throw forbidden(error.message, { cause: error });
  throw error;
}

const find = (deps: ApiDeps, ctx: RequestContext, imageId: string): Promise<Image> =>
  deps.image.show(deps.identity.sessionOf(ctx.caller), imageId).catch(inOurWords);

/** Makes of an image's properties what `become` answers, no more of it than the quota allows. */
async function change(deps: ApiDeps, ctx: RequestContext, imageId: string, become: (now: Items) => Items): Promise<Items> {
  const { properties: now } = await find(deps, ctx, imageId);
  const wanted = become(now);
  const most = (await limitsOf(deps, ctx.caller.projectId ?? ''))['metadata_items']!;
  const grows = Object.keys(wanted).length > Object.keys(now).length;
  if (most >= 0 && grows && Object.keys(wanted).length > most) throw overQuota('Image metadata limit exceeded');
  const set = Object.fromEntries(Object.entries(wanted).filter(([key, value]) => now[key] !== value));
  const remove = Object.keys(now).filter((key) => !Object.hasOwn(wanted, key));
  if (Object.keys(set).length === 0 && remove.length === 0) return now;
  return (await deps.image.changeProperties(deps.identity.sessionOf(ctx.caller), imageId, { set, remove }).catch(inOurWords)).properties;
}

/** Metadata of images, which are their properties in the image service. */
export const imageMetadataRoutes = [
  route({
    method: 'GET',
    path: '/images/:imageId/metadata',
    until,
    summary: 'List metadata of an image',
    policy: 'authenticated',
    reply: { status: 200, key: 'metadata' },
    handle: async ({ params, ctx, deps }) => (await find(deps, ctx, params.imageId)).properties,
  }),
  route({
    method: 'POST',
    path: '/images/:imageId/metadata',
    until,
    summary: 'Add metadata to an image',
    policy: 'authenticated',
    body: { key: 'metadata', schema: AllMetadata },
    reply: { status: 200, key: 'metadata' },
    handle: ({ params, body, ctx, deps }) => change(deps, ctx, params.imageId, (now) => ({ ...now, ...body })),
  }),
  route({
    method: 'PUT',
    path: '/images/:imageId/metadata',
    until,
    summary: 'Replace the metadata of an image',
    policy: 'authenticated',
    body: { key: 'metadata', schema: AllMetadata },
    reply: { status: 200, key: 'metadata' },
    handle: ({ params, body, ctx, deps }) => change(deps, ctx, params.imageId, () => body),
  }),
  route({
    method: 'GET',
    path: '/images/:imageId/metadata/:key',
    until,
    summary: 'Show a metadata item of an image',
    policy: 'authenticated',
    reply: { status: 200, key: 'meta' },
    handle: async ({ params: { imageId, key }, ctx, deps }) => {
      const { properties } = await find(deps, ctx, imageId);
      if (!Object.hasOwn(properties, key)) throw notFound('The resource could not be found.');
      return { [key]: properties[key] };
    },
  }),
  route({
    method: 'PUT',
    path: '/images/:imageId/metadata/:key',
    until,
    summary: 'Set a metadata item of an image',
    policy: 'authenticated',
    body: { key: 'meta', schema: OneItem },
    reply: { status: 200, key: 'meta' },
    handle: async ({ params, body, ctx, deps }) => {
      if (!Object.hasOwn(body, params.key)) throw invalid('Request body and URI mismatch');
      await change(deps, ctx, params.imageId, (now) => ({ ...now, ...body }));
      return body;
    },
  }),
  route({
    method: 'DELETE',
    path: '/images/:imageId/metadata/:key',
    until,
    summary: 'Delete a metadata item of an image',
    policy: 'authenticated',
    reply: { status: 204 },
    handle: async ({ params: { imageId, key }, ctx, deps }) => {
      await change(deps, ctx, imageId, (now) => {
        if (!Object.hasOwn(now, key)) throw notFound('Invalid metadata key');
        const { [key]: _, ...others } = now;
        return others;
      });
    },
  }),
];
