import type { Volume } from '../../../../clients/volume.ts';
import type { BlockDevice, InstanceFlavor, InstanceImage } from '../../../../domain/instance.ts';
import { deviceNameAfter } from '../../../../domain/device-names.ts';
import { invalid, isKind } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import type { ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { toBoolean } from '../../schemas.ts';
import type { CreateServer } from './bodies.ts';
import { imageById } from './find-image.ts';

type Body = NonNullable<(typeof CreateServer)['value']>;
type Wish = NonNullable<Body['block_device_mapping_v2']>[number] & { readonly tag?: string; readonly volume_type?: string | null };

/** The disks a request asks for, and what its servers are made from. */
export interface RequestedDisks {
  readonly devices: readonly BlockDevice[];
  /** The image of the root disk; null for servers that boot from a volume. */
  readonly image: InstanceImage | null;
  /** What scheduling and guests read of an image: of the root disk's, or what its volume says of the one it was made from. */
  readonly facts: InstanceImage | null;
}

const refuse = (details: string): never => {
  throw invalid(`Block Device Mapping is Invalid: ${details}`);
};

/** Reads both forms of block-device mappings, checks them with the image and the volume service in the caller's name, and adds the root disk of `imageRef`. */
export async function requestedDisks(
  deps: ApiDeps,
  ctx: RequestContext,
  body: Body,
  { flavor, servers }: { readonly flavor: InstanceFlavor; readonly servers: number },
): Promise<RequestedDisks> {
  const imageRef = body.imageRef === '' ? undefined : body.imageRef;
  const mapped = (body.block_device_mapping ?? []).length > 0 || (body.block_device_mapping_v2 ?? []).length > 0;
  if ((body.block_device_mapping ?? []).length > 0 && (body.block_device_mapping_v2 ?? []).length > 0)
    throw invalid('Using different block_device_mapping syntaxes is not allowed in the same request.');
  if (mapped) ctx.authorize('os_compute_api:servers:create:attach_volume');
  if (imageRef === undefined && !mapped) throw invalid('Missing imageRef attribute');
  const image = imageRef === undefined ? null : await imageById(deps, ctx, imageRef);
  const asked = [...(body.block_device_mapping_v2 ?? []), ...fromLegacy(body.block_device_mapping ?? [], imageRef !== undefined)];
  const wishes = [
    ...mappingsOf(image).filter(({ boot_index: place }) => !asked.some((wish) => Number(wish.boot_index ?? -1) === place)),
    ...asked,
  ];
  const devices = wishes
    .filter(({ no_device }) => no_device == null || !toBoolean(no_device))
    .map((wish) => deviceOf(deps, wish, imageRef));
  if (image !== null && !devices.some(({ bootIndex }) => bootIndex === 0))
    devices.unshift({
      ...emptyDevice(deps),
      sourceType: 'image',
      destinationType: 'local',
      bootIndex: 0,
      imageId: image.id,
      deleteOnTermination: true,
      diskBus: image.properties['hw_disk_bus'] ?? null,
    });
  refuseBootOrder(devices);
  refuseSizes(deps, devices, flavor);
  const sources = await Promise.all(devices.map((device) => checkSource(deps, ctx, device, servers)));
  const root = devices.findIndex(({ bootIndex }) => bootIndex === 0);
  const onVolume = devices[root]?.destinationType === 'volume';
  return {
    devices: named(devices),
    image: onVolume ? null : image,
    facts: onVolume ? (sources[root] ?? image) : image,
  };
}

/** The devices an image names that was made of a server on volumes: it has no data of its own. */
function mappingsOf(image: InstanceImage | null): Wish[] {
  const { block_device_mapping: text, bdm_v2: isNewer } = image?.properties ?? {};
  if (text === undefined || !/^(true|1|yes)$/i.test(isNewer ?? '')) return [];
  const unreadable = (): never => refuse('the block devices that the image names cannot be read.');
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    return unreadable();
  }
  if (!Array.isArray(entries)) return unreadable();
  return entries.map((entry: unknown): Wish => {
    if (typeof entry !== 'object' || entry === null) return unreadable();
    const { snapshot_id: snapshot, volume_id: volume, image_id: from, ...rest } = entry as Readonly<Record<string, unknown>>;
    const known = Object.entries(rest).filter(([key, value]) => mappingKeys.has(key) && value !== null);
    const uuid = snapshot ?? volume ?? from;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- judged by deviceOf, as what users send
    return { ...Object.fromEntries(known), ...(typeof uuid === 'string' ? { uuid } : {}) } as unknown as Wish;
  });
}

/** What an image says of a device and a request may say, too. */
const mappingKeys = new Set(
  'source_type destination_type boot_index volume_size delete_on_termination device_name device_type disk_bus guest_format volume_type tag'.split(
    ' ',
  ),
);

