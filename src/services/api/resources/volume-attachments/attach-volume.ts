import type { Volume } from '../../../../clients/volume.ts';
import { deviceNameAfter } from '../../../../domain/device-names.ts';
import { reasonAgainst } from '../../../../domain/instance-actions.ts';
import type { BlockDevice, Instance } from '../../../../domain/instance.ts';
import { instanceNotFound, wrongState } from '../../../../domain/faults.ts';
import { conflict, forbidden, invalid } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { changeInstance, type LocatedInstance } from '../../../../store/instances.ts';
import type { ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { refuseLocked } from '../servers/find-server.ts';
import { operate } from '../servers/operate.ts';
import { refuseUnusableVolume } from '../servers/requested-disks.ts';

export interface AttachWish {
  readonly volumeId: string;
  readonly device?: string | null;
  readonly tag?: string;
  readonly deleteOnTermination: boolean;
}

/** Accepts that a server gets a volume: what can be refused is; from then on its device has its name. Answers the device. */
export async function attachVolume(deps: ApiDeps, ctx: RequestContext, located: LocatedInstance, wish: AttachWish): Promise<BlockDevice> {
  const { instance, cellId } = located;
  refuseLocked(ctx, instance);
  refuseShelved(ctx, 'attach_volume', instance);
  const against = reasonAgainst('attachVolume', instance);
  if (against !== null) throw wrongState('attach_volume', instance.id, against);
  const volume = await deps.volume.show(deps.identity.sessionOf(ctx.caller), wish.volumeId);
  refuseAttached(instance, volume);
  refuseUnusableVolume(ctx, volume);
  refuseOtherZone(deps, instance, volume);
  if (wish.tag !== undefined && instance.vmState === 'shelved_offloaded')
    throw invalid('Attaching volumes with device tags is not supported to shelved-offloaded servers.');
  const uuid = deps.ids.uuid();
  const changed = await changeInstance(deps.stores.cell(cellId), instance.id, (now) => {
    refuseAttached(now, volume);
    const most = deps.settings.compute.max_disk_devices_to_attach;
    if (most >= 0 && now.blockDevices.length >= most)
      throw forbidden(`The maximum allowed number of disk devices (${most}) to attach to a single instance has been exceeded.`);
    return { blockDevices: [...now.blockDevices, deviceOf(uuid, now, volume, wish)] };
  });
  if (changed === null) throw instanceNotFound(instance.id);
  const device = changed.blockDevices.find((one) => one.uuid === uuid)!;
  try {
    await operate(deps, ctx, { instance: changed, cellId }, 'attachVolume', { name: 'attach-volume', params: { device } });
  } catch (error) {
    await changeInstance(deps.stores.cell(cellId), instance.id, (now) => ({
      blockDevices: now.blockDevices.filter((one) => one.uuid !== uuid),
    }));
    throw error;
  }
  return device;
}

/** Its name in the guest: what was asked for where that is free, else the next free one. */
function deviceOf(uuid: string, { blockDevices }: Instance, volume: Volume, { device, tag, deleteOnTermination }: AttachWish): BlockDevice {
  const taken = blockDevices.flatMap(({ deviceName }) => deviceName ?? []);
  const wished = device == null ? null : device.startsWith('/dev/') ? device : `/dev/${device}`;
  if (wished !== null && taken.includes(wished)) throw conflict(`The supplied device path (${wished}) is in use.`);
  const bus = volume.imageMetadata['hw_disk_bus'] ?? null;
  return {
    uuid,
    sourceType: 'volume',
    destinationType: 'volume',
    bootIndex: null,
    deviceType: null,
    diskBus: null,
    deviceName: wished ?? deviceNameAfter(taken, bus),
    guestFormat: null,
    volumeSize: volume.size,
    imageId: null,
    volumeId: volume.id,
    snapshotId: null,
    volumeType: null,
    deleteOnTermination,
    tag: tag ?? null,
    attachmentId: null,
    multiattach: volume.multiattach,
  };
}

function refuseAttached({ id, blockDevices }: Instance, volume: Volume): void {
  if (blockDevices.some(({ volumeId }) => volumeId === volume.id))
    throw invalid(`Invalid volume: volume ${volume.id} is already attached to instance ${id}`);
}

/** Volumes of shelved servers come and go since 2.20. */
export function refuseShelved(ctx: RequestContext, action: string, { id, vmState }: Instance): void {
  if ((vmState === 'shelved' || vmState === 'shelved_offloaded') && !does(ctx, 'shelvedKeepVolumes'))
    throw wrongState(action, id, `while it is in vm_state ${vmState}`);
}

function refuseOtherZone({ settings }: ApiDeps, { id, availabilityZone }: Instance, volume: Volume): void {
  if (settings.cinder.cross_az_attach || availabilityZone === null || availabilityZone === volume.availabilityZone) return;
  throw invalid(
    `Invalid volume: Instance ${id} and volume ${volume.id} are not in the same availability_zone. Instance is in ${availabilityZone}. Volume is in ${volume.availabilityZone}`,
  );
}
