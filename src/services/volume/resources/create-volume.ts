import type { Image } from '../../../clients/image.ts';
import { invalid, isKind, notFound } from '../../../lib/errors.ts';
import type { RequestContext } from '../../../lib/http/route.ts';
import { normalizeUuid } from '../../../lib/ids.ts';
import { isDuplicate } from '../../../lib/sql/database.ts';
import { nowOf, repeatKey, visibleSnapshot, visibleVolume, type VolumeDeps } from '../deps.ts';
import { imageMetadataOf } from '../image-metadata.ts';
import { allowsMultiattach, type TypeRecord, type VolumeRecord } from '../records.ts';
import { takeQuota } from '../store/quotas.ts';
import { insertTask } from '../store/tasks.ts';
import { findType, typeNotFound } from '../store/types.ts';
import { findVolume, insertVolume, volumeAskedWith, type NewVolumeRow } from '../store/volumes.ts';
import type { Texts } from '../schemas.ts';

export interface VolumeWish {
  readonly name?: string | null;
  readonly description?: string | null;
  readonly size?: number | string | null;
  readonly volume_type?: string | null;
  readonly availability_zone?: string | null;
  readonly snapshot_id?: string | null;
  readonly source_volid?: string | null;
  readonly imageRef?: string | null;
  readonly metadata?: Texts | null;
  readonly project_id?: string | null;
  /** As requests said before there were types for it. */
  readonly multiattach?: boolean | string | null;
}

/** What a volume is to be made of, as its source says. */
interface Source {
  readonly params: Readonly<Record<string, unknown>>;
  /** GiB it has at least. */
  readonly leastSize: number | null;
  readonly type: string | null;
  readonly encrypted: boolean | null;
  readonly bootable: boolean;
  readonly imageMetadata: Texts;
  readonly snapshotId: string | null;
  readonly sourceVolumeId: string | null;
}

const blank: Source = {
  params: {},
  leastSize: null,
  type: null,
  encrypted: null,
  bootable: false,
  imageMetadata: {},
  snapshotId: null,
  sourceVolumeId: null,
};

async function sourceOf(deps: VolumeDeps, ctx: RequestContext, wish: VolumeWish): Promise<Source> {
  const named = [wish.snapshot_id, wish.source_volid, wish.imageRef].filter((each) => each !== undefined && each !== null && each !== '');
  if (named.length > 1) throw invalid('May specify only one of snapshot, source volume or image to create volume from.');
  if (wish.snapshot_id) return snapshotSource(deps, ctx, wish.snapshot_id);
  if (wish.source_volid) {
    const volume = await visibleVolume(deps, ctx, wish.source_volid);
    if (volume.status !== 'available' && volume.status !== 'in-use')
      throw invalid(`Invalid input received: Invalid volume status: must be available or in-use, and is ${volume.status}.`);
    return { ...copied(volume), params: { source: 'volume', sourceId: volume.id }, sourceVolumeId: volume.id };
  }
  return wish.imageRef ? imageSource(deps, ctx, wish.imageRef, wish.size) : blank;
}

const copied = (volume: VolumeRecord): Source => ({
  ...blank,
  leastSize: volume.size,
  type: volume.typeId,
  encrypted: volume.encryptionKeyId !== null,
  bootable: volume.bootable,
  imageMetadata: volume.imageMetadata,
});

async function snapshotSource(deps: VolumeDeps, ctx: RequestContext, id: string): Promise<Source> {
  const snapshot = await visibleSnapshot(deps, ctx, id);
  if (snapshot.status !== 'available')
    throw invalid(`Invalid snapshot: Originating snapshot status must be one of available values, and is ${snapshot.status}.`);
  const volume = await findVolume(deps.database, snapshot.volumeId);
  if (volume === null) throw notFound(`Snapshot ${id} could not be found.`);
  return {
    ...copied(volume),
    leastSize: snapshot.size,
    params: { source: 'snapshot', sourceId: volume.id, snapshotId: snapshot.id },
    snapshotId: snapshot.id,
  };
}

async function imageSource(deps: VolumeDeps, ctx: RequestContext, ref: string, size: VolumeWish['size']): Promise<Source> {
  const id = normalizeUuid(ref.split('/').at(-1) ?? '');
  if (id === null) throw invalid('Invalid image identifier or unable to access requested image.');
  const image = await showImage(deps, ctx, id);
  const bytes = Math.max(image.size ?? 0, image.virtualSize ?? 0);
  const gigabytes = Math.ceil(bytes / 1024 ** 3);
  if (image.status !== 'active') throw invalid(`Image ${id} is not active.`);
  if (Number(size ?? 0) > 0) {
    if (gigabytes > Number(size)) throw invalid(`Size of specified image ${gigabytes}GB is larger than volume size ${size}GB.`);
    if (image.minDisk > Number(size))
      throw invalid(`Volume size ${size}GB cannot be smaller than the image minDisk size ${image.minDisk}GB.`);
  }
  return { ...blank, params: { source: 'image', imageId: id }, bootable: true, imageMetadata: imageMetadataOf(image) };
}

