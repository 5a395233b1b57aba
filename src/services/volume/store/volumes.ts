import { sql, type Selectable } from 'kysely';
import type { VolumeStatus } from '../../../clients/volume.ts';
import { notFound } from '../../../lib/errors.ts';
import type { AttachmentRecord, VolumeRecord } from '../records.ts';
import type { EncryptionSpec, VolumeExecutor, VolumeTables } from '../tables.ts';

type Texts = Readonly<Record<string, string>>;
type AttachmentRow = Selectable<VolumeTables['attachments']>;
export type VolumeRow = Selectable<VolumeTables['volumes']> & { readonly type_name: string };

/** Volumes with the name of their type; every read of volumes begins with it. */
export const selectVolumes = (db: VolumeExecutor) =>
  db
    .selectFrom('volumes')
    .innerJoin('volume_types', 'volume_types.id', 'volumes.type_id')
    .selectAll('volumes')
    .select('volume_types.name as type_name');

export const toAttachmentRecord = (row: AttachmentRow): AttachmentRecord => ({
  id: row.id,
  volumeId: row.volume_id,
  serverId: row.server_id,
  status: row.status,
  mode: row.mode,
  wantedMode: row.wanted_mode,
  connector: row.connector,
  device: row.device,
  attachedAt: row.attached_at,
  createdAt: row.created_at,
});