const emptyDevice = (deps: ApiDeps): BlockDevice => ({
  uuid: deps.ids.uuid(),
  sourceType: 'blank',
  destinationType: 'volume',
  bootIndex: null,
  deviceType: 'disk',
  diskBus: null,
  deviceName: null,
  guestFormat: null,
  volumeSize: null,
  imageId: null,
  volumeId: null,
  snapshotId: null,
  volumeType: null,
  deleteOnTermination: false,
  tag: null,
  attachmentId: null,
});

const buses = ['virtio', 'scsi', 'ide', 'sata', 'usb', 'fdc', 'uml', 'xen', 'lxc'];

/** One entry of the newer form. */
function deviceOf(deps: ApiDeps, wish: Wish, imageRef: string | undefined): BlockDevice {
  const { source_type: sourceType, uuid } = wish;
  const destinationType =
    wish.destination_type ??
    (sourceType === 'image' && Number(wish.boot_index ?? -1) === 0 && imageRef !== undefined
      ? 'local'
      : sourceType === 'blank'
        ? 'local'
        : 'volume');
  const given = wish.boot_index == null ? -1 : Number(wish.boot_index);
  const bootIndex = given < 0 ? null : given;
  if (sourceType === 'blank' && uuid != null) refuse('Invalid device UUID.');
  if (sourceType !== 'blank' && uuid == null) refuse('Missing device UUID.');
  if (destinationType === 'local' && sourceType === 'image' && (bootIndex !== 0 || uuid !== imageRef))
    refuse('Mapping image to local is not supported.');
  if (destinationType === 'local' && (sourceType === 'volume' || sourceType === 'snapshot'))
    refuse(`Mapping ${sourceType} to local is not supported.`);
  if (wish.volume_type != null && destinationType === 'local')
    refuse('Specifying a volume_type with destination_type=local is not supported.');
  if (wish.volume_type != null && sourceType === 'volume') refuse('Specifying volume type to existing volume is not supported.');
  if (wish.disk_bus != null && !buses.includes(wish.disk_bus))
    refuse(`The disk bus '${wish.disk_bus}' is not known; it must be one of ${buses.join(', ')}.`);
  const volumeSize = wish.volume_size == null ? null : Number(wish.volume_size);
  if (destinationType === 'volume' && sourceType === 'image' && volumeSize === null)
    refuse("Images with destination_type 'volume' need to have a non-zero size specified");
  if (destinationType === 'volume' && sourceType === 'blank' && volumeSize === null)
    refuse("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size");
  return {
    ...emptyDevice(deps),
    sourceType,
    destinationType,
    bootIndex,
    deviceType: wish.device_type ?? 'disk',
    diskBus: wish.disk_bus ?? null,
    deviceName: wish.device_name ?? null,
    guestFormat: wish.guest_format ?? null,
    volumeSize,
    imageId: sourceType === 'image' ? (uuid ?? null) : null,
    volumeId: sourceType === 'volume' ? (uuid ?? null) : null,
    snapshotId: sourceType === 'snapshot' ? (uuid ?? null) : null,
    volumeType: wish.volume_type ?? null,
    deleteOnTermination: wish.delete_on_termination === undefined ? destinationType === 'local' : toBoolean(wish.delete_on_termination),
    tag: wish.tag ?? null,
  };
}

/** The older form, as the newer one: a device named `…da` is the root; where none is and there is no image, the first one. */
const fromLegacy = (entries: NonNullable<Body['block_device_mapping']>, hasImage: boolean): Wish[] =>
  entries.map((entry, index) => {
    const isRoot = entry.device_name == null ? !hasImage && index === 0 : /^(\/dev\/)?[hsv]da$/.test(entry.device_name);
    const source = entry.snapshot_id != null ? ('snapshot' as const) : entry.volume_id != null ? ('volume' as const) : ('blank' as const);
    const local = source === 'blank';
    return {
      source_type: source,
      destination_type: local ? 'local' : 'volume',
      boot_index: isRoot ? 0 : -1,
      delete_on_termination: entry.delete_on_termination ?? local,
      ...(source === 'volume' ? { uuid: entry.volume_id } : source === 'snapshot' ? { uuid: entry.snapshot_id } : {}),
      ...(entry.volume_size == null ? {} : { volume_size: entry.volume_size }),
      ...(entry.device_name == null ? {} : { device_name: entry.device_name }),
      ...(entry.no_device === undefined ? {} : { no_device: entry.no_device }),
      ...(entry.virtual_name === 'swap' ? { guest_format: 'swap' } : {}),
    };
  });

