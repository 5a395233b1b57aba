import type { Connector, NbdConnection } from '../../clients/volume.ts';
import { conflict, invalid } from '../../lib/errors.ts';
import type { RequestContext } from '../../lib/http/route.ts';
import { isDuplicate } from '../../lib/sql/database.ts';
import { nowOf, type VolumeDeps } from './deps.ts';
import { exportsOf } from './exports.ts';
import { isConnected, statusFor, storedVolume, type AttachmentRecord, type VolumeRecord } from './records.ts';
import {
  attachmentAskedWith,
  attachmentNotFound,
  deleteAttachmentRow,
  findAttachment,
  insertAttachment,
  updateAttachment,
} from './store/attachments.ts';
import { findType } from './store/types.ts';
import { findVolume, lockVolume, updateVolume } from './store/volumes.ts';
import type { VolumeExecutor } from './tables.ts';

/** Statuses that say what is done to a volume rather than who has it: attachments do not change them. */
const ownStatus = new Set([
  'extending',
  'uploading',
  'retyping',
  'reverting',
  'deleting',
  'error',
  'error_extending',
  'maintenance',
  'downloading',
]);

/** Makes the volume's status what its attachments say, as they are in this transaction. */
export async function settleStatus(tx: VolumeExecutor, volumeId: string, now: Date): Promise<void> {
  const volume = await lockVolume(tx, volumeId);
  const status = statusFor(volume.attachments);
  if (ownStatus.has(volume.status)) await updateVolume(tx, volumeId, volume.previousStatus === null ? {} : { previousStatus: status }, now);
  else await updateVolume(tx, volumeId, { status }, now);
}

/** Reserves the volume for a server: one only, unless it may have several. */
export async function reserve(
  deps: VolumeDeps,
  volumeId: string,
  {
    serverId,
    mode,
    idempotencyKey,
  }: { readonly serverId: string | null; readonly mode: 'rw' | 'ro' | null; readonly idempotencyKey: string | null },
): Promise<AttachmentRecord> {
  const earlier = idempotencyKey === null ? null : await attachmentAskedWith(deps.database, idempotencyKey);
  if (earlier !== null) return earlier;
  const id = deps.ids.uuid();
  try {
    await deps.database.transaction().execute(async (tx) => {
      const volume = await lockVolume(tx, volumeId);
      const allowed = volume.multiattach ? ['available', 'in-use', 'downloading'] : ['available', 'downloading'];
      // a server may have a second attachment of a volume it has already: that is how it moves to another host
      const again = serverId !== null && volume.attachments.some((each) => each.serverId === serverId);
      if (!allowed.includes(volume.status) && !(again && !ownStatus.has(volume.status)))
        throw invalid(
          `Invalid volume: Volume ${volumeId} status must be ${allowed.join(' or ')} to reserve, but the current status is ${volume.status}.`,
        );
      const now = nowOf(deps);
      await insertAttachment(
        tx,
        { id, volumeId, serverId, status: 'reserved', mode: null, wantedMode: mode, device: null, attachedAt: null, idempotencyKey },
        now,
      );
      await settleStatus(tx, volumeId, now);
    });
  } catch (error) {
    const same = idempotencyKey !== null && isDuplicate(error) ? await attachmentAskedWith(deps.database, idempotencyKey) : null;
    if (same !== null) return same;
    throw error;
  }
  return (await findAttachment(deps.database, id))!;
}

/** Tells the volume's exports who connects; the same connector again changes nothing. */
export async function connect(deps: VolumeDeps, attachment: AttachmentRecord, connector: Connector): Promise<AttachmentRecord> {
  const problem = deps.backend.reasonAgainst(connector.host);
  if (problem !== null) throw invalid(`Invalid input received: Connector doesn't have required information: ${problem}.`);
  const before = await deps.database.transaction().execute(async (tx) => {
    const volume = await lockVolume(tx, attachment.volumeId);
    const current = volume.attachments.find(({ id }) => id === attachment.id);
    if (current === undefined) throw attachmentNotFound(attachment.id);
    if (volume.status === 'error' || volume.status === 'deleting' || volume.status === 'error_deleting')
      throw invalid(`Invalid volume: Volume ${volume.id} is in status ${volume.status} and cannot be connected.`);
    const others = volume.attachments.filter(({ id, serverId }) => id !== current.id && serverId !== current.serverId);
    if (!volume.multiattach && others.some(isConnected))
      throw invalid(`Invalid volume: Volume ${volume.id} is connected for another server and does not allow several.`);
    const now = nowOf(deps);
    const mode = volume.readonly === true ? 'ro' : (current.wantedMode ?? connector.mode ?? 'rw');
    await updateAttachment(tx, current.id, { connector, mode, ...(current.status === 'attached' ? {} : { status: 'attaching' }) }, now);
    await settleStatus(tx, volume.id, now);
    return current;
  });
  try {
    const volume = await findVolume(deps.database, attachment.volumeId);
    if (volume === null) throw attachmentNotFound(attachment.id);
    await deps.backend.serve(storedVolume(volume), () => exportsOf(deps, volume.id));
  } catch (error) {
    if (!isConnected(before)) await forgetConnector(deps, before);
    throw error;
  }
  return (await findAttachment(deps.database, attachment.id)) ?? before;
}

