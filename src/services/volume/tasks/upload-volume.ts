import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isKind } from '../../../lib/errors.ts';
import { nowOf, type VolumeDeps } from '../deps.ts';
import { storedVolume, type VolumeRecord } from '../records.ts';
import { findVolume } from '../store/volumes.ts';
import type { VolumeExecutor } from '../tables.ts';
import { nothing, textOf, type TaskHandler } from './handler.ts';

const formats = { raw: 'raw', qcow2: 'qcow2', vmdk: 'vmdk', vdi: 'vdi', vhd: 'vpc', vhdx: 'vhdx' } as const;

/** Disk formats an image can be made in. */
export const uploadFormats = Object.keys(formats);

/** The volume is again what it was, unless somebody has said otherwise meanwhile. */
const uploadIsOver =
  (deps: VolumeDeps, { id, previousStatus }: VolumeRecord) =>
  async (tx: VolumeExecutor): Promise<void> => {
    await tx
      .updateTable('volumes')
      .set({ status: previousStatus ?? 'available', previous_status: null, updated_at: nowOf(deps) })
      .where('id', '=', id)
      .where('status', '=', 'uploading')
      .execute();
  };

/** Makes an image of a volume, which was promised to the image service before. */
export const uploadVolume: TaskHandler = {
  async run(deps, task, signal) {
    const volume = await findVolume(deps.database, task.subject);
    if (volume === null || volume.status !== 'uploading') return nothing;
    const imageId = textOf(task, 'imageId');
    const image = await deps.image.show(deps.session, imageId);
    if (image.status !== 'active') {
      const path = join(deps.scratch, deps.ids.uuid());
      const format = formats[image.diskFormat as keyof typeof formats] ?? 'raw';
      try {
        await deps.backend.copyOut(storedVolume(volume), format, path, signal);
        await deps.image.upload(deps.session, imageId, createReadStream(path), signal);
      } finally {
        await rm(path, { force: true });
      }
    }
    return uploadIsOver(deps, volume);
  },
  async giveUp(deps, task) {
    const volume = await findVolume(deps.database, task.subject);
    await deps.image.delete(deps.session, textOf(task, 'imageId')).catch((error: unknown) => {
      if (!isKind(error, 'notFound')) deps.log.warn({ err: error }, 'the image of a volume that could not be uploaded stays');
    });
    if (volume === null) return nothing;
    return uploadIsOver(deps, volume);
  },
};
