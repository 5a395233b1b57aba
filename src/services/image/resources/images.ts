import { Type } from 'typebox';
import { conflict, forbidden } from '../../../lib/errors.ts';
import type { AnyRoute, RequestContext } from '../../../lib/http/route.ts';
import { Reply } from '../../../lib/http/route.ts';
import { parseJson } from '../../../lib/http/json-body.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { imageRoute, ofImage, visibleImage, type ImageDeps } from '../deps.ts';
import { targetOf, type ImageAttributes, type ImageRecord } from '../image-record.ts';
import { deleteImageRow, insertImage, updateImage } from '../image-store.ts';
import { listImages } from '../list-images.ts';
import { dropUnused } from '../receive-image.ts';
import { checkAttribute, checkQuotas, isBaseAttribute, newAttributes, withAttribute } from './image-attributes.ts';
import { creationHeaders, imageView } from './image-view.ts';
import { readPatch, type Change } from './json-patch.ts';
import { readListQuery } from './list-query.ts';

const NewImage = plainBody(
  'image',
  Type.Object(
    { id: Type.Optional(Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' })) },
    { additionalProperties: true },
  ),
);

/** What only some may set: the owner of another, and who else may see the image. */
function authorizeAttributes(ctx: RequestContext, image: ImageAttributes, before: Pick<ImageAttributes, 'owner' | 'visibility'>): void {
  if (image.owner !== before.owner && !ctx.can('context_is_admin'))
    throw forbidden('You are not permitted to set the owner of an image to another project.');
  if (image.visibility === before.visibility) return;
  const target = { project_id: image.owner, visibility: image.visibility };
  if (image.visibility === 'public') ctx.authorize('publicize_image', target);
  if (image.visibility === 'community') ctx.authorize('communitize_image', target);
}

async function createImage(deps: ImageDeps, ctx: RequestContext, { id, ...given }: Record<string, unknown>): Promise<Reply> {
  let attributes = newAttributes(ctx.caller.projectId);
  for (const [name, value] of Object.entries(given)) {
    checkAttribute(name, value);
    attributes = withAttribute(attributes, name, value);
  }
  authorizeAttributes(ctx, attributes, { owner: ctx.caller.projectId, visibility: 'shared' });
  checkQuotas(attributes, deps.limits);
  const image = await insertImage(
    deps.database,
    typeof id === 'string' ? id.toLowerCase() : deps.ids.uuid(),
    attributes,
    new Date(deps.clock.now()),
  );
  return new Reply(201, imageView(image), creationHeaders(ctx, image));
}

/** Applies all changes or none; the row is locked meanwhile. */
function patchImage(deps: ImageDeps, ctx: RequestContext, imageId: string, changes: readonly Change[]): Promise<Record<string, unknown>> {
  return deps.database.transaction().execute(async (tx) => {
    const image = await visibleImage(deps, ctx, imageId, { db: tx, lock: true });
    ctx.authorize('modify_image', targetOf(image, ctx.caller));
    const changed = changes.reduce<ImageAttributes>((attributes, change) => applyChange(image, attributes, change), image);
    authorizeAttributes(ctx, changed, image);
    checkQuotas(changed, deps.limits);
    await updateImage(tx, image.id, changed, new Date(deps.clock.now()));
    return imageView(await visibleImage(deps, ctx, image.id, { db: tx }));
  });
}

function applyChange(image: ImageRecord, attributes: ImageAttributes, { op, name, value }: Change): ImageAttributes {
  if (op === 'remove') {
    if (isBaseAttribute(name)) throw forbidden(`Property ${name} may not be removed.`);
    if (!Object.hasOwn(attributes.properties, name)) throw conflict(`Property ${name} does not exist.`);
    return { ...attributes, properties: Object.fromEntries(Object.entries(attributes.properties).filter(([key]) => key !== name)) };
  }
  checkAttribute(name, value);
  if ((name === 'disk_format' || name === 'container_format') && image.status !== 'queued') {
    throw forbidden(`Attribute ${name} can be only replaced for a queued image.`);
  }
  if (op === 'replace' && !isBaseAttribute(name) && !Object.hasOwn(attributes.properties, name))
    throw conflict(`Property ${name} does not exist.`);
  return withAttribute(attributes, name, value);
}

async function deleteImage(deps: ImageDeps, image: ImageRecord): Promise<void> {
  if (image.protected) throw forbidden(`Image ${image.id} is protected and cannot be deleted.`);
  await deleteImageRow(deps.database, image.id);
  await deps.content.unstage(image.id);
  if (image.data !== null) await dropUnused(deps, image.data.sha512);
  deps.log.info({ imageId: image.id }, 'image deleted');
}

async function showList(deps: ImageDeps, ctx: RequestContext): Promise<Record<string, unknown>> {
  const listing = readListQuery(ctx.rawQuery, deps.limits);
  const { images, more } = await listImages(deps.database, ctx.caller, ctx.can('context_is_admin'), listing);
  const query = new URLSearchParams(ctx.rawQuery);
  query.delete('marker');
  const first = query.size === 0 ? '/v2/images' : `/v2/images?${query.toString()}`;
  const last = images.at(-1);
  if (last !== undefined) query.append('marker', last.id);
  return {
    images: images.map(imageView),
    first,
    ...(more && last !== undefined ? { next: `/v2/images?${query.toString()}` } : {}),
    schema: '/v2/schemas/images',
  };
}

export const imageRoutes: readonly AnyRoute<ImageDeps>[] = [
  imageRoute({
    method: 'GET',
    path: '/v2/images',
    summary: 'List images',
    policy: 'get_images',
    reply: { status: 200 },
    handle: ({ ctx, deps }) => showList(deps, ctx),
  }),
  imageRoute({
    method: 'POST',
    path: '/v2/images',
    summary: 'Create an image',
    policy: 'add_image',
    body: { schema: NewImage },
    reply: { status: 201 },
    handle: ({ body, ctx, deps }) => createImage(deps, ctx, body),
  }),
  imageRoute({
    method: 'GET',
    path: '/v2/images/:imageId',
    summary: 'Show an image',
    policy: 'get_image',
    ...ofImage,
    reply: { status: 200 },
    handle: ({ loaded }) => imageView(loaded.image),
  }),
  imageRoute({
    method: 'PATCH',
    path: '/v2/images/:imageId',
    summary: 'Update an image',
    policy: 'modify_image',
    ...ofImage,
    body: 'any',
    reply: { status: 200 },
    handle: ({ params, body, ctx, deps }) => {
      const [type = ''] = String(ctx.headers['content-type'] ?? '').split(';');
      const changes = readPatch(type.trim().toLowerCase(), Buffer.isBuffer(body) ? parseJson(body) : undefined);
      return patchImage(deps, ctx, params.imageId, changes);
    },
  }),
  imageRoute({
    method: 'DELETE',
    path: '/v2/images/:imageId',
    summary: 'Delete an image',
    policy: 'delete_image',
    ...ofImage,
    reply: { status: 204 },
    handle: ({ loaded, deps }) => deleteImage(deps, loaded.image),
  }),
];
