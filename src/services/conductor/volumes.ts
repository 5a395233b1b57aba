import type { Volume, VolumeClient } from '../../clients/volume.ts';
import type { Session } from '../../clients/session.ts';
import type { Settings } from '../../config/index.ts';
import type { BlockDevice, Instance } from '../../domain/instance.ts';
import { internal, isKind } from '../../lib/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import { retry } from '../../lib/retry.ts';

interface VolumeAccess {
  readonly volume: VolumeClient;
  readonly identity: { readonly serviceSession: Session };
  readonly settings: Settings;
  readonly clock: Clock;
}

const isVolume = ({ destinationType }: BlockDevice): boolean => destinationType === 'volume';

/**
 * Makes the volumes that a server's devices ask for, waits until they can be used, and reserves every one for the server. May run again:
 * what was made for a device is found by the device's id. Answers the devices with their volumes and attachments.
 */
export async function reserveVolumes(access: VolumeAccess, instance: Instance, signal: AbortSignal): Promise<readonly BlockDevice[]> {
  if (!instance.blockDevices.some(isVolume)) return instance.blockDevices;
  return Promise.all(
    instance.blockDevices.map((device) => (isVolume(device) ? reserve(access, instance, device, signal) : Promise.resolve(device))),
  );
}

async function reserve(access: VolumeAccess, instance: Instance, device: BlockDevice, signal: AbortSignal): Promise<BlockDevice> {
  const volume =
    device.volumeId === null ? await makeVolume(access, instance, device, signal) : await usable(access, device.volumeId, signal);
  return attachmentOf(access, instance.id, { ...device, volumeId: volume.id, multiattach: volume.multiattach });
}

/** Reserves the volume of a device for a server, unless that was done already. */
export async function attachmentOf(
  { volume, identity }: Pick<VolumeAccess, 'volume' | 'identity'>,
  serverId: string,
  device: BlockDevice,
): Promise<BlockDevice> {
  if (device.attachmentId !== null) return device;
  const session = identity.serviceSession;
  const volumeId = device.volumeId ?? '';
  // a volume service that does not know repeated requests would reserve it twice
  const [known] = await volume.attachments(session, { serverId, volumeId });
  const attachment = known ?? (await volume.createAttachment(session, { volumeId, serverId }, { idempotencyKey: device.uuid }));
  return { ...device, attachmentId: attachment.id };
}

async function makeVolume(access: VolumeAccess, instance: Instance, device: BlockDevice, signal: AbortSignal): Promise<Volume> {
  const { volume, identity, settings } = access;
  const session = identity.serviceSession;
  const made =
    (await madeVolume(access, device)) ??
    (await volume.create(
      session,
      {
        size: device.volumeSize ?? (await volume.snapshot(session, device.snapshotId ?? '')).size,
        name: device.sourceType === 'blank' ? `${instance.id}-blank-vol` : '',
        projectId: instance.projectId,
        metadata: { [madeFor]: device.uuid },
        ...(device.volumeType === null ? {} : { volumeType: device.volumeType }),
        ...(device.imageId === null ? {} : { imageId: device.imageId }),
        ...(device.snapshotId === null ? {} : { snapshotId: device.snapshotId }),
        ...(settings.cinder.cross_az_attach || instance.availabilityZone === null ? {} : { availabilityZone: instance.availabilityZone }),
      },
      { idempotencyKey: device.uuid },
    ));
  return usable(access, made.id, signal);
}

/** The volume that was made for a device, if it was. */
async function madeVolume(
  { volume, identity }: Pick<VolumeAccess, 'volume' | 'identity'>,
  { uuid }: BlockDevice,
): Promise<Volume | undefined> {
  const volumes = await volume.list(identity.serviceSession, { all_tenants: '1', metadata: JSON.stringify({ [madeFor]: uuid }) });
  return volumes.find(({ metadata }) => metadata[madeFor] === uuid);
}

/** Marks the volumes a build makes, so that a build that is resumed knows them again. */
const madeFor = 'kilonova_block_device';

/** Waits until a volume is no longer being made ([DEFAULT] block_device_allocate_retries). */
function usable({ volume, identity, settings, clock }: VolumeAccess, volumeId: string, signal: AbortSignal): Promise<Volume> {
  const { block_device_allocate_retries: tries, block_device_allocate_retries_interval: seconds } = settings.DEFAULT;
  return retry(
    async () => {
      const found = await volume.show(identity.serviceSession, volumeId);
      if (found.status === 'creating' || found.status === 'downloading')
        throw internal(`Volume ${volumeId} did not finish being created in time: its status is ${found.status}.`, {
          code: 'volume-not-ready',
        });
      if (found.status.startsWith('error')) throw internal(`Volume ${volumeId} could not be made: its status is ${found.status}.`);
      return found;
    },
    {
      clock,
      signal,
      attempts: tries + 1,
      delayMs: 50,
      maxDelayMs: seconds * 1000,
      when: (error) => isKind(error, 'internal') && error.code === 'volume-not-ready',
    },
  );
}

/** The guest has its volumes: the volume service counts them as in use. */
export async function completeVolumes({ volume, identity }: VolumeAccess, devices: readonly BlockDevice[]): Promise<void> {
  await Promise.all(
    devices.flatMap(({ attachmentId }) =>
      attachmentId === null ? [] : [volume.completeAttachment(identity.serviceSession, attachmentId)],
    ),
  );
}

/** Gives up every attachment a server has, or has of one volume, whoever made it; succeeds when there is none. */
export async function releaseVolumes({ volume, identity }: VolumeAccess, serverId: string, volumeId?: string): Promise<void> {
  const session = identity.serviceSession;
  const attachments = await volume.attachments(session, { serverId, ...(volumeId === undefined ? {} : { volumeId }) });
  await Promise.all(attachments.map(({ id }) => volume.deleteAttachment(session, id)));
}

/**
 * Gives up a server's attachments and deletes the volumes that go with it. Volumes that cannot be deleted stay with their owner: the
 * server is gone all the same, as in Nova.
 */
export async function discardVolumes(
  access: VolumeAccess,
  instance: Instance,
): Promise<readonly { readonly volumeId: string; readonly why: string }[]> {
  const devices = instance.blockDevices.filter(isVolume);
  if (devices.length === 0) return [];
  const session = access.identity.serviceSession;
  await releaseVolumes(access, instance.id);
  const kept: { volumeId: string; why: string }[] = [];
  await Promise.all(
    devices
      .filter(({ deleteOnTermination }) => deleteOnTermination)
      .map(async (device) => {
        const volumeId = device.volumeId ?? (await madeVolume(access, device))?.id;
        if (volumeId === undefined) return;
        try {
          await access.volume.delete(session, volumeId);
        } catch (error) {
          if (!isKind(error, 'invalid', 'conflict', 'forbidden')) throw error;
          kept.push({ volumeId, why: error.message });
        }
      }),
  );
  return kept;
}
