import { expect, test } from 'vitest';
import { formatCpuSet, parseCpuSet } from './cpu-set.ts';
import { guestTopologyOf } from './guest-topology-of.ts';

const asked = (extraSpecs: Record<string, string>, properties: Record<string, string> = {}, vcpus = 4, memoryMb = 2048) =>
  guestTopologyOf({ flavor: { vcpus, memoryMb, extraSpecs }, image: { properties } });

test('a flavor and an image without wishes ask for no layout', () => {
  expect(asked({})).toBeNull();
  expect(asked({ 'hw:cpu_policy': 'shared' })).toBeNull();
});

test('CPU sets are read and written with ranges and exclusions', () => {
  expect(parseCpuSet('0-3,^2,8')).toEqual([0, 1, 3, 8]);
  expect(parseCpuSet('^1,0-2')).toEqual([0, 2]);
  expect(formatCpuSet([3, 0, 1, 8, 9])).toBe('0-1,3,8-9');
  expect(() => parseCpuSet('3-1')).toThrow('backwards');
  expect(() => parseCpuSet('a')).toThrow('Invalid CPU set');
});

test('nodes share processors and memory evenly, in order', () => {
  expect(asked({ 'hw:numa_nodes': '2' })?.cells).toEqual([
    { id: 0, cpus: [0, 1], pinnedCpus: [], memoryMb: 1024 },
    { id: 1, cpus: [2, 3], pinnedCpus: [], memoryMb: 1024 },
  ]);
});

test('nodes may be listed one by one', () => {
  const listed = {
    'hw:numa_nodes': '2',
    'hw:numa_cpus.0': '0,3',
    'hw:numa_mem.0': '512',
    'hw:numa_cpus.1': '1-2',
    'hw:numa_mem.1': '1536',
  };
  expect(asked(listed)?.cells).toEqual([
    { id: 0, cpus: [0, 3], pinnedCpus: [], memoryMb: 512 },
    { id: 1, cpus: [1, 2], pinnedCpus: [], memoryMb: 1536 },
  ]);
});

