import { Type } from 'typebox';
import { conflict, forbidden, invalid } from '../../../lib/errors.ts';
import { HttpError } from '../../../lib/http/http-error.ts';
import { Reply, type AnyRoute, type RequestContext, type RouteInput, type StreamBody } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { imageRoute, ofImage, type ImageDeps, type LoadedImage } from '../deps.ts';
import type { ImageRecord } from '../image-record.ts';
import { changeStatus } from '../image-store.ts';
import { importStaged, stageImage, uploadImage } from '../receive-image.ts';

const ImportRequest = plainBody(
  'import',
  Type.Object({ method: Type.Object({ name: Type.String() }, { additionalProperties: true }) }, { additionalProperties: true }),
);

/** The data, whole or one range of it, as it lies on disk. */
function downloadImage({ content }: ImageDeps, ctx: RequestContext, image: ImageRecord): Reply {
  if (image.status === 'deactivated' && !ctx.can('context_is_admin'))
    throw forbidden('The requested image has been deactivated. Image data download is forbidden.');
  if (image.data === null || image.data.size === 0) return new Reply(204);
  const { size, checksum, sha512 } = image.data;
  const rangeHeader = ctx.headers['range'];
  const range = typeof rangeHeader === 'string' ? readRange(rangeHeader, size) : null;
  const { start, end } = range ?? { start: 0, end: size - 1 };
  return new Reply(range === null ? 200 : 206, content.open(sha512, { start, end }), {
    'content-type': 'application/octet-stream',
    'content-length': String(end - start + 1),
    'accept-ranges': 'bytes',
    // of the whole, so it must not stand beside a part
    ...(range === null ? { 'content-md5': checksum } : { 'content-range': `bytes ${start}-${end}/${size}` }),
  });
}

function readRange(header: string, size: number): { readonly start: number; readonly end: number } {
  const refuse = (message: string): HttpError => new HttpError(416, message, { 'content-range': `bytes */${size}` });
  if (header.includes(',')) throw refuse('Requests with multiple ranges are not supported. Please try a single range.');
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim()) ?? [];
  if (first === '' && (last === '' || Number(last) === 0)) throw refuse(`The range '${header.slice(0, 64)}' is not understood.`);
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || end < start) throw refuse(`The range '${header.slice(0, 64)}' lies outside of the ${size} bytes of the image.`);
  return { start, end };
}

async function startImport(deps: ImageDeps, image: ImageRecord, method: string): Promise<void> {
  if (method !== 'glance-direct') throw invalid(`Unknown import method name '${method.slice(0, 64)}'. Allowed: glance-direct.`);
  if (image.diskFormat === null) throw invalid("'disk_format' needs to be set before import");
  if (image.containerFormat === null) throw invalid("'container_format' needs to be set before import");
  const started = await changeStatus(deps.database, image.id, { from: ['uploading'], to: 'importing', now: new Date(deps.clock.now()) });
  if (!started) throw conflict(`Image needs to be in 'uploading' state to use glance-direct method, it is ${image.status}.`);
  deps.inBackground(() => importStaged(deps, image));
}

async function move(deps: ImageDeps, image: ImageRecord, verb: 'deactivate' | 'reactivate'): Promise<void> {
  const to = verb === 'deactivate' ? 'deactivated' : 'active';
  const moved = await changeStatus(deps.database, image.id, { from: ['active', 'deactivated'], to, now: new Date(deps.clock.now()) });
  if (!moved) throw forbidden(`Not allowed to ${verb} image in status '${image.status}'`);
}

type Upload = RouteInput<{ readonly imageId: string }, Readonly<Record<string, never>>, StreamBody, LoadedImage, ImageDeps>;

export const dataRoutes: readonly AnyRoute<ImageDeps>[] = [
  imageRoute({
    method: 'PUT',
    path: '/v2/images/:imageId/file',
    summary: 'Upload the data of an image',
    policy: 'upload_image',
    ...ofImage,
    body: 'stream',
    reply: { status: 204 },
    handle: ({ loaded, body, ctx, deps }: Upload) => uploadImage(deps, ctx, loaded.image, body),
  }),
  imageRoute({
    method: 'GET',
    path: '/v2/images/:imageId/file',
    summary: 'Download the data of an image',
    policy: 'download_image',
    ...ofImage,
    reply: { status: 200 },
    handle: ({ loaded, ctx, deps }) => downloadImage(deps, ctx, loaded.image),
  }),
  imageRoute({
    method: 'PUT',
    path: '/v2/images/:imageId/stage',
    summary: 'Stage data for an import',
    policy: 'upload_image',
    ...ofImage,
    body: 'stream',
    reply: { status: 204 },
    handle: ({ loaded, body, ctx, deps }: Upload) => stageImage(deps, ctx, loaded.image, body),
  }),
  imageRoute({
    method: 'POST',
    path: '/v2/images/:imageId/import',
    summary: 'Import staged data',
    policy: 'upload_image',
    ...ofImage,
    body: { schema: ImportRequest },
    reply: { status: 202 },
    handle: ({ loaded, body, deps }) => startImport(deps, loaded.image, body.method.name),
  }),
  imageRoute({
    method: 'POST',
    path: '/v2/images/:imageId/actions/deactivate',
    summary: 'Forbid downloads',
    policy: 'deactivate',
    ...ofImage,
    reply: { status: 204 },
    handle: ({ loaded, deps }) => move(deps, loaded.image, 'deactivate'),
  }),
  imageRoute({
    method: 'POST',
    path: '/v2/images/:imageId/actions/reactivate',
    summary: 'Allow downloads again',
    policy: 'reactivate',
    ...ofImage,
    reply: { status: 204 },
    handle: ({ loaded, deps }) => move(deps, loaded.image, 'reactivate'),
  }),
];
