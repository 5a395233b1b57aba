import { join } from 'node:path';
import { invalid } from '../../../../lib/errors.ts';
import type { ConfigDriveSpec, DiskBus, DiskSpec, GuestSpec, VolumeSpec } from '../driver.ts';
import type { PlacedVolume } from './volume-disk.ts';

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

/**
 * Which file is which device: the disks of a guest in their order, the config drive last. Volumes keep the names they were given, so
 * that a disk that comes or goes renames no other.
 */
export function diskLayout(
  spec: GuestSpec,
  { directory, diskFormat }: { readonly directory: string; readonly diskFormat: 'qcow2' | 'raw' },
): { readonly disks: readonly PlacedDisk[]; readonly volumes: readonly PlacedVolume[] } {
  const cdromBus: DiskBus = isQ35(spec.machine.type) ? 'sata' : 'ide';
  const busOf = ({ bus, device }: Pick<DiskSpec, 'bus' | 'device'>): DiskBus => bus ?? (device === 'cdrom' ? cdromBus : 'virtio');
  const given = new Map<string, VolumeSpec>();
  for (const volume of spec.volumes ?? [])
    if (volume.target.startsWith(prefixes[busOf(volume)]) && !given.has(volume.target)) given.set(volume.target, volume);
  const taken = new Set(given.keys());
  const place = (bus: DiskBus): string => {
    const most = mostOn[bus] ?? 26;
    for (let index = 0; index < most; index++) {
      const name = `${prefixes[bus]}${String.fromCodePoint(97 + index)}`;
      if (taken.has(name)) continue;
      taken.add(name);
      return name;
    }
    throw invalid(`A guest cannot have more than ${most} disks on the bus '${bus}'.`);
  };
  const disks = spec.disks.map(({ file, device, bus, content, bootIndex, bootsFirst = false }): PlacedDisk => {
    const on = busOf({ bus, device });
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
  const volumes = (spec.volumes ?? []).map((volume): PlacedVolume => {
    const bus = busOf(volume);
    return { volume, bus, target: given.get(volume.target) === volume ? volume.target : place(bus) };
  });
  if (spec.configDrive === null) return { disks, volumes };
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
  return { disks: [...disks, drive], volumes };
}

/** The name of a config drive's file. */
export const configDriveFile = ({ onlyForRescue }: ConfigDriveSpec): string =>
  onlyForRescue === true ? 'disk.config.rescue' : 'disk.config';

export const isQ35 = (machineType: string | null): boolean => machineType?.includes('q35') ?? false;
