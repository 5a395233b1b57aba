import { describe, expect, it } from 'vitest';
import type { InstanceImage } from '../../domain/instance.ts';
import { parseXml } from '../../lib/xml/parse.ts';
import { attributeAt, findAll } from '../../lib/xml/query.ts';
import { tinyGuest } from './drivers/conformance.ts';
import type { DiskSpec, VolumeSpec } from './drivers/driver.ts';
import { domainXml, type DomainHost } from './drivers/libvirt/domain-xml.ts';
import { rescueSpec } from './rescue-spec.ts';
import { sampleInstanceImage } from '../../../test/support/samples.ts';

const disk = (file: string, bootIndex: number | null): DiskSpec => ({
  file,
  device: 'disk',
  bus: null,
  content: { kind: 'blank' },
  bytes: 1024 ** 3,
  bootIndex,
});
const guest = tinyGuest({
  disks: [disk('disk', 1), disk('disk.eph0', null)],
  configDrive: { format: 'iso9660', bus: null, files: () => [] },
});
const image = (properties: Readonly<Record<string, string>> = {}, diskFormat = 'qcow2'): InstanceImage =>
  sampleInstanceImage({ id: 'rescue', name: 'rescue', diskFormat, properties });
const host: DomainHost = {
  virtType: 'qemu',
  cloudId: 'cloud-1',
  directory: '/guests/one',
  cpu: { mode: null, model: null },
  diskFormat: 'qcow2',
  diskCache: 'none',
  diskDiscard: null,
  vncListen: null,
  rngPath: null,
  memoryStatsPeriod: null,
  pciePorts: 0,
};
/** Device, file and whether the guest begins there, of each disk; and what the firmware is told to begin with. */
function layoutOf(properties: Readonly<Record<string, string>>, diskFormat?: string) {
  const domain = parseXml(domainXml(rescueSpec(guest, { image: image(properties, diskFormat), base: null }), host));
  const disks = findAll(domain, 'devices/disk').map((each) => [
    attributeAt(each, 'target', 'dev'),
    attributeAt(each, 'target', 'bus'),
    attributeAt(each, 'source', 'file')?.replace('/guests/one/', ''),
    ...(attributeAt(each, 'boot', 'order') === '1' ? ['first'] : []),
  ]);
  return { disks, begins: findAll(domain, 'os/boot').map((boot) => boot.attributes['dev']) };
}

describe('a rescued guest', () => {
  it('begins with the rescue disk, and has its own root disk second', () => {
    expect(layoutOf({})).toEqual({
      disks: [
        ['vda', 'virtio', 'disk.rescue'],
        ['vdb', 'virtio', 'disk'],
        ['hda', 'ide', 'disk.config.rescue'],
      ],
      begins: ['hd'],
    });
  });

  it('has both on the bus the rescue image asks for', () => {
    expect(layoutOf({ hw_disk_bus: 'scsi' }).disks.slice(0, 2)).toEqual([
      ['sda', 'scsi', 'disk.rescue'],
      ['sdb', 'scsi', 'disk'],
    ]);
  });

  it('begins with a CD-ROM where the rescue image is one', () => {
    expect(layoutOf({}, 'iso')).toEqual({
      disks: [
        ['hda', 'ide', 'disk.rescue'],
        ['vda', 'virtio', 'disk'],
        ['hdb', 'ide', 'disk.config.rescue'],
      ],
      begins: ['cdrom'],
    });
  });

  it.each([
    [{ hw_rescue_device: 'disk', hw_rescue_bus: 'virtio' }, ['vdc', 'virtio', 'disk.rescue', 'first']],
    [{ hw_rescue_bus: 'usb' }, ['sda', 'usb', 'disk.rescue', 'first']],
    [{ hw_rescue_device: 'cdrom' }, ['hda', 'ide', 'disk.rescue', 'first']],
  ])('keeps all its own disks as they are where the image says what it becomes: %o', (properties, rescue) => {
    const { disks, begins } = layoutOf(properties);
    expect([disks.slice(0, 3), begins]).toEqual([[['vda', 'virtio', 'disk'], ['vdb', 'virtio', 'disk.eph0'], rescue], []]);
  });

  it('keeps the volume it runs from, and begins with the rescue disk all the same', () => {
    const root: VolumeSpec = {
      volumeId: 'root',
      device: 'disk',
      bus: null,
      target: 'vda',
      bootIndex: 0,
      shareable: false,
      connection: {
        transport: { kind: 'unix', socket: '/run/root' },
        exportName: 'root',
        format: 'raw',
        accessMode: 'rw',
        volumeId: 'root',
        bytes: 1024 ** 3,
        reconnectSeconds: 30,
        discard: true,
        qos: {},
        encryption: null,
      },
    };
    const onVolume = { ...guest, disks: [], volumes: [root], configDrive: null };
    const rescued = rescueSpec(onVolume, { image: image({ hw_rescue_bus: 'virtio' }), base: null });
    const domain = parseXml(domainXml(rescued, host));
    const placed = findAll(domain, 'devices/disk').map((each) => [attributeAt(each, 'target', 'dev'), attributeAt(each, 'boot', 'order')]);
    expect([placed.toSorted(), findAll(domain, 'os/boot')]).toEqual([
      [
        ['vda', null],
        ['vdb', '1'],
      ],
      [],
    ]);
  });

  it('has none of its volumes where it begins with the disk of another image, so that its own is second', () => {
    const volume: VolumeSpec = {
      volumeId: 'data',
      device: 'disk',
      bus: null,
      target: 'vdb',
      bootIndex: null,
      shareable: false,
      connection: null,
    };
    const rescued = rescueSpec({ ...guest, volumes: [volume] }, { image: image(), base: null });
    const domain = parseXml(domainXml(rescued, host));
    expect(findAll(domain, 'devices/disk').map((each) => attributeAt(each, 'target', 'dev'))).toEqual(['vda', 'vdb', 'hda']);
  });

  it('does not begin with a floppy disk', () => {
    expect(() => rescueSpec(guest, { image: image({ hw_rescue_device: 'floppy' }), base: null })).toThrow('floppy');
  });
});
