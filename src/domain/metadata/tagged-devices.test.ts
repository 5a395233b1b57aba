import { expect, it } from 'vitest';
import { exampleMetadata } from './example-metadata.ts';
import { hasTaggedDevices, taggedDevices, type PlacedDevice } from './tagged-devices.ts';

const { networkInfo: [vif], blockDevices: [device] } = exampleMetadata; // prettier-ignore
const networkInfo = [
  { ...vif!, macAddress: 'fa:16:3e:00:00:AA', tag: 'outside' },
  { ...vif!, macAddress: 'fa:16:3e:00:00:bb', tag: null },
];
const blockDevices = [
  { ...device!, volumeId: null, deviceName: '/dev/vda', tag: 'root' },
  { ...device!, volumeId: 'v', deviceName: '/dev/vdb', tag: 'data' },
];
const placed: PlacedDevice[] = [
  { type: 'nic', mac: 'fa:16:3e:00:00:aa', bus: 'pci', address: '0000:00:03.0' },
  { type: 'disk', volumeId: null, path: '/dev/vda', bus: 'pci', address: '0000:00:04.0' },
  { type: 'disk', volumeId: 'v', path: '/dev/sda', bus: 'scsi', address: '0:0:0:1' },
];
const nic = { type: 'nic', mac: 'fa:16:3e:00:00:AA', vlan: null, vfTrusted: null, tags: ['outside'] };

it('tells of the devices with tags where they are', () => {
  expect(taggedDevices({ networkInfo, blockDevices }, placed)).toEqual([
    { ...nic, bus: 'pci', address: '0000:00:03.0' },
    { type: 'disk', serial: null, path: '/dev/vda', bus: 'pci', address: '0000:00:04.0', tags: ['root'] },
    { type: 'disk', serial: 'v', path: '/dev/sda', bus: 'scsi', address: '0:0:0:1', tags: ['data'] },
  ]);
});

it('tells of them without a place when nobody knows it', () => {
  expect(taggedDevices({ networkInfo, blockDevices: blockDevices.slice(1) }, [])).toEqual([
    { ...nic, bus: null, address: null },
    { type: 'disk', serial: 'v', path: '/dev/vdb', bus: null, address: null, tags: ['data'] },
  ]);
});

it('knows whether there is any', () => {
  expect([hasTaggedDevices({ networkInfo, blockDevices: [] }), hasTaggedDevices({ networkInfo: [], blockDevices: [] })]).toEqual([
    true,
    false,
  ]);
});
