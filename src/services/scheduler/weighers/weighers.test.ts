import { describe, expect, test } from 'vitest';
import { hostState, placing } from '../test-support/hosts.ts';
import { imageOf } from '../test-support/request.ts';
import { allWeighers, weighersNamed } from './index.ts';
import { bestFirst, weightsOf } from './weigh.ts';

type Given = Parameters<typeof hostState>[0];
type Asked = Parameters<typeof placing>[0];

/** Weights one weigher alone gives to hosts. */
const weights = (name: string, hosts: readonly Given[], asked: Asked = {}): number[] => [
  ...weightsOf(
    hosts.map((host) => hostState(host)),
    placing(asked),
    allWeighers.filter((weigher) => weigher.name === name),
  ),
];
const conf = (...lines: readonly string[]): Asked => ({ conf: ['[filter_scheduler]', ...lines] });

test('all of Nova’s weighers are there, and chosen by class path', () => {
  expect(allWeighers.map(({ name }) => name)).toEqual([
    'RAMWeigher', 'CPUWeigher', 'DiskWeigher', 'IoOpsWeigher', 'MetricsWeigher', 'PCIWeigher', 'ServerGroupSoftAffinityWeigher',
    'ServerGroupSoftAntiAffinityWeigher', 'BuildFailureWeigher', 'CrossCellWeigher', 'HypervisorVersionWeigher', 'NumInstancesWeigher',
    'ImagePropertiesWeigher',
  ]); // prettier-ignore
  expect(weighersNamed(['nova.scheduler.weights.all_weighers'])).toBe(allWeighers);
  expect(weighersNamed(['nova.scheduler.weights.ram.RAMWeigher']).map(({ name }) => name)).toEqual(['RAMWeigher']);
  expect(() => weighersNamed(['nova.scheduler.weights.luck.LuckWeigher'])).toThrow(
    "there is no weigher 'nova.scheduler.weights.luck.LuckWeigher'",
  );
});

