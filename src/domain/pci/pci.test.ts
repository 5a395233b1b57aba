import { describe, expect, test } from 'vitest';
import { hostCell } from '../numa/testing/hosts.ts';
import { poolsOf, readDeviceSpecs, type PciDevice } from './device-spec.ts';
import { pciRequestsOf, readPciAliases } from './pci-aliases.ts';
import { freeDevices, resourceClassOf, type PciPool } from './pci-pool.ts';
import type { PciRequest } from './pci-request.ts';
import { devicesByNode, takePciDevices, type PciPlacing } from './satisfy-requests.ts';

const alias = (extra: Record<string, unknown> = {}) => JSON.stringify({ name: 'gpu', vendor_id: '10de', product_id: '1db4', ...extra });
const wishes = (extraSpecs: Record<string, string>, properties: Record<string, string> = {}) => ({
  flavor: { vcpus: 1, memoryMb: 512, extraSpecs },
  image: { properties },
});
const requests = (text: string, lines = [alias()], more: Record<string, string> = {}, properties: Record<string, string> = {}) =>
  pciRequestsOf(wishes({ 'pci_passthrough:alias': text, ...more }, properties), readPciAliases(lines), (index) => `r${index}`);

describe('aliases', () => {
  test('a flavor asks for so many devices of each alias', () => {
    expect(
      requests('gpu:2,nic', [alias(), JSON.stringify({ name: 'nic', vendor_id: '8086', product_id: '10ed', device_type: 'type-VF' })]),
    ).toEqual([
      {
        id: 'r0',
        count: 2,
        alias: 'gpu',
        portId: null,
        numaPolicy: 'legacy',
        specs: [{ vendorId: '10de', productId: '1db4', deviceType: 'type-PCI' }],
      },
      {
        id: 'r1',
        count: 1,
        alias: 'nic',
        portId: null,
        numaPolicy: 'legacy',
        specs: [{ vendorId: '8086', productId: '10ed', deviceType: 'type-VF' }],
      },
    ]);
  });
  test('a name that is given several times means any of them', () => {
    expect(requests('gpu', [alias(), alias({ product_id: '1eb8' })])[0]?.specs.map(({ productId }) => productId)).toEqual(['1db4', '1eb8']);
    expect(() => readPciAliases([alias(), alias({ numa_policy: 'required' })])).toThrow('NUMA policies that differ');
    expect(() => readPciAliases([alias(), alias({ device_type: 'type-PF' })])).toThrow('device types that differ');
  });
  test('flavor and image outrank the alias on nearness, and must agree', () => {
    expect(requests('gpu', [alias({ numa_policy: 'required' })])[0]?.numaPolicy).toBe('required');
    expect(requests('gpu', [alias({ numa_policy: 'required' })], { 'hw:pci_numa_affinity_policy': 'socket' })[0]?.numaPolicy).toBe(
      'socket',
    );
    expect(() =>
      requests('gpu', [alias()], { 'hw:pci_numa_affinity_policy': 'socket' }, { hw_pci_numa_affinity_policy: 'required' }),
    ).toThrow('contradict');
  });
  test('an alias nobody defined, and lines that are wrong, are refused', () => {
    expect(() => requests('tpu')).toThrow('PCI alias tpu is not defined');
    expect(() => requests('gpu:0')).toThrow('no number of devices');
    expect(() => readPciAliases(['{'])).toThrow('no JSON');
    expect(() => readPciAliases([alias({ vendor_id: 'xyz' })])).toThrow('four hexadecimal digits');
    expect(() => readPciAliases([alias({ color: 'red' })])).toThrow("no key 'color'");
    expect(() => readPciAliases([alias({ device_type: 'VF' })])).toThrow('must be one of type-PCI');
  });
});

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
const functions = [1, 2, 3, 4].map((fn) => device(`0000:81:00.${fn}`));

