import { describe, expect, test } from 'vitest';
import type { Allocations } from '../../clients/placement.ts';
import { readSettings } from '../../config/index.ts';
import { asideKey, type GuestHolding } from '../../domain/guest-holding.ts';
import type { GuestOrder } from '../../domain/guest-order.ts';
import { cpuSetsOf } from './cpu-sets.ts';
import { fakeHardware } from './drivers/fake/hardware.ts';
import { openHoldings } from './holdings.ts';
import { providerInventories } from './provider-report.ts';

const conf = (...lines: readonly string[]) =>
  readSettings(['[kilonova]', 'fake_numa_nodes = 2', 'fake_pci_devices = 1', ...lines].join('\n')).settings;
const gpus = [
  '[pci]',
  'device_spec = {"vendor_id": "10de"}',
  'alias = {"name": "gpu", "vendor_id": "10de", "product_id": "1db4", "numa_policy": "required"}',
];

const node = { uuid: '0a0a0a0a-0000-4000-8000-000000000001', name: 'host' };

/** A host of two NUMA nodes with eight cores each, and what its guests were made with. */
function host(...lines: readonly string[]) {
  const settings = conf(...lines);
  const { numaTopology = null, pciDevices = [] } = fakeHardware(settings);
  const made = new Map<string, GuestHolding>();
  const layout = { hardware: () => Promise.resolve({ numaTopology, pciDevices }), held: () => Promise.resolve(made) };
  /** What placement has given instances. */
  const allocations = new Map<string, Allocations>();
  const allocationsOf = (id: string) => Promise.resolve(allocations.get(id) ?? {});
  return { holdings: openHoldings({ driver: { layout }, settings, node, allocationsOf }), made, allocations };
}
const order = (instanceId: string, extraSpecs: Record<string, string>, vcpus = 4) =>
  ({ instanceId, flavor: { vcpus, memoryMb: 1024, extraSpecs }, imageProperties: {} }) as unknown as GuestOrder;
const cpusOf = (holding: GuestHolding | null) =>
  holding?.topology?.cells.flatMap(({ pinning }) => Object.values(pinning)).toSorted((a, b) => a - b);
const dedicated = { 'hw:cpu_policy': 'dedicated' };

describe('what guests have for themselves', () => {
  test('two that are made at once never share a processor, and one that has gone leaves its own', async () => {
    const { holdings } = host();
    const changes: number[] = [];
    holdings.onChange(() => changes.push(1));
    const [first, second] = await Promise.all([holdings.claim(order('a', dedicated, 16)), holdings.claim(order('b', dedicated, 16))]);
    expect(cpusOf(first)!.filter((cpu) => cpusOf(second)!.includes(cpu))).toEqual([]);
    await expect(holdings.claim(order('c', dedicated, 2))).rejects.toMatchObject({ kind: 'conflict', code: 'ComputeResourcesUnavailable' });
    holdings.release('a');
    expect(cpusOf(await holdings.claim(order('c', dedicated, 16)))).toEqual(cpusOf(first));
    expect(changes).toHaveLength(4);
  });

  test('a guest that is started again stays where it is; one that has grown is laid out anew', async () => {
    const { holdings, made } = host();
    const first = await holdings.claim(order('a', dedicated));
    made.set('a', first!);
    expect(await holdings.claim(order('a', dedicated))).toEqual(first);
    expect(cpusOf(await holdings.claim(order('a', dedicated, 6)))).toHaveLength(6);
    expect((await holdings.facts()).numaTopology?.cells.map(({ pinnedCpus }) => pinnedCpus.length)).toEqual([6, 0]);
  });

  test('a guest that is set aside keeps what it had, and has it again when it comes back', async () => {
    const { holdings, made } = host();
    const first = await holdings.claim(order('a', dedicated, 16));
    made.set(asideKey('a'), first!);
    holdings.release('a');
    expect(cpusOf(await holdings.claim(order('b', dedicated, 16)))!.filter((cpu) => cpusOf(first)!.includes(cpu))).toEqual([]);
    await expect(holdings.claim(order('c', dedicated, 2))).rejects.toThrow('cannot fit');
    expect(await holdings.claim(order('a', dedicated, 16))).toEqual(first);
    made.delete(asideKey('a'));
    holdings.release(asideKey('a'));
  });

  test('devices are given near the guest, and each once', async () => {
    const { holdings } = host(...gpus);
    const wishes = { ...dedicated, 'pci_passthrough:alias': 'gpu' };
    const [first, second] = [await holdings.claim(order('a', wishes)), await holdings.claim(order('b', wishes))];
    expect([first, second].map((holding) => [holding?.topology?.cells[0]?.hostCell, holding?.pciDevices])).toEqual([
      [0, ['0000:81:00.0']],
      [1, ['0000:82:00.0']],
    ]);
    await expect(holdings.claim(order('c', wishes))).rejects.toThrow('PCI devices are not near enough');
    await expect(holdings.claim(order('c', { 'pci_passthrough:alias': 'gpu' }))).rejects.toThrow("1 of the PCI devices 'gpu' are not free");
    expect(await holdings.facts()).not.toHaveProperty('pciPools');
  });

  test('a guest that asks for nothing, and a driver that lays nobody out, give nothing', async () => {
    expect(await host().holdings.claim(order('a', {}))).toBeNull();
    const plain = openHoldings({ driver: {}, settings: conf(), node, allocationsOf: () => Promise.resolve({}) });
    expect([await plain.claim(order('a', dedicated)), await plain.facts()]).toEqual([null, {}]);
  });
});

