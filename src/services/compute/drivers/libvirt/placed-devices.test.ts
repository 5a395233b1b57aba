import { expect, it } from 'vitest';
import { parseXml } from '../../../../lib/xml/parse.ts';
import { placedDevices } from './placed-devices.ts';

it('says where libvirt has put disks and interfaces', () => {
  const domain = parseXml(`<domain><devices>
    <disk type='file'><target dev='vda' bus='virtio'/><address type='pci' domain='0x0000' bus='0x00' slot='0x1f' function='0x7'/></disk>
    <disk type='network'><target dev='sda' bus='scsi'/><serial>v</serial><address type='drive' controller='0' bus='0' target='0' unit='1'/></disk>
    <disk type='file'><target dev='sdb' bus='usb'/><address type='usb' bus='0' port='2'/></disk>
    <disk type='file'><target dev='vdb' bus='virtio'/></disk>
    <interface type='bridge'><mac address='fa:16:3e:00:00:aa'/><address type='pci' domain='0x0000' bus='0x01' slot='0x03' function='0x0'/></interface>
  </devices></domain>`);
  expect(placedDevices(domain)).toEqual([
    { type: 'nic', mac: 'fa:16:3e:00:00:aa', bus: 'pci', address: '0000:01:03.0' },
    { type: 'disk', volumeId: null, path: '/dev/vda', bus: 'pci', address: '0000:00:1f.7' },
    { type: 'disk', volumeId: 'v', path: '/dev/sda', bus: 'scsi', address: '0:0:0:1' },
    { type: 'disk', volumeId: null, path: '/dev/sdb', bus: 'usb', address: '0:2' },
  ]);
});