const forgetConnector = (deps: VolumeDeps, { id, volumeId, status }: AttachmentRecord): Promise<void> =>
  deps.database.transaction().execute(async (tx) => {
    await tx
      .updateTable('attachments')
      .set({ connector: null, status, updated_at: nowOf(deps) })
      .where('id', '=', id)
      .execute();
    await settleStatus(tx, volumeId, nowOf(deps));
  });

/** The server has it, if only by name: one without a host is connected when it has one. */
export const complete = (deps: VolumeDeps, attachment: AttachmentRecord): Promise<void> =>
  deps.database.transaction().execute(async (tx) => {
    const volume = await lockVolume(tx, attachment.volumeId);
    const current = volume.attachments.find(({ id }) => id === attachment.id);
    if (current === undefined) throw attachmentNotFound(attachment.id);
    if (current.status === 'attached') return;
    const now = nowOf(deps);
    await updateAttachment(tx, current.id, { status: 'attached', attachedAt: now }, now);
    await settleStatus(tx, volume.id, now);
  });

/**
 * Ends an attachment: its export first, so that nobody reads on when the answer comes. A server's disk is not taken from it behind compute's back: unless a
 * service asks, that is refused.
 */
export async function disconnect(deps: VolumeDeps, ctx: RequestContext | null, attachment: AttachmentRecord): Promise<void> {
  if (ctx !== null && attachment.serverId !== null && isConnected(attachment) && !isService(ctx))
    throw conflict(`Detach volume from instance ${attachment.serverId} using the Compute API`, { code: 'ConflictNovaUsingAttachment' });
  const { volumeId } = attachment;
  const volume = await findVolume(deps.database, volumeId);
  if (volume !== null && isConnected(attachment)) {
    const rest = async () => (await exportsOf(deps, volumeId)).filter(({ id }) => id !== attachment.id);
    await deps.backend.serve(storedVolume(volume), rest);
  }
  await deps.database.transaction().execute(async (tx) => {
    const current = await findVolume(tx, volumeId, { lock: true });
    if (current === null) return;
    await deleteAttachmentRow(tx, attachment.id);
    const now = nowOf(deps);
    if (current.status === 'detaching') await updateVolume(tx, volumeId, { status: 'in-use' }, now);
    await settleStatus(tx, volumeId, now);
  });
}

/** Whether another service of the cloud asks, in its own name or beside a user. */
export const isService = (ctx: RequestContext): boolean =>
  ctx.caller.serviceRoles.includes('service') || ctx.caller.roles.includes('service');

/** Where a connected attachment's server finds its disk; null before. */
export async function connectionOf(deps: VolumeDeps, volume: VolumeRecord, attachment: AttachmentRecord): Promise<NbdConnection | null> {
  if (!isConnected(attachment)) return null;
  const stored = storedVolume(volume);
  const transport = await deps.backend.serve(stored, () => exportsOf(deps, volume.id));
  if (transport === null) return null;
  const { encryption, encryptionKeyId } = volume;
  return {
    driverVolumeType: 'nbd',
    data: {
      transport,
      exportName: attachment.id,
      format: 'raw',
      accessMode: attachment.mode ?? 'rw',
      volumeId: volume.id,
      bytes: deps.backend.bytes(stored),
      reconnectSeconds: 60,
      discard: true,
      qos: await qosOf(deps, volume),
      encryption:
        encryption === null || encryptionKeyId === null
          ? null
          : {
              provider: 'luks',
              cipher: encryption.cipher,
              keySize: encryption.keySize,
              controlLocation: 'front-end',
              keyId: encryptionKeyId,
              passphrase: await deps.keys.passphrase(encryptionKeyId),
            },
    },
  };
}

/** Limits that hypervisors set, from the type's QoS specs for front ends. */
async function qosOf({ database }: VolumeDeps, volume: VolumeRecord): Promise<Readonly<Record<string, number>>> {
  const type = await findType(database, volume.typeId, null);
  if (type?.qosSpecsId == null) return {};
  const row = await database.selectFrom('qos_specs').selectAll().where('id', '=', type.qosSpecsId).executeTakeFirst();
  if (row === undefined || row.consumer === 'back-end') return {};
  return Object.fromEntries(
    Object.entries(row.specs).flatMap(([key, value]): [string, number][] => {
      const [, name, perGigabyte] = /^((?:total|read|write)_(?:bytes|iops)_sec(?:_max)?)(_per_gb)?$/.exec(key) ?? [];
      const number = Number(value);
      return name === undefined || !Number.isSafeInteger(number) || number < 0
        ? []
        : [[name, number * (perGigabyte === undefined ? 1 : volume.size)]];
    }),
  );
}
