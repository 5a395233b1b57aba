import { invalid } from '../../../lib/errors.ts';
import { Reply, type RequestContext } from '../../../lib/http/route.ts';
import type { VolumeDeps } from '../deps.ts';
import { formatTime, type VolumeRecord } from '../records.ts';
import { readFlag } from '../schemas.ts';
import { uploadFormats } from '../tasks/upload-volume.ts';
import { changing, promiseWork, wrongStatus } from './promise-work.ts';

interface UploadWish {
  readonly image_name: string;
  readonly force?: boolean | string | null;
  readonly disk_format?: string | null;
  readonly container_format?: string | null;
  readonly visibility?: 'public' | 'private' | 'shared' | 'community' | null;
  readonly protected?: boolean | string | null;
}

/** Has an image made of a volume: it is there at once, queued, and its content follows. */
export async function uploadToImage(deps: VolumeDeps, ctx: RequestContext, found: VolumeRecord, wish: UploadWish): Promise<Reply> {
  const force = wish.force !== undefined && wish.force !== null && readFlag(wish.force);
  const allowed = force ? ['available', 'in-use'] : ['available'];
  if (!allowed.includes(found.status)) throw wrongStatus(found, 'upload', allowed);
  if (found.encryptionKeyId !== null)
    throw invalid('Invalid volume: The content of an encrypted volume does not leave the service unencrypted.');
  const diskFormat = wish.disk_format ?? 'raw';
  if (!uploadFormats.includes(diskFormat))
    throw invalid(`Invalid input for field/attribute disk_format. Value: ${diskFormat}. It must be one of ${uploadFormats.join(', ')}.`);
  if ((wish.container_format ?? 'bare') !== 'bare') throw invalid('Invalid input for field/attribute container_format. It must be bare.');
  const own = new Set(['image_id', 'image_name', 'size', 'checksum', 'min_disk', 'min_ram', 'disk_format', 'container_format']);
  const image = await deps.image.create(deps.sessionOf(ctx.caller), {
    name: wish.image_name,
    diskFormat,
    containerFormat: 'bare',
    ...(wish.visibility === undefined || wish.visibility === null ? {} : { visibility: wish.visibility }),
    minDisk: found.size,
    properties: Object.fromEntries(Object.entries(found.imageMetadata).filter(([key]) => !own.has(key))),
  });
  try {
    await changing(deps, found, async (tx, volume) => {
      if (!allowed.includes(volume.status)) throw wrongStatus(volume, 'upload', allowed);
      await promiseWork(tx, deps, volume, { status: 'uploading' }, 'upload-volume', { imageId: image.id });
    });
  } catch (error) {
    await deps.image.delete(deps.session, image.id);
    throw error;
  }
  deps.nudge();
  return new Reply(202, {
    'os-volume_upload_image': {
      id: found.id,
      updated_at: formatTime(found.updatedAt),
      status: 'uploading',
      display_description: found.description,
      size: found.size,
      volume_type: found.typeName,
      image_id: image.id,
      container_format: 'bare',
      disk_format: diskFormat,
      image_name: wish.image_name,
      visibility: image.visibility,
      protected: image.protected,
    },
  });
}
