import { join } from 'node:path';
import { invalid } from '../../../../lib/errors.ts';
import type { ConfigDriveSpec, DiskBus, GuestSpec } from '../driver.ts';

/** A disk as it stands in a domain. */
export interface PlacedDisk {
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
  readonly device: 'disk' | 'cdrom';
  readonly bus: DiskBus;
  /** Such as `vda`. */
  readonly target: string;
  readonly bootable: boolean;
  /** The guest begins with it, whatever else it could begin with. */
  readonly bootsFirst: boolean;
  readonly limited: boolean;
}

const prefixes: Readonly<Record<DiskBus, string>> = { virtio: 'vd', scsi: 'sd', sata: 'sd', usb: 'sd', ide: 'hd', fdc: 'fd' };
const mostOn: Readonly<Partial<Record<DiskBus, number>>> = { ide: 4, fdc: 2 };

/** Which file is which device: the disks of a guest in their order, the config drive last. */
export function diskLayout(
  spec: GuestSpec,
  { directory, diskFormat }: { readonly directory: string; readonly diskFormat: 'qcow2' | 'raw' },
): readonly PlacedDisk[] {
  const taken = new Map<string, number>();
  const cdromBus: DiskBus = isQ35(spec.machine.type) ? 'sata' : 'ide';
  const place = (bus: DiskBus): string => {
    const prefix = prefixes[bus];
    const index = taken.get(prefix) ?? 0;
    if (index >= (mostOn[bus] ?? 26)) throw invalid(`A guest cannot have more than ${mostOn[bus] ?? 26} disks on the bus '${bus}'.`);
    taken.set(prefix, index + 1);
    return `${prefix}${String.fromCodePoint(97 + index)}`;
  };
  const disks = spec.disks.map(({ file, device, bus, content, bootIndex, bootsFirst = false }): PlacedDisk => {
    const on = bus ?? (device === 'cdrom' ? cdromBus : 'virtio');
    return {
      path: join(directory, file),
      format: device === 'cdrom' && content.kind === 'image' ? 'raw' : diskFormat,
      device,
      bus: on,
      target: place(on),
      bootable: bootIndex !== null,
      bootsFirst,
      limited: device === 'disk',
    };
  });
  if (spec.configDrive === null) return disks;
  const { format, bus } = spec.configDrive;
  const on = bus ?? (format === 'vfat' ? 'virtio' : cdromBus);
  const drive: PlacedDisk = {
    path: join(directory, configDriveFile(spec.configDrive)),
    format: 'raw',
    device: format === 'vfat' ? 'disk' : 'cdrom',
    bus: on,
    target: place(on),
    bootable: false,
    bootsFirst: false,
    limited: false,
  };
  return [...disks, drive];
}

/** The name of a config drive's file. */
export const configDriveFile = ({ onlyForRescue }: ConfigDriveSpec): string =>
  onlyForRescue === true ? 'disk.config.rescue' : 'disk.config';

export const isQ35 = (machineType: string | null): boolean => machineType?.includes('q35') ?? false;