function refuseBootOrder(devices: readonly BlockDevice[]): void {
  const order = devices.flatMap(({ bootIndex }) => (bootIndex === null ? [] : [bootIndex])).toSorted((a, b) => a - b);
  if (order.length === 0 || order.some((bootIndex, place) => bootIndex !== place))
    refuse('Boot sequence for the instance and image/block device mapping combination is not valid.');
}

function refuseSizes(deps: ApiDeps, devices: readonly BlockDevice[], flavor: InstanceFlavor): void {
  const local = devices.filter(({ destinationType }) => destinationType === 'local');
  const blank = local.filter(({ sourceType }) => sourceType === 'blank');
  const swap = blank.filter(({ guestFormat }) => guestFormat === 'swap');
  const ephemeral = blank.filter(({ guestFormat }) => guestFormat !== 'swap');
  if (swap.length > 1) refuse('More than one swap drive requested.');
  if (swap.some(({ volumeSize }) => (volumeSize ?? 0) > flavor.swapMb)) refuse('Swap drive requested is larger than instance type allows.');
  const asked = ephemeral.reduce((sum, { volumeSize }) => sum + (volumeSize ?? flavor.ephemeralGb), 0);
  if (asked > flavor.ephemeralGb)
    refuse(
      'Ephemeral disks requested are larger than the instance type allows. If no size is given in one block device mapping, flavor ephemeral size will be used.',
    );
  const most = deps.settings.DEFAULT.max_local_block_devices;
  if (most >= 0 && local.length > most) refuse('You specified more local devices than the limit allows');
}

/** What a device is made from, as the caller may see it; answers the facts of an image that a guest of it needs. */
async function checkSource(deps: ApiDeps, ctx: RequestContext, device: BlockDevice, servers: number): Promise<InstanceImage | null> {
  const session = deps.identity.sessionOf(ctx.caller);
  const failed = (what: string, id: string) => (error: unknown) => {
    if (isKind(error, 'notFound', 'forbidden', 'invalid')) return refuse(`failed to get ${what} ${id}.`);
    throw error;
  };
  if (device.volumeId !== null) {
    if (servers > 1) throw invalid('Cannot attach one or more volumes to multiple instances');
    const volume = await deps.volume.show(session, device.volumeId).catch(failed('volume', device.volumeId));
    refuseUnusableVolume(ctx, volume);
    if (device.bootIndex === 0 && !volume.bootable) throw invalid(`Block Device ${volume.id} is not bootable.`);
    return factsOf(volume);
  }
  if (device.snapshotId !== null) {
    const snapshot = await deps.volume.snapshot(session, device.snapshotId).catch(failed('snapshot', device.snapshotId));
    const volume = await deps.volume.show(session, snapshot.volumeId).catch((error: unknown) => {
      if (isKind(error, 'notFound', 'forbidden')) return null; // the caller may know of the snapshot alone
      throw error;
    });
    if (device.bootIndex === 0 && volume?.bootable === false) throw invalid(`Block Device ${snapshot.id} is not bootable.`);
    return volume === null ? null : factsOf(volume);
  }
  if (device.imageId !== null && device.destinationType === 'volume')
    return imageById(deps, ctx, device.imageId).catch(failed('image', device.imageId));
  return null;
}

/** Refuses a volume that a server cannot have now. */
export function refuseUnusableVolume(ctx: RequestContext, volume: Volume): void {
  if (volume.multiattach && !does(ctx, 'multiattach'))
    throw invalid('Multiattach volumes are only supported starting with compute API version 2.60.');
  if (volume.status !== 'available' && !(volume.multiattach && volume.status === 'in-use'))
    throw invalid(`Invalid volume: volume '${volume.id}' status must be 'available'. Currently in '${volume.status}'`);
}

/** What a volume keeps of the image it was made from. */
function factsOf({ imageMetadata, size }: Volume): InstanceImage {
  const { image_id, image_name, disk_format, container_format, min_disk, min_ram, checksum, size: bytes, ...properties } = imageMetadata;
  return {
    id: image_id ?? '',
    name: image_name ?? null,
    diskFormat: disk_format ?? 'raw',
    containerFormat: container_format ?? 'bare',
    minDisk: Math.min(Number(min_disk ?? 0), size),
    minRam: Number(min_ram ?? 0),
    size: bytes === undefined ? null : Number(bytes),
    checksum: checksum ?? null,
    properties,
  };
}

/** Every device gets its name: the root first, the others after it in their order. */
function named(devices: readonly BlockDevice[]): BlockDevice[] {
  const sorted = devices.toSorted((a, b) => Number(b.bootIndex === 0) - Number(a.bootIndex === 0));
  const names: string[] = [];
  return sorted.map((device) => {
    const deviceName = deviceNameAfter(names, device.diskBus);
    names.push(deviceName);
    return { ...device, deviceName };
  });
}
