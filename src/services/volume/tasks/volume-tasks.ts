import { rm } from 'node:fs/promises';
import { internal } from '../../../lib/errors.ts';
import type { Content } from '../backends/backend.ts';
import { nowOf, type VolumeDeps } from '../deps.ts';
import { exportsOf } from '../exports.ts';
import { fetchImage } from '../fetch-image.ts';
import { imageMetadataOf } from '../image-metadata.ts';
import { readCipher, storedVolume, type VolumeRecord } from '../records.ts';
import { insertTask, type Task } from '../store/tasks.ts';
import { deleteVolumeRow, findVolume, updateVolume } from '../store/volumes.ts';
import type { EncryptionSpec, VolumeExecutor } from '../tables.ts';
import { nothing, textOf, type Finish, type TaskHandler } from './handler.ts';

/** The statuses in which an image's or a volume's bytes may still be wanted though its task was promised long ago. */
const here = async ({ database }: VolumeDeps, task: Task): Promise<VolumeRecord | null> => findVolume(database, task.subject);

/** Puts a passing status back, unless an administrator has set another meanwhile. */
async function leave(tx: VolumeExecutor, volume: VolumeRecord, passing: VolumeRecord['status'], to: VolumeRecord['status'], now: Date) {
  await tx
    .updateTable('volumes')
    .set({ status: to, previous_status: null, updated_at: now })
    .where('id', '=', volume.id)
    .where('status', '=', passing)
    .execute();
}

const fail =
  (passing: VolumeRecord['status'], to: (volume: VolumeRecord) => VolumeRecord['status']) =>
  async (deps: VolumeDeps, task: Task): Promise<Finish> => {
    const volume = await here(deps, task);
    return volume === null ? nothing : (tx) => leave(tx, volume, passing, to(volume), nowOf(deps));
  };

const before = ({ previousStatus }: VolumeRecord): VolumeRecord['status'] => previousStatus ?? 'available';

/** What a new volume is made of, and the key that an encrypted one copies. */
async function withContent(
  deps: VolumeDeps,
  volume: VolumeRecord,
  { params }: Pick<Task, 'params'>,
  signal: AbortSignal,
  use: (content: Content) => Promise<void>,
): Promise<void> {
  const { source, imageId, sourceId, snapshotId } = params as Readonly<Record<string, string | undefined>>;
  if (source === 'image' && imageId !== undefined) {
    const { path, format } = await fetchImage(deps, imageId, { maxBytes: volume.size * 1024 ** 3, signal });
    try {
      await use({ kind: 'file', path, format });
    } finally {
      await rm(path, { force: true });
    }
  } else if (sourceId !== undefined) {
    const from = await findVolume(deps.database, sourceId);
    if (from === null) throw internal('The volume that was to be copied is gone.');
    const copied = storedVolume(from);
    await use(snapshotId === undefined ? { kind: 'volume', volume: copied } : { kind: 'snapshot', volume: copied, snapshotId });
  } else await use({ kind: 'blank' });
}

export const createVolume: TaskHandler = {
  async run(deps, task, signal) {
    const volume = await here(deps, task);
    if (volume === null || volume.status !== 'creating') return nothing;
    if (volume.encryptionKeyId !== null) {
      const sourceId = task.params['sourceId'];
      const source = typeof sourceId === 'string' ? await findVolume(deps.database, sourceId) : null;
      await deps.keys.make(volume.encryptionKeyId, source?.encryptionKeyId);
    }
    await withContent(deps, volume, task, signal, (content) => deps.backend.create(storedVolume(volume), content, signal));
    return (tx) => leave(tx, volume, 'creating', 'available', nowOf(deps));
  },
  giveUp: fail('creating', () => 'error'),
};

export const deleteVolume: TaskHandler = {
  async run(deps, task) {
    const volume = await here(deps, task);
    await deps.backend.remove(task.subject);
    if (volume?.encryptionKeyId) await deps.keys.remove(volume.encryptionKeyId);
    return async (tx) => {
      await tx.deleteFrom('snapshots').where('volume_id', '=', task.subject).execute();
      await deleteVolumeRow(tx, task.subject);
    };
  },
  giveUp: fail('deleting', () => 'error_deleting'),
};

/** Tells compute, for each server that has the volume. */
async function tell(tx: VolumeExecutor, volume: VolumeRecord, name: string, status: string, now: Date): Promise<void> {
  for (const { serverId } of volume.attachments)
    if (serverId !== null) await insertTask(tx, 'tell-compute', `server ${serverId}`, { name, serverId, volumeId: volume.id, status }, now);
}

