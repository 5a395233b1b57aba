import { invalid, notFound } from '../../../lib/errors.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { imageRoute, ofImage, visibleImage, type ImageDeps } from '../deps.ts';
import { addTag, removeTag } from '../image-store.ts';
import { checkQuotas } from './image-attributes.ts';

export const tagRoutes: readonly AnyRoute<ImageDeps>[] = [
  imageRoute({
    method: 'PUT',
    path: '/v2/images/:imageId/tags/:tag',
    summary: 'Tag an image',
    policy: 'modify_image',
    ...ofImage,
    reply: { status: 204 },
    handle: ({ params: { tag }, loaded, ctx, deps }) => {
      if (tag.length > 255 || tag.includes('\0') || !tag.isWellFormed()) throw invalid('A tag must have at most 255 characters.');
      return deps.database.transaction().execute(async (tx) => {
        const image = await visibleImage(deps, ctx, loaded.image.id, { db: tx, lock: true });
        checkQuotas({ ...image, tags: [...new Set([...image.tags, tag])] }, deps.limits);
        await addTag(tx, image.id, tag);
      });
    },
  }),
  imageRoute({
    method: 'DELETE',
    path: '/v2/images/:imageId/tags/:tag',
    summary: 'Take a tag off an image',
    policy: 'modify_image',
    ...ofImage,
    reply: { status: 204 },
    handle: async ({ params: { tag }, loaded, deps }) => {
      if (tag.includes('\0') || !(await removeTag(deps.database, loaded.image.id, tag)))
        throw notFound(`Image ${loaded.image.id} has no such tag.`);
    },
  }),
];