describe('devices of a host', () => {
  const offered = (spec: object, taken: readonly string[] = []): readonly PciPool[] =>
    poolsOf([card, ...functions], readDeviceSpecs([JSON.stringify(spec)]), new Set(taken));

  test('the address of a card stands for its functions, unless the product says otherwise', () => {
    expect(offered({ address: '0000:81:00.0' }).map(({ deviceType, devices }) => [deviceType, devices.length])).toEqual([
      ['type-PF', 1],
      ['type-VF', 4],
    ]);
    expect(offered({ address: '0000:81:00.0', product_id: '10ed' }).map(({ devices }) => devices.length)).toEqual([4]);
  });
  test('addresses match with stars and with expressions for each part', () => {
    expect(freeDevices(offered({ address: '*:81:*.2' }))).toBe(1);
    expect(freeDevices(offered({ product_id: '10ed', address: { domain: '.*', bus: '81', slot: '.*', function: '[1-4]' } }))).toBe(4);
    expect(freeDevices(offered({ address: '0000:82:00.*' }))).toBe(0);
  });
  test('a card is had as a whole or in parts', () => {
    const all = { address: '0000:81:00.0' };
    expect(offered(all, ['0000:81:00.2']).map(({ deviceType, devices }) => [deviceType, devices.length])).toEqual([['type-VF', 3]]);
    expect(offered(all, ['0000:81:00.0'])).toEqual([]);
  });
  test('tags say how devices are offered', () => {
    expect(
      offered({
        product_id: '10ed',
        physical_network: 'p1',
        trusted: 'true',
        managed: 'no',
        live_migratable: 'yes',
        resource_class: 'nic',
        traits: 'fast',
      })[0],
    ).toMatchObject({
      physicalNetwork: 'p1',
      trusted: true,
      managed: false,
      liveMigratable: true,
      resourceClass: 'CUSTOM_NIC',
      traits: ['CUSTOM_FAST'],
    });
    expect(offered({ product_id: '10ed', physical_network: null })[0]?.physicalNetwork).toBeNull();
  });
  test('what cannot be is refused', () => {
    const refusal = (spec: object) => () => offered(spec);
    expect(refusal({ vendor_id: '8086x' })).toThrow('four hexadecimal digits or *');
    expect(refusal({ address: '0000:81:20.0' })).toThrow('the slot of a PCI address is at most 1F');
    expect(refusal({ address: '0000:81:00.0', devname: 'eth0' })).toThrow('exclude each other');
    expect(refusal({ product_id: '10ed', one_time_use: true })).toThrow('cannot be one_time_use');
    expect(refusal({ product_id: '10fb', remote_managed: 'true' })).toThrow('cannot be remote_managed');
    expect(refusal({ colour: 'red' })).toThrow("no key 'colour'");
  });
});