test('dedicated and mixed policies say which vCPUs have a processor for themselves', () => {
  expect(asked({ 'hw:cpu_policy': 'dedicated' })).toMatchObject({
    cpuPolicy: 'dedicated',
    cells: [{ cpus: [], pinnedCpus: [0, 1, 2, 3] }],
  });
  expect(asked({ 'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '0-1' })?.cells).toMatchObject([{ cpus: [2, 3], pinnedCpus: [0, 1] }]);
  expect(asked({ 'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '^0-1' })?.cells).toMatchObject([{ cpus: [0, 1], pinnedCpus: [2, 3] }]);
  expect(asked({ 'hw:cpu_policy': 'mixed', 'hw:cpu_realtime': 'yes', 'hw:cpu_realtime_mask': '^0' })?.cells).toMatchObject([
    { cpus: [0], pinnedCpus: [1, 2, 3] },
  ]);
  expect(asked({ 'resources:PCPU': '4' })).toMatchObject({ cpuPolicy: 'dedicated' });
  expect(asked({}, { hw_cpu_policy: 'dedicated' })).toMatchObject({ cpuPolicy: 'dedicated' });
  expect(asked({ 'hw:cpu_policy': 'dedicated' }, { hw_cpu_policy: 'shared' })).toMatchObject({ cpuPolicy: 'dedicated' });
});

test('page sizes are a kind or KiB in units', () => {
  expect(asked({ 'hw:mem_page_size': 'large' })?.pageSize).toBe('large');
  expect(asked({ 'hw:mem_page_size': '2MB' })?.pageSize).toBe(2048);
  expect(asked({ 'hw:mem_page_size': '1GiB' })?.pageSize).toBe(1024 ** 2);
  expect(asked({ 'hw:mem_page_size': '2048' })?.pageSize).toBe(2048);
  expect(asked({ 'hw:mem_page_size': 'any' }, { hw_mem_page_size: '2048' })?.pageSize).toBe(2048);
});

test('a flavor that wants persistent memory has one node', () => {
  expect(asked({ 'hw:pmem': '6GB' })?.cells).toHaveLength(1);
});

test.each<[string, Record<string, string>, Record<string, string>, string]>([
  ['nodes in flavor and image', { 'hw:numa_nodes': '2' }, { hw_numa_nodes: '2' }, 'not permitted to override NUMA'],
  ['no nodes', { 'hw:numa_nodes': '0' }, {}, 'greater than 0'],
  ['processors that do not divide', { 'hw:numa_nodes': '3' }, {}, 'cannot be evenly distributed'],
  ['a node without memory', { 'hw:numa_nodes': '1', 'hw:numa_cpus.0': '0-3' }, {}, 'must be provided for all NUMA nodes'],
  ['a node beyond', { 'hw:numa_nodes': '1', 'hw:numa_cpus.1': '0-3' }, {}, 'More NUMA nodes are listed'],
  ['a processor beyond', { 'hw:numa_nodes': '1', 'hw:numa_cpus.0': '0-4', 'hw:numa_mem.0': '2048' }, {}, 'the largest there is 3'],
  ['a processor left out', { 'hw:numa_nodes': '1', 'hw:numa_cpus.0': '0-2', 'hw:numa_mem.0': '2048' }, {}, '1 CPUs are not assigned'],
  ['another amount of memory', { 'hw:numa_nodes': '1', 'hw:numa_cpus.0': '0-3', 'hw:numa_mem.0': '1024' }, {}, 'but expected 2048 MB'],
  [
    'a processor twice',
    { 'hw:numa_nodes': '2', 'hw:numa_cpus.0': '0-3', 'hw:numa_mem.0': '1024', 'hw:numa_cpus.1': '3', 'hw:numa_mem.1': '1024' },
    {},
    'assigned to two nodes',
  ],
  ['an unknown policy', { 'hw:cpu_policy': 'best' }, {}, 'must be one of shared, dedicated, mixed'],
  [
    'an image that pins against the flavor',
    { 'hw:cpu_policy': 'shared' },
    { hw_cpu_policy: 'dedicated' },
    'not permitted to override CPU pinning',
  ],
  [
    'an image that pins all of a mixed flavor',
    { 'hw:cpu_policy': 'mixed' },
    { hw_cpu_policy: 'dedicated' },
    'not permitted to override CPU pinning',
  ],
  ['a mixed policy without a mask', { 'hw:cpu_policy': 'mixed' }, {}, 'cpu_dedicated_mask'],
  ['a mask of all', { 'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '0-3' }, {}, 'leave at least one'],
  [
    'a mask without the mixed policy',
    { 'hw:cpu_policy': 'dedicated', 'hw:cpu_dedicated_mask': '0' },
    {},
    "only be specified with the 'mixed'",
  ],
  [
    'both masks',
    { 'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '0', 'hw:cpu_realtime': 'yes', 'hw:cpu_realtime_mask': '1' },
    {},
    'cannot both be given',
  ],
  ['threads of floating processors', { 'hw:cpu_thread_policy': 'isolate' }, {}, 'non dedicated CPU policy'],
  [
    'threads by the image against the flavor',
    { 'hw:cpu_policy': 'dedicated', 'hw:cpu_thread_policy': 'require' },
    { hw_cpu_thread_policy: 'isolate' },
    'not permitted to override CPU thread',
  ],
  ['an isolated emulator of floating processors', { 'hw:emulator_threads_policy': 'isolate' }, {}, 'requires a dedicated CPU policy'],
  ['policy and amount', { 'hw:cpu_policy': 'dedicated', 'resources:PCPU': '4' }, {}, 'explicit amount'],
  ['both classes', { 'resources:VCPU': '2', 'resources:PCPU': '2' }, {}, 'both'],
  ['another number of PCPU', { 'resources:PCPU': '3' }, {}, 'must be 4'],
  ['realtime of floating processors', { 'hw:cpu_realtime': 'yes' }, {}, 'requires dedicated or mixed'],
  ['realtime of all', { 'hw:cpu_policy': 'dedicated', 'hw:cpu_realtime': 'yes', 'hw:cpu_realtime_mask': '0-3' }, {}, '1 ordinary vCPU'],
  ['a page size of the image alone', {}, { hw_mem_page_size: '2048' }, 'forbidden'],
  ['a page size that is none', { 'hw:mem_page_size': 'huge' }, {}, 'Invalid memory page size'],
  ['locked memory without pages', { 'hw:locked_memory': 'true' }, {}, 'needs a memory page size'],
])('%s is refused', (_, extraSpecs, properties, message) => {
  expect(() => asked(extraSpecs, properties)).toThrow(message);
});