export const extendVolume: TaskHandler = {
  async run(deps, task) {
    const volume = await here(deps, task);
    if (volume === null || volume.status !== 'extending') return nothing;
    const size = Number(task.params['size']);
    await deps.backend.extend({ ...storedVolume(volume), size }, () => exportsOf(deps, volume.id));
    return async (tx) => {
      const now = nowOf(deps);
      await updateVolume(tx, volume.id, { size }, now);
      await leave(tx, volume, 'extending', before(volume), now);
      if (before(volume) === 'in-use') await tell(tx, volume, 'volume-extended', 'completed', now);
    };
  },
  giveUp: fail('extending', () => 'error_extending'),
};

export const retypeVolume: TaskHandler = {
  async run(deps, task, signal) {
    const volume = await here(deps, task);
    if (volume === null || volume.status !== 'retyping') return nothing;
    const { keyId, encryption, typeId, multiattach } = task.params as {
      readonly keyId: string | null;
      readonly encryption: EncryptionSpec | null;
      readonly typeId: string;
      readonly multiattach: boolean;
    };
    if (keyId !== null) await deps.keys.make(keyId);
    const to = { ...storedVolume(volume), keyId, cipher: encryption === null ? null : readCipher(encryption.cipher, encryption.keySize) };
    await deps.backend.reencrypt(storedVolume(volume), to, signal);
    return async (tx) => {
      const now = nowOf(deps);
      await updateVolume(tx, volume.id, { typeId, multiattach, encryption, encryptionKeyId: keyId }, now);
      await leave(tx, volume, 'retyping', before(volume), now);
      await insertTask(tx, 'drop-old-content', volume.id, { keyId: volume.encryptionKeyId }, now);
    };
  },
  giveUp: async (deps, task) => {
    const volume = await here(deps, task);
    if (volume === null) return nothing;
    await deps.backend.keepOnly(storedVolume(volume));
    const { keyId } = task.params;
    if (typeof keyId === 'string') await deps.keys.remove(keyId);
    return (tx) => leave(tx, volume, 'retyping', before(volume), nowOf(deps));
  },
};

export const dropOldContent: TaskHandler = {
  async run(deps, task) {
    const volume = await here(deps, task);
    if (volume !== null) await deps.backend.keepOnly(storedVolume(volume));
    const { keyId } = task.params;
    if (typeof keyId === 'string') await deps.keys.remove(keyId);
    return nothing;
  },
  giveUp: async () => nothing,
};

export const reimageVolume: TaskHandler = {
  async run(deps, task, signal) {
    const volume = await here(deps, task);
    if (volume === null || volume.status !== 'downloading') return nothing;
    const image = await deps.image.show(deps.session, textOf(task, 'imageId'));
    await withContent(deps, volume, task, signal, (content) => deps.backend.create(storedVolume(volume), content, signal));
    return async (tx) => {
      const now = nowOf(deps);
      await updateVolume(tx, volume.id, { imageMetadata: imageMetadataOf(image), bootable: true }, now);
      await leave(tx, volume, 'downloading', before(volume), now);
      await tell(tx, volume, 'volume-reimaged', 'completed', now);
    };
  },
  async giveUp(deps, task) {
    const volume = await here(deps, task);
    if (volume === null) return nothing;
    return async (tx) => {
      await leave(tx, volume, 'downloading', 'error', nowOf(deps));
      await tell(tx, volume, 'volume-reimaged', 'failed', nowOf(deps));
    };
  },
};

export const revertVolume: TaskHandler = {
  async run(deps, task) {
    const volume = await here(deps, task);
    if (volume === null || volume.status !== 'reverting') return nothing;
    await deps.backend.revert(storedVolume(volume), textOf(task, 'snapshotId'));
    return (tx) => endRevert(tx, deps, volume, task, 'available');
  },
  async giveUp(deps, task) {
    const volume = await here(deps, task);
    return volume === null ? nothing : (tx) => endRevert(tx, deps, volume, task, 'error');
  },
};

async function endRevert(tx: VolumeExecutor, deps: VolumeDeps, volume: VolumeRecord, task: Task, to: 'available' | 'error'): Promise<void> {
  const now = nowOf(deps);
  await leave(tx, volume, 'reverting', to, now);
  await tx
    .updateTable('snapshots')
    .set({ status: 'available', updated_at: now })
    .where('id', '=', textOf(task, 'snapshotId'))
    .where('status', '=', 'restoring')
    .execute();
}
