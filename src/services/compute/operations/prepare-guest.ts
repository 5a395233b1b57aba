import { randomBytes } from 'node:crypto';
import type { GuestOrder } from '../../../domain/guest-order.ts';
import { configDriveFiles } from '../../../domain/metadata/config-drive-files.ts';
import { taggedDevices, type PlacedDevice } from '../../../domain/metadata/tagged-devices.ts';
import { isKind } from '../../../lib/errors.ts';
import type { ComputeHost } from '../compute-host.ts';
import { connectVolumes } from '../connect-volumes.ts';
import type { BaseImage, GuestSpec } from '../drivers/driver.ts';
import { guestSpec } from '../guest-spec.ts';

/** Everything a guest needs before it can be started: its image as a file, what its ports are plugged into, and its description. */
export async function prepareGuest(host: ComputeHost, order: GuestOrder, signal: AbortSignal): Promise<GuestSpec> {
  const [base, volumes] = await Promise.all([
    order.image === null || host.images === null ? null : baseOf(host, order.instanceId, order.image, signal),
    connectVolumes(host, order.blockDevices, order.imageProperties),
  ]);
  const real = host.driver.imageFiles !== undefined;
  const files =
    order.configDrive && real
      ? (placed: readonly PlacedDevice[]) =>
          configDriveFiles({ ...order.metadata, devices: taggedDevices(order, placed) }, { randomSeed: randomBytes(512) })
      : null;
  const holding = await host.holdings.claim(order);
  const spec: GuestSpec = {
    ...guestSpec(order, { settings: host.settings, base, configDriveFiles: files, volumes, real }),
    ...(holding === null ? {} : { holding }),
  };
  await host.driver.ports?.prepare(spec.interfaces);
  return spec;
}

/** What a guest is like, with nothing fetched or made for it: where a device goes among the others that it has. */
export async function layOutGuest(host: ComputeHost, order: GuestOrder): Promise<GuestSpec> {
  const volumes = await connectVolumes(host, order.blockDevices, order.imageProperties);
  const real = host.driver.imageFiles !== undefined;
  return guestSpec(order, {
    settings: host.settings,
    base: null,
    configDriveFiles: order.configDrive && real ? () => [] : null,
    volumes,
    real,
  });
}

/** A guest whose disk is there needs its image no more, which may have been deleted since. */
async function baseOf(
  host: ComputeHost,
  instanceId: string,
  image: { readonly id: string },
  signal: AbortSignal,
): Promise<BaseImage | null> {
  try {
    return (await host.images?.base(image, signal)) ?? null;
  } catch (error) {
    if (!isKind(error, 'notFound') || !(await hasDisk(host, instanceId))) throw error;
    host.log.info({ instanceId, imageId: image.id }, 'the image of a guest is gone; its own disk is used');
    return null;
  }
}

const hasDisk = async ({ driver }: ComputeHost, instanceId: string): Promise<boolean> =>
  (await driver.inspect(instanceId)) !== null || ((await driver.moves?.aside()) ?? []).includes(instanceId);