describe('taking devices', () => {
  const pool = (changes: Partial<PciPool>, ...devices: string[]): PciPool => ({
    vendorId: '10de',
    productId: '1db4',
    deviceType: 'type-PCI',
    numaNode: 0,
    trusted: false,
    remoteManaged: false,
    liveMigratable: false,
    managed: true,
    oneTimeUse: false,
    resourceClass: null,
    traits: [],
    providerUuid: null,
    devices,
    ...changes,
  });
  const request = (changes: Partial<PciRequest> = {}): PciRequest => ({
    id: 'r0',
    count: 1,
    specs: [{ vendorId: '10de' }],
    alias: 'gpu',
    portId: null,
    numaPolicy: 'legacy',
    ...changes,
  });
  const anywhere: PciPlacing = { hostCells: null, topology: null, providersOf: () => null };
  const took = (pools: readonly PciPool[], list: readonly PciRequest[], placing: Partial<PciPlacing> = {}) => {
    const outcome = takePciDevices(pools, list, { ...anywhere, ...placing });
    return 'pools' in outcome ? outcome.devices.map(({ address }) => address) : `not ${outcome.id}`;
  };

  test('several requests do not get the same device', () => {
    expect(took([pool({}, 'a', 'b')], [request(), request({ id: 'r1' })])).toEqual(['a', 'b']);
    expect(took([pool({}, 'a', 'b')], [request(), request({ id: 'r1', count: 2 })])).toBe('not r1');
  });
  test('physical functions, vDPA and devices managed elsewhere are only had by name', () => {
    for (const hidden of [{ deviceType: 'type-PF' }, { deviceType: 'vdpa' }, { remoteManaged: true }] as const)
      expect(took([pool(hidden, 'a')], [request()])).toBe('not r0');
    expect(took([pool({ deviceType: 'type-PF' }, 'a')], [request({ specs: [{ deviceType: 'type-PF' }] })])).toEqual(['a']);
    expect(took([pool({ remoteManaged: true }, 'a')], [request({ specs: [{ remoteManaged: true }] })])).toEqual(['a']);
  });
  test('live migration, networks, trust, class and traits must be as asked', () => {
    expect(took([pool({}, 'a')], [request({ specs: [{ liveMigratable: true }] })])).toBe('not r0');
    expect(took([pool({ liveMigratable: true }, 'a')], [request({ specs: [{ liveMigratable: false }] })])).toBe('not r0');
    expect(took([pool({ physicalNetwork: 'p1' }, 'a')], [request({ specs: [{ physicalNetwork: 'p2' }] })])).toBe('not r0');
    expect(took([pool({}, 'a')], [request({ specs: [{ trusted: true }] })])).toBe('not r0');
    expect(
      took(
        [pool({ traits: ['CUSTOM_FAST'] }, 'a')],
        [request({ specs: [{ traits: ['CUSTOM_FAST'], resourceClass: 'CUSTOM_PCI_10DE_1DB4' }] })],
      ),
    ).toEqual(['a']);
    expect(resourceClassOf(pool({ resourceClass: 'CUSTOM_GPU' }))).toBe('CUSTOM_GPU');
  });
  test('placement’s choice of providers is kept, device by device', () => {
    const pools = [pool({ providerUuid: 'p1' }, 'a', 'b'), pool({ providerUuid: 'p2' }, 'c')];
    expect(took(pools, [request({ count: 2 })], { providersOf: () => ['p2', 'p1'] })).toEqual(['c', 'a']);
    expect(took(pools, [request({ count: 2 })], { providersOf: () => ['p2', 'p2'] })).toBe('not r0');
  });

  const near = pool({}, 'near');
  const unknown = pool({ numaNode: null }, 'unknown');
  const far = pool({ numaNode: 1 }, 'far');
  const sockets = (...ids: (number | null)[]) => ({ cells: ids.map((socket, id) => hostCell({ id, socket })) });
  test.each<[PciRequest['numaPolicy'], number, readonly string[] | string]>([
    ['required', 1, ['near']],
    ['required', 2, 'not r0'],
    ['legacy', 2, ['near', 'unknown']],
    ['legacy', 3, 'not r0'],
    ['preferred', 2, ['near', 'unknown']],
    ['preferred', 3, ['near', 'unknown', 'far']],
    ['socket', 1, ['near']],
    ['socket', 2, ['near', 'far']],
  ])('nearness %s: %i devices', (numaPolicy, count, expected) => {
    expect(took([near, unknown, far], [request({ numaPolicy, count })], { hostCells: [0], topology: sockets(0, 0) })).toEqual(expected);
  });
  test('sockets that are others, or not known, are not near', () => {
    const asked = [request({ numaPolicy: 'socket' })];
    expect(took([far], asked, { hostCells: [0], topology: sockets(0, 1) })).toBe('not r0');
    expect(took([far], asked, { hostCells: [0], topology: sockets(0, null) })).toBe('not r0');
    expect(devicesByNode([near, unknown, far])).toEqual(new Map([[0, 1], [1, 1]])); // prettier-ignore
  });
});
