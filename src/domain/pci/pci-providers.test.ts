import { expect, test } from 'vitest';
import { readDeviceSpecs, type PciDevice } from './device-spec.ts';
import { pciProvidersOf } from './pci-providers.ts';

const device = (address: string, changes: Partial<PciDevice> = {}): PciDevice => ({
  address,
  vendorId: '8086',
  productId: '10ed',
  deviceType: 'type-VF',
  numaNode: 0,
  parentAddress: '0000:81:00.0',
  interfaceName: null,
  ...changes,
});
const card = device('0000:81:00.0', { deviceType: 'type-PF', productId: '10fb', parentAddress: null });
const all = [
  card,
  ...[1, 2, 3, 4].map((fn) => device(`0000:81:00.${fn}`)),
  device('0000:af:00.0', { deviceType: 'type-PCI', productId: '1db4', parentAddress: null }),
];
const providers = (...specs: readonly object[]) =>
  pciProvidersOf('node', all, readDeviceSpecs(specs.map((spec) => JSON.stringify(spec))), (name) => `uuid of ${name}`);

test('functions are counted at their card, other devices by themselves', () => {
  expect(providers({ product_id: '10ed', traits: 'fast' }, { product_id: '1db4', resource_class: 'gpu', one_time_use: 'true' })).toEqual([
    {
      uuid: 'uuid of node_0000:81:00.0',
      name: 'node_0000:81:00.0',
      resourceClass: 'CUSTOM_PCI_8086_10ED',
      traits: ['COMPUTE_MANAGED_PCI_DEVICE', 'CUSTOM_FAST', 'OWNER_NOVA'],
      devices: ['0000:81:00.1', '0000:81:00.2', '0000:81:00.3', '0000:81:00.4'],
      oneTimeUse: false,
    },
    {
      uuid: 'uuid of node_0000:AF:00.0',
      name: 'node_0000:AF:00.0',
      resourceClass: 'CUSTOM_GPU',
      traits: ['COMPUTE_MANAGED_PCI_DEVICE', 'HW_PCI_ONE_TIME_USE', 'OWNER_NOVA'],
      devices: ['0000:af:00.0'],
      oneTimeUse: true,
    },
  ]);
});

test('devices for ports are not counted, and what cannot be counted is refused', () => {
  expect(providers({ product_id: '10ed', physical_network: 'p1' })).toEqual([]);
  expect(() => providers({ address: '0000:81:00.0' })).toThrow('as a whole and in parts');
  expect(() => providers({ address: '0000:81:00.1', resource_class: 'other' }, { product_id: '10ed' })).toThrow(
    'resource classes or traits that differ',
  );
  expect(() =>
    pciProvidersOf('n', [device('0000:81:00.1', { interfaceName: 'eth1' })], readDeviceSpecs(['{"devname": "eth1"}']), String),
  ).toThrow('devname cannot be used');
});
