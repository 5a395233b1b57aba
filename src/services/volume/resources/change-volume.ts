import { conflict, invalid } from '../../../lib/errors.ts';
import type { RequestContext } from '../../../lib/http/route.ts';
import { normalizeUuid } from '../../../lib/ids.ts';
import { nowOf, ownedBy, visibleSnapshot, type VolumeDeps } from '../deps.ts';
import { allowsMultiattach, type VolumeRecord } from '../records.ts';
import { readFlag } from '../schemas.ts';
import { takeQuota } from '../store/quotas.ts';
import { snapshotsOf, updateSnapshot } from '../store/snapshots.ts';
import { findType, typeNotFound } from '../store/types.ts';
import { updateVolume } from '../store/volumes.ts';
import { showImage } from './create-volume.ts';
import { changing, promiseWork, wrongStatus } from './promise-work.ts';

/** Grows a volume, also under a guest that follows. */
export async function extendVolume(deps: VolumeDeps, ctx: RequestContext, found: VolumeRecord, size: number): Promise<void> {
  await changing(deps, found, async (tx, volume) => {
    // a disk that grows under a guest is wanted knowingly: before 3.42 nobody could
    const allowed = ctx.version >= 3042 ? ['available', 'in-use'] : ['available'];
    if (!allowed.includes(volume.status)) throw wrongStatus(volume, 'extend', allowed);
    if (volume.status === 'in-use') {
      ctx.authorize('volume:extend_attached_volume', ownedBy(volume));
      if (volume.attachments.some(({ connector }) => connector?.reconnects === false))
        throw invalid(
          `Invalid volume: volume ${volume.id} is used by a server whose hypervisor does not follow a volume that grows; detach it first.`,
        );
    }
    if (size <= volume.size)
      throw invalid(
        `Invalid input received: New size for extend must be greater than current size. (current: ${volume.size}, extended: ${size}).`,
      );
    await takeQuota(tx, deps.settings, volume.projectId, { gigabytes: size - volume.size, size });
    await promiseWork(tx, deps, volume, { status: 'extending' }, 'extend-volume', { size });
  });
  deps.nudge();
}

/** Gives a volume another type; its content is written anew where that changes its encryption. */
export async function retypeVolume(
  deps: VolumeDeps,
  found: VolumeRecord,
  { new_type: name, migration_policy: policy = 'never' }: { readonly new_type: string; readonly migration_policy?: string | null },
): Promise<void> {
  const type = await findType(deps.database, name, null);
  if (type === null) throw invalid(`Invalid input received: Volume type ${name} could not be found.`, { cause: typeNotFound(name) });
  await changing(deps, found, async (tx, volume) => {
    if (!['available', 'in-use'].includes(volume.status)) throw wrongStatus(volume, 'retype', ['available', 'in-use']);
    if (type.id === volume.typeId) throw invalid(`Invalid volume type: New volume_type same as original: ${name}.`);
    const multiattach = allowsMultiattach(type);
    if (multiattach !== volume.multiattach && volume.status !== 'available')
      throw invalid(`Invalid volume: Volume ${volume.id} must be available to change whether it may be attached several times.`);
    const changes = (type.encryption === null) !== (volume.encryption === null);
    if (!changes) {
      await updateVolume(tx, volume.id, { typeId: type.id, multiattach }, nowOf(deps));
      return;
    }
    if (volume.status !== 'available')
      throw invalid('Invalid input received: Retype cannot change encryption requirements of a volume in use.');
    if (policy !== 'on-demand')
      throw invalid(
        `Invalid volume: Retype requires migration but is not allowed: the content must be written anew with another encryption (use migration_policy on-demand).`,
      );
    if ((await snapshotsOf(tx, volume.id)).length > 0) throw invalid('Invalid volume: Volume must not have snapshots.');
    await promiseWork(tx, deps, volume, { status: 'retyping' }, 'retype-volume', {
      typeId: type.id,
      multiattach,
      encryption: type.encryption,
      keyId: type.encryption === null ? null : deps.ids.uuid(),
    });
  });
  deps.nudge();
}

/** Takes a volume back to its newest snapshot. */
export async function revertVolume(deps: VolumeDeps, ctx: RequestContext, found: VolumeRecord, text: string): Promise<void> {
  const snapshot = await visibleSnapshot(deps, ctx, text);
  await changing(deps, found, async (tx, volume) => {
    if (volume.status !== 'available') throw wrongStatus(volume, 'revert', ['available']);
    const newest = (await snapshotsOf(tx, volume.id)).at(-1);
    if (newest?.id !== snapshot.id)
      throw invalid(`Invalid input received: Specified snapshot id ${snapshot.id} is not the latest one of volume ${volume.id}.`);
    if (newest.status !== 'available') throw conflict(`Snapshot ${snapshot.id} is ${newest.status}.`);
    await updateSnapshot(tx, snapshot.id, { status: 'restoring' }, nowOf(deps));
    await promiseWork(tx, deps, volume, { status: 'reverting' }, 'revert-volume', { snapshotId: snapshot.id });
  });
  deps.nudge();
}

/** Writes an image over the content of a volume. */
export async function reimageVolume(
  deps: VolumeDeps,
  ctx: RequestContext,
  found: VolumeRecord,
  { image_id: text, reimage_reserved: reserved = false }: { readonly image_id: string; readonly reimage_reserved?: boolean | string },
): Promise<void> {
  const withReserved = readFlag(reserved);
  if (withReserved) ctx.authorize('volume:reimage_reserved', ownedBy(found));
  const image = await showImage(deps, ctx, normalizeUuid(text) ?? text);
  if (image.status !== 'active') throw invalid(`Image ${image.id} is not active.`);
  if (Math.max(image.size ?? 0, image.virtualSize ?? 0) > found.size * 1024 ** 3)
    throw invalid(`Size of specified image is larger than volume size ${found.size}GB.`);
  await changing(deps, found, async (tx, volume) => {
    const allowed = withReserved ? ['available', 'error', 'reserved'] : ['available', 'error'];
    if (!allowed.includes(volume.status))
      throw conflict(`Volume ${volume.id} status must be ${allowed.join(' or ')}, but current status is: ${volume.status}.`);
    if ((await snapshotsOf(tx, volume.id)).length > 0) throw conflict(`Volume ${volume.id} has snapshots, which its content belongs to.`);
    const back = volume.status === 'error' ? 'available' : volume.status;
    await promiseWork(tx, deps, { ...volume, status: back }, { status: 'downloading' }, 'reimage-volume', {
      source: 'image',
      imageId: image.id,
    });
  });
  deps.nudge();
}
