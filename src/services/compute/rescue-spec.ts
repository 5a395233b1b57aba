import type { InstanceImage } from '../../domain/instance.ts';
import { unsupported } from '../../lib/errors.ts';
import type { BaseImage, DiskSpec, GuestSpec } from './drivers/driver.ts';
import { readProperty } from './image-properties.ts';

/** What a guest is rescued with. */
export interface RescueDisk {
  readonly image: InstanceImage;
  /** Null where the driver has no use for files. */
  readonly base: BaseImage | null;
}

/**
 * A guest as it is while it is rescued. An image that says by `hw_rescue_device` or `hw_rescue_bus` what it becomes is added to the
 * guest's own disks, which stay what they are; otherwise its disk takes the place of the root disk, which is the second then, and
 * nothing else is there.
 */
export function rescueSpec(spec: GuestSpec, { image, base }: RescueDisk): GuestSpec {
  const read = readProperty(image.properties);
  const device = read.choice('hw_rescue_device', ['disk', 'cdrom', 'floppy']);
  const bus = read.bus('hw_rescue_bus');
  if (device === 'floppy') throw unsupported('This host cannot rescue from a floppy disk.');
  const configDrive = spec.configDrive === null ? null : ({ ...spec.configDrive, onlyForRescue: true } as const);
  const disk = (more: Pick<DiskSpec, 'device' | 'bus' | 'bootIndex'>): DiskSpec => ({
    file: 'disk.rescue',
    content: { kind: 'image', base },
    bytes: null,
    onlyForRescue: true,
    ...more,
  });
  if (device !== null || bus !== null) {
    const kept = spec.disks.map((each) => ({ ...each, bootIndex: null }));
    return { ...spec, configDrive, disks: [...kept, { ...disk({ device: device ?? 'disk', bus, bootIndex: null }), bootsFirst: true }] };
  }
  const iso = image.diskFormat === 'iso';
  const ofImage = read.bus('hw_disk_bus');
  const root = spec.disks.slice(0, 1).map((each) => ({ ...each, bus: each.device === 'cdrom' ? each.bus : ofImage, bootIndex: null }));
  const first = disk({ device: iso ? 'cdrom' : 'disk', bus: iso ? read.bus('hw_cdrom_bus') : ofImage, bootIndex: 1 });
  return { ...spec, configDrive, disks: [first, ...root], volumes: [] };
}