test('devices are taken of the providers placement has chosen', async () => {
  const { holdings, allocations } = host(...gpus, 'report_in_placement = true');
  const [first, second] = await holdings.pciProviders();
  expect([first?.name, second?.name, first?.resourceClass, first?.taken]).toEqual([
    'host_0000:81:00.0',
    'host_0000:82:00.0',
    'CUSTOM_PCI_10DE_1DB4',
    0,
  ]);
  allocations.set('a', { [node.uuid]: { resources: { VCPU: 4 } }, [second!.uuid]: { resources: { CUSTOM_PCI_10DE_1DB4: 1 } } });
  const asked = { 'pci_passthrough:alias': 'gpu' };
  expect((await holdings.claim(order('a', asked)))?.pciDevices).toEqual(['0000:82:00.0']);
  allocations.set('b', { [second!.uuid]: { resources: { CUSTOM_PCI_10DE_1DB4: 1 } } });
  await expect(holdings.claim(order('b', asked))).rejects.toThrow("1 of the PCI devices 'gpu' are not free");
  expect((await holdings.pciProviders()).map(({ taken }) => taken)).toEqual([0, 1]);
  expect((await holdings.facts()).pciPools?.map(({ providerUuid, devices }) => [providerUuid, devices])).toEqual([
    [first!.uuid, ['0000:81:00.0']],
  ]);
});

describe('processors that are set apart', () => {
  const sets = ['[compute]', 'cpu_shared_set = 0-3', 'cpu_dedicated_set = 4-7,20-23'];
  test('are reported as PCPU, and the others as VCPU', () => {
    const inventories = (canPin: boolean) => {
      const reported = providerInventories({ vcpus: 32, memoryMb: 4096, localGb: 10 }, conf(...sets), {}, canPin);
      return [reported['VCPU']?.total, reported['PCPU']?.total];
    };
    expect([inventories(true), inventories(false)]).toEqual([[4, 8], [4, undefined]]); // prettier-ignore
    expect(
      providerInventories({ vcpus: 32, memoryMb: 4096, localGb: 10 }, conf('[compute]', 'cpu_dedicated_set = 0-3'), {}, true),
    ).not.toHaveProperty('VCPU');
  });
  test('are the only ones dedicated guests get, with their threads', async () => {
    const { holdings } = host(...sets);
    expect(cpusOf(await holdings.claim(order('a', dedicated, 8)))).toEqual([4, 5, 6, 7, 20, 21, 22, 23]);
  });
  test('cannot be both, nor kept for the host beside', () => {
    expect(() => cpuSetsOf(conf('[compute]', 'cpu_shared_set = 0-4', 'cpu_dedicated_set = 4-7'))).toThrow(
      'no processor in common; both have 4',
    );
    expect(() => cpuSetsOf(conf('[DEFAULT]', 'reserved_host_cpus = 1', '[compute]', 'cpu_shared_set = 0-4'))).toThrow(
      'cannot be used with',
    );
  });
});
