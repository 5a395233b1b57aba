import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emulatorCpus } from './emulator-cpus.ts';
import { fitTopology, plainContext, type FitContext } from './fit-topology.ts';
import { guestTopologyOf } from './guest-topology-of.ts';
import type { FittedTopology, GuestTopology } from './guest-topology.ts';
import type { HostTopology } from './host-topology.ts';
import { hostWith, hostWithout } from './host-usage.ts';
import { hostCell, plainHost } from './testing/hosts.ts';

const guest = (extraSpecs: Record<string, string>, vcpus = 2, memoryMb = 1024): GuestTopology =>
  guestTopologyOf({ flavor: { vcpus, memoryMb, extraSpecs }, image: null })!;
const fit = (host: HostTopology, topology: GuestTopology, context: Partial<FitContext> = {}): FittedTopology => {
  const result = fitTopology(host, topology, { ...plainContext, ...context });
  if ('because' in result) throw new Error(result.because);
  return result.fitted;
};
const whyNot = (host: HostTopology, topology: GuestTopology, context: Partial<FitContext> = {}): string => {
  const result = fitTopology(host, topology, { ...plainContext, ...context });
  return 'because' in result ? result.because : 'it fits';
};
const pinned = (fitted: FittedTopology): number[] =>
  fitted.cells.flatMap(({ pinning }) => Object.values(pinning)).toSorted((a, b) => a - b);

describe('nodes', () => {
  const two = plainHost({}, { memoryUsageMb: 1024, cpuUsage: 2 });

  test('spread takes the emptiest node, pack the fullest that fits', () => {
    expect(fit(two, guest({ 'hw:numa_nodes': '1' })).cells[0]?.hostCell).toBe(0);
    expect(fit(two, guest({ 'hw:numa_nodes': '1' }), { packing: true }).cells[0]?.hostCell).toBe(1);
  });

  test('a guest without PCI devices stays away from the node that has them, one with them goes there', () => {
    const pciDevices = new Map([[0, 4]]);
    expect(fit(two, guest({ 'hw:numa_nodes': '1' }), { pciDevices }).cells[0]?.hostCell).toBe(1);
    expect(fit(two, guest({ 'hw:numa_nodes': '1' }), { pciDevices, wantsPci: true, packing: true }).cells[0]?.hostCell).toBe(0);
  });

  test('nodes of unequal size find the node of the host they fit into', () => {
    const host = plainHost({ memoryMb: 1024 }, { memoryMb: 4096 });
    const uneven = { 'hw:numa_nodes': '2', 'hw:numa_cpus.0': '0', 'hw:numa_mem.0': '3072', 'hw:numa_cpus.1': '1', 'hw:numa_mem.1': '1024' };
    expect(fit(host, guest(uneven, 2, 4096)).cells.map(({ hostCell: id }) => id)).toEqual([1, 0]);
  });

  test('a host with fewer nodes, with less memory or fewer processors says so', () => {
    expect(whyNot(plainHost({}), guest({ 'hw:numa_nodes': '2' }))).toBe('it has 1 NUMA nodes, and 2 are asked for');
    expect(whyNot(plainHost({ memoryMb: 512 }), guest({ 'hw:numa_nodes': '1' }))).toBe('it has 512 MB of memory, of 1024');
    expect(whyNot(plainHost({}), guest({ 'hw:numa_nodes': '1' }, 5))).toBe('it has 4 processors for 5 floating vCPUs');
  });

  test('floating processors and memory are overcommitted up to the ratios, dedicated ones never', () => {
    const busy = plainHost({ cpuUsage: 7, memoryUsageMb: 4096 });
    expect(whyNot(busy, guest({ 'hw:numa_nodes': '1' }), { limits: { cpuRatio: 2, memoryRatio: 2 } })).toBe('its processors are taken');
    expect(whyNot(busy, guest({ 'hw:numa_nodes': '1' }), { limits: { cpuRatio: 4, memoryRatio: 1 } })).toBe('its memory is taken');
    expect(whyNot(busy, guest({ 'hw:numa_nodes': '1' }), { limits: { cpuRatio: 4, memoryRatio: 2 } })).toBe('it fits');
    expect(whyNot(busy, guest({ 'hw:cpu_policy': 'dedicated' }), { limits: { cpuRatio: 4, memoryRatio: 2 } })).toBe(
      'it has 0 MB of free memory, of 1024',
    );
  });

  test('PCI devices and network cards must be near a chosen node', () => {
    const host = plainHost({ physnets: ['p1'] }, { tunneled: true });
    const one = guest({ 'hw:numa_nodes': '1' });
    expect(fit(host, one, { pciFits: (nodes) => nodes.includes(1) }).cells[0]?.hostCell).toBe(1);
    expect(fit(host, one, { network: { physnets: ['p1', 'unknown'], tunneled: false } }).cells[0]?.hostCell).toBe(0);
    expect(fit(host, one, { network: { physnets: [], tunneled: true } }).cells[0]?.hostCell).toBe(1);
    expect(whyNot(host, one, { network: { physnets: ['p1'], tunneled: true } })).toBe('its network cards are on other NUMA nodes');
    expect(whyNot(host, one, { pciFits: () => false })).toBe('its PCI devices are not near enough');
  });
});

