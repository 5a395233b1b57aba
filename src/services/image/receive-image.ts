import type { RequestContext, StreamBody } from '../../lib/http/route.ts';
import { HttpError } from '../../lib/http/http-error.ts';
import { conflict, gone, invalid } from '../../lib/errors.ts';
import type { ImageDeps } from './deps.ts';
import type { ReceivedData } from './content-store.ts';
import type { ImageRecord, ImageStatus, StoredData } from './image-record.ts';
import { activate, changeStatus, hashesInUse, lockData, storedBytes } from './image-store.ts';
import { judgeContent } from './judge-content.ts';

/** Bytes that may still be stored for an image of this owner. */
async function room({ database, limits }: ImageDeps, owner: string | null): Promise<number> {
  if (limits.userStorageQuota === null) return limits.imageSizeCap;
  return Math.max(0, Math.min(limits.imageSizeCap, limits.userStorageQuota - (await storedBytes(database, owner))));
}

/** Refuses a body that is no image data before anything changes. */
function checkBody(image: ImageRecord, { contentType }: StreamBody): void {
  if (contentType !== 'application/octet-stream')
    throw new HttpError(415, 'The Content-Type of image data must be application/octet-stream.');
  if (image.diskFormat === null || image.containerFormat === null)
    throw invalid('Properties disk_format, container_format must be set prior to saving data.');
}

const announcedSize = (ctx: RequestContext, body: StreamBody): number | undefined => {
  const header = ctx.headers['x-openstack-image-size'];
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header);
  return body.length;
};

/** PUT file: queued → saving → active. Whatever goes wrong, the image is queued again and nothing is left on disk. */
export async function uploadImage(deps: ImageDeps, ctx: RequestContext, image: ImageRecord, body: StreamBody): Promise<void> {
  checkBody(image, body);
  const now = (): Date => new Date(deps.clock.now());
  if (!(await changeStatus(deps.database, image.id, { from: ['queued'], to: 'saving', now: now() }))) throw wrongStatus(image, 'saving');
  try {
    const limit = await room(deps, image.owner);
    const received = await deps.content.receive(body.stream, {
      limit,
      expected: announcedSize(ctx, body),
      judge: (found) => judgeContent(image, found),
    });
    await store(deps, image, 'saving', received);
  } catch (error) {
    await changeStatus(deps.database, image.id, { from: ['saving'], to: 'queued', now: now() });
    throw error;
  }
  deps.log.info({ imageId: image.id }, 'image data stored');
}

/** PUT stage: queued → uploading, or staged anew. */
export async function stageImage(deps: ImageDeps, ctx: RequestContext, image: ImageRecord, body: StreamBody): Promise<void> {
  checkBody(image, body);
  const received = await deps.content.receive(body.stream, {
    limit: await room(deps, image.owner),
    expected: announcedSize(ctx, body),
    judge: (found) => judgeContent(image, found),
  });
  try {
    if (!(await changeStatus(deps.database, image.id, { from: ['queued', 'uploading'], to: 'uploading', now: new Date(deps.clock.now()) })))
      throw wrongStatus(image, 'uploading');
    await deps.content.stage(received, image.id);
  } finally {
    await deps.content.discard(received);
  }
}

/** What an import does after its answer: importing → active; back to queued when the data is refused. */
export async function importStaged(deps: ImageDeps, image: ImageRecord): Promise<void> {
  const staged = deps.content.openStaged(image.id);
  try {
    const received = await deps.content.receive(staged, {
      limit: await room(deps, image.owner),
      expected: undefined,
      judge: (found) => judgeContent(image, found),
    });
    await store(deps, image, 'importing', received);
    deps.log.info({ imageId: image.id }, 'image imported');
  } catch (error) {
    deps.log.warn({ err: error, imageId: image.id }, 'image import failed');
    await changeStatus(deps.database, image.id, { from: ['importing'], to: 'queued', now: new Date(deps.clock.now()) });
  } finally {
    staged.destroy();
    await deps.content.unstage(image.id);
  }
}

/** Makes received data the image's, in one transaction that holds the data's lock; the file is in place before the row says so. */
async function store(deps: ImageDeps, image: ImageRecord, from: ImageStatus, received: ReceivedData): Promise<void> {
  const { size, md5: checksum, sha512, inspection } = received;
  const data: StoredData = { size, virtualSize: inspection.virtualSize, checksum, sha512 };
  try {
    await deps.database.transaction().execute(async (tx) => {
      await lockData(tx, `owner ${image.owner ?? ''}`); // two uploads at once must not both slip under the quota
      if (deps.limits.userStorageQuota !== null && (await storedBytes(tx, image.owner)) + size > deps.limits.userStorageQuota) {
        throw new HttpError(
          413,
          `Image exceeds the storage quota: the images of a project may have ${deps.limits.userStorageQuota} bytes.`,
        );
      }
      await lockData(tx, sha512);
      if (!(await activate(tx, image.id, from, data, new Date(deps.clock.now()))))
        throw gone(`Image ${image.id} was deleted while its data was being received.`);
      await deps.content.keep(received);
    });
  } catch (error) {
    await deps.content.discard(received);
    await dropUnused(deps, sha512);
    throw error;
  }
}

/** Removes data no image refers to any more. */
export async function dropUnused({ database, content }: ImageDeps, sha512: string): Promise<void> {
  await database.transaction().execute(async (tx) => {
    await lockData(tx, sha512);
    if (!(await hashesInUse(tx, [sha512])).has(sha512)) await content.remove(sha512);
  });
}

const wrongStatus = (image: ImageRecord, to: ImageStatus) =>
  conflict(`Image status transition from ${image.status} to ${to} is not allowed.`);
