import type { Connector, VolumeAttachment } from '../../../clients/volume.ts';
import { notFound } from '../../../lib/errors.ts';
import type { AttachmentRecord } from '../records.ts';
import type { VolumeExecutor } from '../tables.ts';
import { toAttachmentRecord } from './volumes.ts';

export const attachmentNotFound = (id: string) => notFound(`Volume attachment could not be found with filter: attachment_id = ${id}.`);

export async function findAttachment(db: VolumeExecutor, id: string): Promise<AttachmentRecord | null> {
  const row = await db.selectFrom('attachments').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : toAttachmentRecord(row);
}

export async function attachmentAskedWith(db: VolumeExecutor, key: string): Promise<AttachmentRecord | null> {
  const row = await db.selectFrom('attachments').selectAll().where('idempotency_key', '=', key).executeTakeFirst();
  return row === undefined ? null : toAttachmentRecord(row);
}

export async function insertAttachment(
  tx: VolumeExecutor,
  attachment: Pick<AttachmentRecord, 'id' | 'volumeId' | 'serverId' | 'status' | 'mode' | 'wantedMode' | 'device'> & {
    readonly idempotencyKey: string | null;
    readonly attachedAt: Date | null;
  },
  now: Date,
): Promise<void> {
  await tx
    .insertInto('attachments')
    .values({
      id: attachment.id,
      volume_id: attachment.volumeId,
      server_id: attachment.serverId,
      status: attachment.status,
      mode: attachment.mode,
      wanted_mode: attachment.wantedMode,
      connector: null,
      device: attachment.device,
      idempotency_key: attachment.idempotencyKey,
      attached_at: attachment.attachedAt,
      created_at: now,
      updated_at: now,
    })
    .execute();
}

export async function updateAttachment(
  tx: VolumeExecutor,
  id: string,
  changes: {
    readonly status?: VolumeAttachment['status'];
    readonly mode?: 'rw' | 'ro';
    readonly connector?: Connector;
    readonly device?: string | null;
    readonly attachedAt?: Date;
  },
  now: Date,
): Promise<void> {
  await tx
    .updateTable('attachments')
    .set({
      updated_at: now,
      ...(changes.status === undefined ? {} : { status: changes.status }),
      ...(changes.mode === undefined ? {} : { mode: changes.mode }),
      ...(changes.connector === undefined ? {} : { connector: JSON.stringify(changes.connector) }),
      ...(changes.device === undefined ? {} : { device: changes.device }),
      ...(changes.attachedAt === undefined ? {} : { attached_at: changes.attachedAt }),
    })
    .where('id', '=', id)
    .execute();
}

export const deleteAttachmentRow = async (tx: VolumeExecutor, id: string): Promise<void> => {
  await tx.deleteFrom('attachments').where('id', '=', id).execute();
};