describe('pages', () => {
  const pages = [
    { sizeKb: 4, total: 262_144, used: 0, reserved: 0 },
    { sizeKb: 2048, total: 512, used: 0, reserved: 0 },
    { sizeKb: 1_048_576, total: 2, used: 1, reserved: 0 },
  ];
  const host = plainHost({ pages });
  test.each<[string, number, number]>([
    ['small', 1024, 4],
    ['large', 1024, 1_048_576],
    ['any', 512, 2048],
    ['2048', 1024, 2048],
    ['any', 1, 4],
  ])('%s pages for %i MB are those of %i KiB', (wish, memoryMb, sizeKb) => {
    expect(fit(host, guest({ 'hw:mem_page_size': wish }, 2, memoryMb)).cells[0]?.pageSizeKb).toBe(sizeKb);
  });
  test('pages that are taken, reserved, or of a size there is not, are refused', () => {
    expect(whyNot(host, guest({ 'hw:mem_page_size': '1GB' }, 2, 2048))).toBe('it has no 1048576 pages (KiB) for 2048 MB');
    expect(whyNot(host, guest({ 'hw:mem_page_size': '16MB' }))).toBe('it has no 16384 pages (KiB) for 1024 MB');
    const reserved = plainHost({ pages: pages.map((entry) => ({ ...entry, reserved: entry.sizeKb === 2048 ? 1 : 0 })) });
    expect(whyNot(reserved, guest({ 'hw:mem_page_size': '2MB' }))).toBe('it has no 2048 pages (KiB) for 1024 MB');
  });
  test('without a wish for pages, dedicated guests need free ordinary ones, shared guests only so many at all', () => {
    const taken = plainHost({ pages: pages.map((entry) => ({ ...entry, used: entry.sizeKb === 4 ? entry.total : 0 })) });
    expect(whyNot(taken, guest({ 'hw:cpu_policy': 'dedicated' }))).toBe('it has no free pages for 1024 MB');
    expect(whyNot(taken, guest({ 'hw:numa_nodes': '1' }))).toBe('it fits');
  });
});