const toVolume = (row: VolumeRow, attachments: readonly AttachmentRecord[]): VolumeRecord => ({
  id: row.id,
  projectId: row.project_id,
  userId: row.user_id,
  name: row.name,
  description: row.description,
  status: row.status,
  previousStatus: row.previous_status,
  size: row.size,
  typeId: row.type_id,
  typeName: row.type_name,
  availabilityZone: row.availability_zone,
  bootable: row.bootable,
  multiattach: row.multiattach,
  readonly: row.readonly,
  encryptionKeyId: row.encryption_key_id,
  encryption: row.encryption,
  snapshotId: row.snapshot_id,
  sourceVolumeId: row.source_volume_id,
  metadata: row.metadata,
  imageMetadata: row.image_metadata,
  attachments,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** The rows with their attachments, in one more query. */
export async function withAttachments(db: VolumeExecutor, rows: readonly VolumeRow[]): Promise<VolumeRecord[]> {
  if (rows.length === 0) return [];
  const attachments = await db
    .selectFrom('attachments')
    .selectAll()
    .where(
      'volume_id',
      'in',
      rows.map(({ id }) => id),
    )
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  const byVolume = Map.groupBy(attachments.map(toAttachmentRecord), ({ volumeId }) => volumeId);
  return rows.map((row) => toVolume(row, byVolume.get(row.id) ?? []));
}

export const volumeNotFound = (volumeId: string) => notFound(`Volume ${volumeId} could not be found.`);

/** The volume, or null. `lock` keeps others from changing it and its attachments until the transaction ends. */
export async function findVolume(
  db: VolumeExecutor,
  volumeId: string,
  { lock = false }: { readonly lock?: boolean } = {},
): Promise<VolumeRecord | null> {
  const query = selectVolumes(db).where('volumes.id', '=', volumeId);
  const row = await (lock ? query.forUpdate('volumes') : query).executeTakeFirst();
  return row === undefined ? null : ((await withAttachments(db, [row]))[0] ?? null);
}

/** The volumes that are there, by id, in two queries. */
export async function volumesById(db: VolumeExecutor, ids: readonly string[]): Promise<ReadonlyMap<string, VolumeRecord>> {
  const rows = ids.length === 0 ? [] : await selectVolumes(db).where('volumes.id', 'in', ids).execute();
  return new Map((await withAttachments(db, rows)).map((volume) => [volume.id, volume]));
}

/** The volume, locked, or 404; for work inside the service. */
export async function lockVolume(tx: VolumeExecutor, volumeId: string): Promise<VolumeRecord> {
  const volume = await findVolume(tx, volumeId, { lock: true });
  if (volume === null) throw volumeNotFound(volumeId);
  return volume;
}

export interface NewVolumeRow extends Omit<
  VolumeRecord,
  'typeName' | 'attachments' | 'createdAt' | 'updatedAt' | 'status' | 'previousStatus' | 'readonly'
> {
  readonly idempotencyKey: string | null;
}

export async function insertVolume(tx: VolumeExecutor, volume: NewVolumeRow, now: Date): Promise<void> {
  await tx
    .insertInto('volumes')
    .values({
      id: volume.id,
      project_id: volume.projectId,
      user_id: volume.userId,
      name: volume.name,
      description: volume.description,
      status: 'creating',
      previous_status: null,
      size: volume.size,
      type_id: volume.typeId,
      availability_zone: volume.availabilityZone,
      bootable: volume.bootable,
      multiattach: volume.multiattach,
      readonly: null,
      encryption_key_id: volume.encryptionKeyId,
      encryption: JSON.stringify(volume.encryption),
      snapshot_id: volume.snapshotId,
      source_volume_id: volume.sourceVolumeId,
      metadata: JSON.stringify(volume.metadata),
      image_metadata: JSON.stringify(volume.imageMetadata),
      idempotency_key: volume.idempotencyKey,
      created_at: now,
      updated_at: now,
    })
    .execute();
}

export interface VolumeChanges {
  readonly name?: string | null;
  readonly description?: string | null;
  readonly status?: VolumeStatus;
  readonly previousStatus?: VolumeStatus | null;
  readonly size?: number;
  readonly typeId?: string;
  readonly bootable?: boolean;
  readonly multiattach?: boolean;
  readonly readonly?: boolean;
  readonly encryptionKeyId?: string | null;
  readonly encryption?: EncryptionSpec | null;
  readonly metadata?: Texts;
  readonly imageMetadata?: Texts;
  readonly projectId?: string;
  readonly userId?: string;
}

export async function updateVolume(tx: VolumeExecutor, volumeId: string, changes: VolumeChanges, now: Date): Promise<void> {
  await tx
    .updateTable('volumes')
    .set({
      updated_at: now,
      ...(changes.name === undefined ? {} : { name: changes.name }),
      ...(changes.description === undefined ? {} : { description: changes.description }),
      ...(changes.status === undefined ? {} : { status: changes.status }),
      ...(changes.previousStatus === undefined ? {} : { previous_status: changes.previousStatus }),
      ...(changes.size === undefined ? {} : { size: changes.size }),
      ...(changes.typeId === undefined ? {} : { type_id: changes.typeId }),
      ...(changes.bootable === undefined ? {} : { bootable: changes.bootable }),
      ...(changes.multiattach === undefined ? {} : { multiattach: changes.multiattach }),
      ...(changes.readonly === undefined ? {} : { readonly: changes.readonly }),
      ...(changes.encryptionKeyId === undefined ? {} : { encryption_key_id: changes.encryptionKeyId }),
      ...(changes.encryption === undefined ? {} : { encryption: JSON.stringify(changes.encryption) }),
      ...(changes.metadata === undefined ? {} : { metadata: JSON.stringify(changes.metadata) }),
      ...(changes.imageMetadata === undefined ? {} : { image_metadata: JSON.stringify(changes.imageMetadata) }),
      ...(changes.projectId === undefined ? {} : { project_id: changes.projectId }),
      ...(changes.userId === undefined ? {} : { user_id: changes.userId }),
    })
    .where('id', '=', volumeId)
    .execute();
}

export const deleteVolumeRow = async (tx: VolumeExecutor, volumeId: string): Promise<void> => {
  await tx.deleteFrom('volumes').where('id', '=', volumeId).execute();
};

/** The volume that a request with this key has made before, or null. */
export async function volumeAskedWith(db: VolumeExecutor, key: string): Promise<VolumeRecord | null> {
  const row = await selectVolumes(db).where('volumes.idempotency_key', '=', key).executeTakeFirst();
  return row === undefined ? null : ((await withAttachments(db, [row]))[0] ?? null);
}

/** Volumes that have connected attachments, or had them when the service last looked. */
export async function servedVolumes(db: VolumeExecutor): Promise<VolumeRecord[]> {
  const rows = await selectVolumes(db)
    .where(
      sql<boolean>`EXISTS (SELECT FROM attachments a WHERE a.volume_id = volumes.id AND a.connector IS NOT NULL AND a.status IN ('attaching', 'attached'))`,
    )
    .execute();
  return withAttachments(db, rows);
}
