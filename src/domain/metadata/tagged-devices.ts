import type { Instance } from '../instance.ts';
import type { GuestDevice } from './instance-metadata.ts';

/** Where a hypervisor has put a device of a guest. */
export type PlacedDevice = {
  /** `pci`, `usb`, `scsi`, `ide`, `sata`. */
  readonly bus: string;
  /** Such as `0000:00:03.0`, or `0:0:0:1` on a bus of disks. */
  readonly address: string;
} & ({ readonly type: 'nic'; readonly mac: string } | { readonly type: 'disk'; readonly volumeId: string | null; readonly path: string });

/** The devices a guest is told of by their tags; where they are is told as far as the hypervisor says it. */
export function taggedDevices(
  { networkInfo, blockDevices }: Pick<Instance, 'networkInfo' | 'blockDevices'>,
  placed: readonly PlacedDevice[],
): GuestDevice[] {
  const nics = networkInfo.flatMap(({ tag, macAddress }): GuestDevice[] => {
    if (tag === null) return [];
    const place = placed.find((device) => device.type === 'nic' && device.mac.toLowerCase() === macAddress.toLowerCase());
    return [{ type: 'nic', mac: macAddress, vlan: null, vfTrusted: null, ...where(place), tags: [tag] }];
  });
  const disks = blockDevices.flatMap(({ tag, volumeId, deviceName }): GuestDevice[] => {
    if (tag === null) return [];
    const place = placed.find(
      (device) =>
        device.type === 'disk' &&
        (volumeId === null ? device.volumeId === null && device.path === deviceName : device.volumeId === volumeId),
    );
    const path = place?.type === 'disk' ? place.path : deviceName;
    return [{ type: 'disk', serial: volumeId, path, ...where(place), tags: [tag] }];
  });
  return [...nics, ...disks];
}

/** Whether a guest is told of any device. */
export const hasTaggedDevices = ({ networkInfo, blockDevices }: Pick<Instance, 'networkInfo' | 'blockDevices'>): boolean =>
  [...networkInfo, ...blockDevices].some(({ tag }) => tag !== null);

const where = (place: PlacedDevice | undefined): Pick<GuestDevice, 'bus' | 'address'> => ({
  bus: place?.bus ?? null,
  address: place?.address ?? null,
});