describe('processors of cores with two threads', () => {
  const host: HostTopology = { cells: [hostCell()] };
  const policy = (threads: string | null, vcpus: number) =>
    guest({ 'hw:cpu_policy': 'dedicated', ...(threads === null ? {} : { 'hw:cpu_thread_policy': threads }) }, vcpus);

  test('require takes both threads of cores', () => {
    expect(pinned(fit(host, policy('require', 4)))).toEqual([0, 1, 4, 5]);
    expect(whyNot({ cells: [hostCell({ pinnedCpus: [0, 1, 2, 3] })] }, policy('require', 2))).toContain('free threads');
    expect(whyNot(plainHost({}), policy('require', 2))).toBe('its cores have no threads');
  });
  test('prefer takes both threads, then single ones', () => {
    expect(pinned(fit({ cells: [hostCell({ pinnedCpus: [0, 1] })] }, policy('prefer', 4)))).toEqual([2, 3, 6, 7]);
    expect(pinned(fit({ cells: [hostCell({ pinnedCpus: [0, 1] })] }, policy(null, 6)))).toEqual([2, 3, 4, 5, 6, 7]);
  });
  test('isolate takes one thread of a free core and keeps its sibling empty', () => {
    const fitted = fit(host, policy('isolate', 3));
    expect(pinned(fitted)).toEqual([0, 1, 2]);
    expect(hostWith(host, fitted).cells[0]?.pinnedCpus).toEqual([0, 1, 2, 4, 5, 6]);
    expect(whyNot({ cells: [hostCell({ pinnedCpus: [0] })] }, policy('isolate', 4))).toBe('it has 3 free cores for 4 isolated vCPUs');
    expect(whyNot({ cells: [hostCell({ sharedCpus: [3, 7], dedicatedCpus: [0, 1, 2, 4, 5, 6] })] }, policy('isolate', 1))).toContain(
      'none can be isolated',
    );
  });
  test('an isolated emulator has a processor of its own, on the first node', () => {
    const isolated = { 'hw:cpu_policy': 'dedicated', 'hw:emulator_threads_policy': 'isolate' };
    const fitted = fit(host, guest(isolated, 4));
    expect(fitted.cells[0]?.reservedCpus).toEqual([2]);
    expect(emulatorCpus(fitted, { cpuSharedSet: [], realtime: [] })).toEqual([2]);
    expect(whyNot(host, guest(isolated, 8))).toBe('it has 8 free dedicated processors, of 9');
    const onTwo = fit(plainHost({}, {}), guest({ ...isolated, 'hw:numa_nodes': '2' }, 4));
    expect(onTwo.cells.map(({ reservedCpus }) => reservedCpus.length)).toEqual([1, 0]);
  });
  test('other emulators run on the shared set, or on all processors of the guest but realtime ones', () => {
    const shared = fit(host, guest({ 'hw:cpu_policy': 'dedicated', 'hw:emulator_threads_policy': 'share' }));
    expect(emulatorCpus(shared, { cpuSharedSet: [6, 7], realtime: [] })).toEqual([6, 7]);
    expect(emulatorCpus(shared, { cpuSharedSet: [], realtime: [] })).toEqual([0, 4]);
    expect(emulatorCpus(fit(host, policy(null, 2)), { cpuSharedSet: [6], realtime: [1] })).toEqual([0]);
    expect(emulatorCpus(fit(host, guest({ 'hw:numa_nodes': '1' })), { cpuSharedSet: [6], realtime: [] })).toBeNull();
  });
  test('a mixed guest pins only what it asks for', () => {
    const fitted = fit(host, guest({ 'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '0-1' }, 4));
    expect(fitted.cells[0]).toMatchObject({ pinning: { 0: 0, 1: 4 }, cpus: [2, 3] });
    expect(hostWith(host, fitted).cells[0]).toMatchObject({ pinnedCpus: [0, 4], cpuUsage: 2, memoryUsageMb: 1024 });
  });
});

describe('any guests on any host', () => {
  const host: HostTopology = {
    cells: [
      hostCell({
        pages: [
          { sizeKb: 4, total: 1_048_576, used: 0, reserved: 0 },
          { sizeKb: 2048, total: 256, used: 0, reserved: 8 },
        ],
      }),
      hostCell({
        id: 1,
        sharedCpus: [8, 9],
        dedicatedCpus: [10, 11],
        siblings: [
          [8, 9],
          [10, 11],
        ],
        pages: [{ sizeKb: 4, total: 1_048_576, used: 0, reserved: 0 }],
      }),
    ],
  };
  const wishes = fc.record({
    vcpus: fc.constantFrom(1, 2, 4),
    memoryMb: fc.constantFrom(128, 256, 1024, 2048),
    nodes: fc.constantFrom(1, 2),
    cpuPolicy: fc.constantFrom('shared', 'dedicated'),
    threads: fc.constantFrom(null, 'prefer', 'isolate', 'require'),
    pages: fc.constantFrom(null, 'small', 'large', 'any'),
    emulator: fc.constantFrom(null, 'isolate'),
  });
  const read = (wish: typeof wishes extends fc.Arbitrary<infer T> ? T : never): GuestTopology | null => {
    const extraSpecs: Record<string, string> = { 'hw:numa_nodes': String(wish.nodes), 'hw:cpu_policy': wish.cpuPolicy };
    if (wish.cpuPolicy === 'dedicated' && wish.threads !== null) extraSpecs['hw:cpu_thread_policy'] = wish.threads;
    if (wish.cpuPolicy === 'dedicated' && wish.emulator !== null) extraSpecs['hw:emulator_threads_policy'] = wish.emulator;
    if (wish.pages !== null) extraSpecs['hw:mem_page_size'] = wish.pages;
    return wish.vcpus % wish.nodes === 0 ? guest(extraSpecs, wish.vcpus, wish.memoryMb) : null;
  };

  test('no processor is given twice, no page that is not there, and release mirrors allocation', () => {
    fc.assert(
      fc.property(fc.array(wishes, { maxLength: 12 }), (list) => {
        let now = host;
        const placed: FittedTopology[] = [];
        for (const wish of list) {
          const topology = read(wish);
          if (topology === null) continue;
          const result = fitTopology(now, topology);
          if ('because' in result) continue;
          const own = result.fitted.cells.flatMap((cell) => [...Object.values(cell.pinning), ...cell.reservedCpus, ...cell.shadowedCpus]);
          const taken = new Set(now.cells.flatMap((cell) => cell.pinnedCpus));
          expect(new Set(own).size).toBe(own.length);
          expect(own.filter((cpu) => taken.has(cpu))).toEqual([]);
          expect(new Set(result.fitted.cells.map(({ hostCell: id }) => id)).size).toBe(topology.cells.length);
          placed.push(result.fitted);
          now = hostWith(now, result.fitted);
          for (const cell of now.cells) {
            expect(cell.pinnedCpus.filter((cpu) => !cell.dedicatedCpus.includes(cpu))).toEqual([]);
            for (const entry of cell.pages.slice(1)) expect(entry.used).toBeLessThanOrEqual(entry.total - entry.reserved);
          }
        }
        expect(placed.reduceRight(hostWithout, now)).toEqual(host);
      }),
      { numRuns: 300 },
    );
  });
});
