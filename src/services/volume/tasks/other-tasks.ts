import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isKind } from '../../../lib/errors.ts';
import { nowOf, type ComputeEvent } from '../deps.ts';
import { storedVolume } from '../records.ts';
import { deleteSnapshotRow, findSnapshot, updateSnapshot } from '../store/snapshots.ts';
import { findVolume } from '../store/volumes.ts';
import { nothing, textOf, type TaskHandler } from './handler.ts';

export const createSnapshot: TaskHandler = {
  async run(deps, task) {
    const snapshotId = textOf(task, 'snapshotId');
    const volume = await findVolume(deps.database, task.subject);
    const snapshot = await findSnapshot(deps.database, snapshotId);
    if (volume === null || snapshot?.status !== 'creating') return nothing;
    await deps.backend.snapshot(storedVolume(volume), snapshotId);
    return (tx) => updateSnapshot(tx, snapshotId, { status: 'available' }, nowOf(deps));
  },
  giveUp: async (deps, task) => (tx) => updateSnapshot(tx, textOf(task, 'snapshotId'), { status: 'error' }, nowOf(deps)),
};

export const deleteSnapshot: TaskHandler = {
  async run(deps, task) {
    const snapshotId = textOf(task, 'snapshotId');
    const volume = await findVolume(deps.database, task.subject);
    if (volume !== null) await deps.backend.removeSnapshot(storedVolume(volume), snapshotId);
    return (tx) => deleteSnapshotRow(tx, snapshotId);
  },
  giveUp: async (deps, task) => (tx) => updateSnapshot(tx, textOf(task, 'snapshotId'), { status: 'error_deleting' }, nowOf(deps)),
};

const formats = { raw: 'raw', qcow2: 'qcow2', vmdk: 'vmdk', vdi: 'vdi', vhd: 'vpc', vhdx: 'vhdx' } as const;

/** Disk formats an image can be made in. */
export const uploadFormats = Object.keys(formats);

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
    return async (tx) => {
      await tx
        .updateTable('volumes')
        .set({ status: volume.previousStatus ?? 'available', previous_status: null, updated_at: nowOf(deps) })
        .where('id', '=', volume.id)
        .where('status', '=', 'uploading')
        .execute();
    };
  },
  async giveUp(deps, task) {
    const volume = await findVolume(deps.database, task.subject);
    await deps.image.delete(deps.session, textOf(task, 'imageId')).catch((error: unknown) => {
      if (!isKind(error, 'notFound')) deps.log.warn({ err: error }, 'the image of a volume that could not be uploaded stays');
    });
    if (volume === null) return nothing;
    return async (tx) => {
      await tx
        .updateTable('volumes')
        .set({ status: volume.previousStatus ?? 'available', previous_status: null, updated_at: nowOf(deps) })
        .where('id', '=', volume.id)
        .where('status', '=', 'uploading')
        .execute();
    };
  },
};

export const tellCompute: TaskHandler = {
  async run(deps, task) {
    await deps.tellCompute(task.params as unknown as ComputeEvent);
    return nothing;
  },
  giveUp: async () => nothing,
};