export async function showImage(deps: VolumeDeps, ctx: RequestContext, id: string): Promise<Image> {
  try {
    return await deps.image.show(deps.sessionOf(ctx.caller), id);
  } catch (error) {
    if (isKind(error, 'notFound', 'forbidden')) throw invalid(`Image ${id} could not be found.`, { cause: error });
    throw error;
  }
}

async function typeOf(deps: VolumeDeps, ctx: RequestContext, wish: VolumeWish, source: Source, projectId: string): Promise<TypeRecord> {
  const scope = ctx.can('context_is_admin') ? null : projectId;
  const asked = wish.volume_type === undefined || wish.volume_type === null || wish.volume_type === '' ? null : wish.volume_type;
  // a copy has the type of what it is a copy of, also when its project may no longer ask for that
  const [name, among] = asked === null ? [source.type ?? deps.settings.defaultVolumeType, null] : [asked, scope];
  const type = await findType(deps.database, name, among);
  if (type === null) throw typeNotFound(name);
  if (source.encrypted !== null && source.encrypted !== (type.encryption !== null))
    throw invalid(
      `Invalid input received: Invalid volume_type provided: ${name} (requested type is not compatible; it must be encrypted as the source is).`,
    );
  return type;
}

function sizeOf(wish: VolumeWish, { leastSize, snapshotId }: Source): number {
  const size = wish.size === undefined || wish.size === null ? leastSize : Number(wish.size);
  if (size === null) throw invalid("Invalid input received: Volume size 'None' must be an integer and greater than 0");
  if (leastSize !== null && size < leastSize)
    throw invalid(
      snapshotId === null
        ? `Invalid input received: Invalid volume size provided for create request: ${size} (size argument must be an integer (or string representation of an integer) and greater than zero and not less than the source volume's ${leastSize}).`
        : `Invalid input received: Volume size '${size}'GB cannot be smaller than the snapshot size ${leastSize}GB. They must be >= original snapshot size.`,
    );
  return size;
}

/** POST volumes: the row and the promise to fill it, in one transaction. */
export async function createVolume(deps: VolumeDeps, ctx: RequestContext, wish: VolumeWish): Promise<VolumeRecord> {
  const projectId = wish.project_id ?? ctx.caller.projectId ?? '';
  if (projectId !== ctx.caller.projectId) ctx.authorize('volume:create_for_project', { project_id: projectId });
  const idempotencyKey = repeatKey(ctx, 'volume');
  const earlier = idempotencyKey === null ? null : await volumeAskedWith(deps.database, idempotencyKey);
  if (earlier !== null) return earlier;

  const zone = wish.availability_zone ?? deps.settings.availabilityZone;
  if (zone !== deps.settings.availabilityZone) throw invalid(`Invalid input received: Availability zone '${zone}' is invalid.`);
  const source = await sourceOf(deps, ctx, wish);
  const type = await typeOf(deps, ctx, wish, source, projectId);
  const size = sizeOf(wish, source);
  const row: NewVolumeRow = {
    id: deps.ids.uuid(),
    projectId,
    userId: ctx.caller.userId,
    name: wish.name ?? null,
    description: wish.description ?? null,
    size,
    typeId: type.id,
    availabilityZone: zone,
    bootable: source.bootable,
    multiattach: allowsMultiattach(type) || /^(true|1|yes|on|t|y)$/i.test(String(wish.multiattach ?? false)),
    encryptionKeyId: type.encryption === null ? null : deps.ids.uuid(),
    encryption: type.encryption,
    snapshotId: source.snapshotId,
    sourceVolumeId: source.sourceVolumeId,
    metadata: wish.metadata ?? {},
    imageMetadata: source.imageMetadata,
    idempotencyKey,
  };
  let made: VolumeRecord | null;
  try {
    made = await deps.database.transaction().execute(async (tx) => {
      await takeQuota(tx, deps.settings, projectId, { volumes: 1, gigabytes: size, size });
      await insertVolume(tx, row, nowOf(deps));
      await insertTask(tx, 'create-volume', row.id, source.params, nowOf(deps));
      return findVolume(tx, row.id); // as it was promised: a moment later it may be done
    });
  } catch (error) {
    const same = idempotencyKey !== null && isDuplicate(error) ? await volumeAskedWith(deps.database, idempotencyKey) : null;
    if (same !== null) return same; // the same request was faster
    throw error;
  }
  deps.nudge();
  deps.log.info({ volumeId: row.id, size }, 'volume asked for');
  return made!;
}
