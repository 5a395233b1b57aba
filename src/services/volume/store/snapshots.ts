import type { Selectable } from 'kysely';
import type { SnapshotStatus } from '../../../clients/volume.ts';
import { notFound } from '../../../lib/errors.ts';
import type { SnapshotRecord } from '../records.ts';
import type { VolumeExecutor, VolumeTables } from '../tables.ts';

export type SnapshotRow = Selectable<VolumeTables['snapshots']>;

export const toSnapshotRecord = (row: SnapshotRow): SnapshotRecord => ({
  id: row.id,
  volumeId: row.volume_id,
  projectId: row.project_id,
  userId: row.user_id,
  name: row.name,
  description: row.description,
  status: row.status,
  size: row.size,
  metadata: row.metadata,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export const snapshotNotFound = (snapshotId: string) => notFound(`Snapshot ${snapshotId} could not be found.`);

export async function findSnapshot(
  db: VolumeExecutor,
  snapshotId: string,
  { lock = false }: { readonly lock?: boolean } = {},
): Promise<SnapshotRecord | null> {
  const query = db.selectFrom('snapshots').selectAll().where('id', '=', snapshotId);
  const row = await (lock ? query.forUpdate() : query).executeTakeFirst();
  return row === undefined ? null : toSnapshotRecord(row);
}

export async function snapshotAskedWith(db: VolumeExecutor, key: string): Promise<SnapshotRecord | null> {
  const row = await db.selectFrom('snapshots').selectAll().where('idempotency_key', '=', key).executeTakeFirst();
  return row === undefined ? null : toSnapshotRecord(row);
}

export async function snapshotsOf(db: VolumeExecutor, volumeId: string): Promise<SnapshotRecord[]> {
  const rows = await db.selectFrom('snapshots').selectAll().where('volume_id', '=', volumeId).orderBy('created_at').orderBy('id').execute();
  return rows.map(toSnapshotRecord);
}

export async function insertSnapshot(
  tx: VolumeExecutor,
  snapshot: Omit<SnapshotRecord, 'status' | 'createdAt' | 'updatedAt'> & { readonly idempotencyKey: string | null },
  now: Date,
): Promise<SnapshotRecord> {
  const row = await tx
    .insertInto('snapshots')
    .values({
      id: snapshot.id,
      volume_id: snapshot.volumeId,
      project_id: snapshot.projectId,
      user_id: snapshot.userId,
      name: snapshot.name,
      description: snapshot.description,
      status: 'creating',
      size: snapshot.size,
      metadata: JSON.stringify(snapshot.metadata),
      idempotency_key: snapshot.idempotencyKey,
      created_at: now,
      updated_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return toSnapshotRecord(row);
}

export async function updateSnapshot(
  tx: VolumeExecutor,
  snapshotId: string,
  changes: {
    readonly name?: string | null;
    readonly description?: string | null;
    readonly status?: SnapshotStatus;
    readonly metadata?: Readonly<Record<string, string>>;
  },
  now: Date,
): Promise<void> {
  await tx
    .updateTable('snapshots')
    .set({
      updated_at: now,
      ...(changes.name === undefined ? {} : { name: changes.name }),
      ...(changes.description === undefined ? {} : { description: changes.description }),
      ...(changes.status === undefined ? {} : { status: changes.status }),
      ...(changes.metadata === undefined ? {} : { metadata: JSON.stringify(changes.metadata) }),
    })
    .where('id', '=', snapshotId)
    .execute();
}

export const deleteSnapshotRow = async (tx: VolumeExecutor, snapshotId: string): Promise<void> => {
  await tx.deleteFrom('snapshots').where('id', '=', snapshotId).execute();
};
