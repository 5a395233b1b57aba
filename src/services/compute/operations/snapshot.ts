import type { GuestOrder } from '../../../domain/guest-order.ts';
import type { ComputeHost } from '../compute-host.ts';
import type { DiskCopy } from '../drivers/driver.ts';
import { guestSpec } from '../guest-spec.ts';

/** Copies the root disk of a guest for an image, and keeps the copy until it is uploaded or discarded. */
export const snapshot = (
  host: ComputeHost,
  { order, imageId, format, quiesce }: { readonly order: GuestOrder; readonly imageId: string } & Omit<DiskCopy, 'name'>,
  signal: AbortSignal,
): Promise<void> =>
  host.locks.run(order.instanceId, signal, (mine) =>
    host.snapshots.run(async () => {
      const real = host.driver.imageFiles !== undefined;
      const spec = guestSpec(order, { settings: host.settings, base: null, configDriveFiles: null, real });
      await host.driver.copyRootDisk(spec, { name: imageId, format, quiesce }, mine);
    }, mine),
  );

/** Gives an image its data. One that has it already is left alone: an earlier try went through. */
export const uploadSnapshot = (host: ComputeHost, instanceId: string, imageId: string, signal: AbortSignal): Promise<void> =>
  host.locks.run(instanceId, signal, async (mine) => {
    const { image } = host.clients;
    const session = host.identity.serviceSession;
    const { status } = await image.show(session, imageId);
    if (status !== 'active') {
      const { bytes, data } = await host.driver.readCopy(instanceId, imageId);
      await image.upload(session, imageId, data, mine);
      host.log.info({ instanceId, imageId, bytes }, 'snapshot uploaded');
    }
    await host.driver.discardCopy(instanceId, imageId);
  });

export const discardSnapshot = (host: ComputeHost, instanceId: string, imageId: string, signal: AbortSignal): Promise<void> =>
  host.locks.run(instanceId, signal, () => host.driver.discardCopy(instanceId, imageId));