describe('each weigher', () => {
  test('RAMWeigher counts from zero; stacks when negative', () => {
    const hosts = [{ freeMemoryMb: 1000 }, { freeMemoryMb: 4000 }, { freeMemoryMb: -5 }];
    expect(weights('RAMWeigher', hosts)).toEqual([0.25, 1, 0]);
    expect(weights('RAMWeigher', hosts, conf('ram_weight_multiplier = -1'))).toEqual([-0.25, -1, 0]);
  });
  test('CPUWeigher', () => expect(weights('CPUWeigher', [{ freeVcpus: 4 }, { freeVcpus: 16 }])).toEqual([0.25, 1]));
  test('DiskWeigher', () => expect(weights('DiskWeigher', [{ freeDiskMb: 0 }, { freeDiskMb: 2048 }])).toEqual([0, 1]));
  test('IoOpsWeigher avoids busy hosts', () => expect(weights('IoOpsWeigher', [{ ioOps: 4 }, { ioOps: 2 }, {}])).toEqual([-1, -0.5, 0]));
  test('MetricsWeigher adds metrics times their factors', () => {
    const hosts = [{ facts: { metrics: { a: 1, b: 10 } } }, { facts: { metrics: { a: 3, b: 10 } } }];
    expect(weights('MetricsWeigher', hosts, { conf: ['[metrics]', 'weight_setting = a=2.0, b=-1'] })).toEqual([0, 1]);
    expect(weights('MetricsWeigher', hosts)).toEqual([0, 0]);
    expect(() => weights('MetricsWeigher', [...hosts, {}], { conf: ['[metrics]', 'weight_setting = a=1'] })).toThrow(
      'does not report the metric a',
    );
    expect(
      weights('MetricsWeigher', [...hosts, {}], {
        conf: ['[metrics]', 'weight_setting = a=1', 'required = false', 'weight_of_unavailable = -5'],
      }),
    ).toEqual([0.75, 1, 0]);
  });
  test('PCIWeigher keeps hosts with devices for those who want them', () => {
    const devices = (count: number): Given => ({
      remainder: {
        numaTopology: null,
        pciPools: [
          {
            vendorId: '10de', productId: '1db4', deviceType: 'type-PCI', numaNode: 0, trusted: false, remoteManaged: false, liveMigratable: false,
            managed: true, oneTimeUse: false, resourceClass: null, traits: [], providerUuid: null,
            devices: Array.from({ length: count }, (_, index) => String(index)),
          },
        ],
      },
    }); // prettier-ignore
    expect(weights('PCIWeigher', [devices(0), devices(1), devices(4)])).toEqual([1, 0.75, 0]);
    expect(weights('PCIWeigher', [devices(99), devices(500)])).toEqual([0, 0]);
  });
  const group = (policy: 'soft-affinity' | 'soft-anti-affinity'): Asked => ({
    group: { id: 'g', policy, maxServerPerHost: 1, memberHosts: ['a', 'a', 'b'] },
  });
  const three = [{ host: 'a' }, { host: 'b' }, { host: 'c' }];
  test('ServerGroupSoftAffinityWeigher', () => {
    expect(weights('ServerGroupSoftAffinityWeigher', three, group('soft-affinity'))).toEqual([1, 0.5, 0]);
    expect(weights('ServerGroupSoftAffinityWeigher', three, group('soft-anti-affinity'))).toEqual([0, 0, 0]);
  });
  test('ServerGroupSoftAntiAffinityWeigher', () =>
    expect(weights('ServerGroupSoftAntiAffinityWeigher', three, group('soft-anti-affinity'))).toEqual([0, 0.5, 1]));
  test('BuildFailureWeigher counts failed builds against a host', () =>
    expect(weights('BuildFailureWeigher', [{ facts: { stats: { failed_builds: 1 } } }, {}])).toEqual([-1_000_000, 0]));
  test('CrossCellWeigher prefers the same cell for moves that may leave it', () => {
    const hosts = [{ cellId: 'c1' }, { cellId: 'c2' }];
    expect(weights('CrossCellWeigher', hosts, { spec: { moveFromCell: { cellId: 'c1', mayLeave: true } } })).toEqual([1_000_000, 0]);
    expect(weights('CrossCellWeigher', hosts, { spec: { moveFromCell: { cellId: 'c1', mayLeave: false } } })).toEqual([0, 0]);
  });
  test('HypervisorVersionWeigher', () =>
    expect(
      weights('HypervisorVersionWeigher', [{ facts: { hypervisorVersion: 8_000_000 } }, { facts: { hypervisorVersion: 9_000_000 } }]),
    ).toEqual([0, 1]));
  test('NumInstancesWeigher is off, spreads when negative, packs when positive', () => {
    const hosts = [{ instances: 1 }, { instances: 3 }];
    expect(weights('NumInstancesWeigher', hosts)).toEqual([0, 0]);
    expect(weights('NumInstancesWeigher', hosts, conf('num_instances_weight_multiplier = -2'))).toEqual([0, -2]);
  });
  test('ImagePropertiesWeigher is off, and counts servers with the same properties', () => {
    const asked = (...lines: readonly string[]): Asked => ({
      ...conf('image_props_weight_multiplier = 1', ...lines),
      spec: { image: imageOf({ os_distro: 'debian', hw_disk_bus: 'virtio' }) },
      imagePropertiesOn: (host) => new Map(host === 'a' ? [['os_distro=debian', 1]] : [['hw_disk_bus=virtio', 2], ['os_distro=rhel', 5]]), // prettier-ignore
    });
    const two = [{ host: 'a' }, { host: 'b' }];
    expect(weights('ImagePropertiesWeigher', two, asked())).toEqual([0, 1]);
    expect(weights('ImagePropertiesWeigher', two, asked('image_props_weight_setting = os_distro=2, os_type=1'))).toEqual([1, 0]);
    expect(weights('ImagePropertiesWeigher', two, { ...asked(), ...conf() })).toEqual([0, 0]);
  });
});

test('an aggregate’s own multiplier wins, the least of several; one that is no number does not count', () => {
  const hosts = [
    { freeMemoryMb: 100, aggregateMetadata: { ram_weight_multiplier: ['5', '-2'] } },
    { freeMemoryMb: 100 },
    { freeMemoryMb: 50, aggregateMetadata: { ram_weight_multiplier: ['many'] } },
  ];
  expect(weights('RAMWeigher', hosts)).toEqual([-2, 1, 0.5]);
});

test('every multiplier can be overridden under its own name', () => {
  expect(allWeighers.map(({ aggregateKey }) => aggregateKey)).toEqual([
    'ram_weight_multiplier', 'cpu_weight_multiplier', 'disk_weight_multiplier', 'io_ops_weight_multiplier', 'metrics_weight_multiplier',
    'pci_weight_multiplier', 'soft_affinity_weight_multiplier', 'soft_anti_affinity_weight_multiplier', 'build_failure_weight_multiplier',
    'cross_cell_move_weight_multiplier', 'hypervisor_version_weight_multiplier', 'num_instances_weight_multiplier', 'image_props_weight_multiplier',
  ]); // prettier-ignore
});

test('one host alone is not weighed, and the best come first, alike ones in the order they came', () => {
  expect(weights('RAMWeigher', [{ freeMemoryMb: 5 }])).toEqual([0]);
  const hosts = Array.from({ length: 9 }, (_, index) => hostState({ host: `h${index}` }));
  const order = [...bestFirst(hosts, Float64Array.from([1, 5, 5, 0, 7, 3, 5, 2, 0]))].map(({ host }) => host);
  expect(order).toEqual(['h4', 'h1', 'h2', 'h6', 'h5', 'h7', 'h0', 'h3', 'h8']);
});
