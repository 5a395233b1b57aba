import type { GuestOrder } from '../../../domain/guest-order.ts';
import type { BlockDevice } from '../../../domain/instance.ts';
import { internal } from '../../../lib/errors.ts';
import type { ComputeHost } from '../compute-host.ts';
import { connectVolumes } from '../connect-volumes.ts';
import { layOutGuest } from './prepare-guest.ts';

/** Connects a volume that is reserved for the guest, and plugs it in. */
export const attachVolume = (host: ComputeHost, order: GuestOrder, device: BlockDevice, signal: AbortSignal): Promise<void> =>
  host.locks.run(order.instanceId, signal, async () => {
    const [volume] = await connectVolumes(host, [device], order.imageProperties);
    if (volume === undefined) throw internal(`Block device ${device.uuid} is not a volume.`);
    const others = order.blockDevices.filter(({ uuid }) => uuid !== device.uuid);
    await host.driver.attachVolume(await layOutGuest(host, { ...order, blockDevices: others }), volume);
    host.log.info({ instanceId: order.instanceId, volumeId: volume.volumeId }, 'volume attached');
  });

/** Takes a volume out of a guest; its connection is ended by whoever ends its attachment. */
export const detachVolume = (host: ComputeHost, instanceId: string, volumeId: string, signal: AbortSignal): Promise<void> =>
  host.locks.run(instanceId, signal, async (mine) => {
    await host.driver.detachVolume(instanceId, volumeId, mine);
    host.log.info({ instanceId, volumeId }, 'volume detached');
  });

/** Tells a guest that its volume has grown. */
export const growVolume = (host: ComputeHost, instanceId: string, volumeId: string, bytes: number, signal: AbortSignal): Promise<void> =>
  host.locks.run(instanceId, signal, () => host.driver.growVolume(instanceId, volumeId, bytes));
