import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PlacementClient } from '../../clients/placement.ts';
import { ProviderView, type ProviderRecord } from '../../domain/placement/provider-view.ts';
import type { RequestSpec } from '../../domain/request-spec.ts';
import { conflict } from '../../lib/errors.ts';
import { findingCandidatesHere } from './local-candidates.ts';
import type { Providers } from './providers.ts';
import { columnSelector } from './select-by-columns.ts';
import { selectDestinations } from './select-destinations.ts';
import { schedulerOf } from './test-support/scheduler.ts';
import { aggregateOf, flavorOf, imageOf, requestSpec } from './test-support/request.ts';
import { nodeOf, type MadeHost } from './test-support/view.ts';

interface Made extends MadeHost {
  readonly has: { readonly vcpus: number; readonly memoryMb: number; readonly diskGb: number };
  readonly used: { readonly vcpus: number; readonly memoryMb: number; readonly diskGb: number };
  readonly traits: readonly string[];
}

const zoneUuid = '00000000-0000-4000-8000-00000000000a';

function providersOf(hosts: readonly Made[]): ProviderView {
  const view = new ProviderView();
  const inventory = (total: number, used: number) => [total, 0, 1, total, 1, 1, used] as const;
  view.apply(
    hosts.map(({ host, has, used, traits, zone }, n): ProviderRecord => ({
      id: n + 1,
      uuid: nodeOf(host),
      name: host,
      generation: 0,
      parentId: null,
      rootId: n + 1,
      updatedAt: 0,
      inventories: {
        VCPU: inventory(has.vcpus, used.vcpus),
        MEMORY_MB: inventory(has.memoryMb, used.memoryMb),
        DISK_GB: inventory(has.diskGb, used.diskGb),
      },
      traits: ['OWNER_NOVA', ...traits],
      aggregates: zone === 'a' ? [zoneUuid] : [],
    })),
  );
  return view;
}

/** Both ways to place a request, each on providers of its own; claims are granted unless `refuses`. */
function bothWays(hosts: readonly Made[], { conf = [], refuses = false }: { conf?: readonly string[]; refuses?: boolean } = {}) {
  const way = () => {
    const providers = providersOf(hosts);
    const claimed: string[] = [];
    const client: Partial<PlacementClient> = {
      putAllocations(_session, _consumer, { allocations }) {
        if (refuses) return Promise.reject(conflict('taken'));
        claimed.push(JSON.stringify(allocations));
        return Promise.resolve();
      },
      allocations: () => Promise.resolve({ allocations: {}, consumerGeneration: null, projectId: null, userId: null, consumerType: null }),
      deleteAllocations: () => Promise.resolve(),
    };
    const { deps } = schedulerOf(hosts, { conf });
    const views = {
      ...deps.views,
      current: async () => ({ ...(await view), aggregates: [aggregateOf(zoneUuid, { availability_zone: 'a' })] }),
    };
    const view = deps.views.current();
    const same = () => Promise.resolve(providers);
    const follows: Providers = { now: same, lately: same, refresh: () => undefined };
    return {
      providers,
      claimed,
      deps: {
        ...deps,
        views,
        providers: follows,
        placement: findingCandidatesHere(client as PlacementClient, follows),
      },
    };
  };
  return { long: way(), short: way() };
}

const amount = fc.record({
  vcpus: fc.integer({ min: 1, max: 16 }),
  memoryMb: fc.integer({ min: 1, max: 64 }),
  diskGb: fc.integer({ min: 1, max: 40 }),
});
const host = fc.record({
  has: amount,
  part: fc.integer({ min: 0, max: 2 }),
  traits: fc.subarray(['HW_CPU_X86_AVX', 'COMPUTE_STATUS_DISABLED', 'CUSTOM_A']),
  zone: fc.constantFrom('a', 'b'),
  disabled: fc.boolean(),
  down: fc.integer({ min: 0, max: 4 }),
  cellId: fc.constantFrom('cell1', 'cell1', 'cell2'),
  facts: fc.record({
    hypervisorVersion: fc.constantFrom(1_000_000, 9_000_000),
    stats: fc.record({ failed_builds: fc.constantFrom(0, 0, 2) }),
  }),
});
const request = fc.record({
  vcpus: fc.integer({ min: 1, max: 4 }),
  memoryMb: fc.integer({ min: 1, max: 16 }),
  rootGb: fc.integer({ min: 0, max: 8 }),
  extraSpecs: fc.constantFrom({}, { 'trait:HW_CPU_X86_AVX': 'required' }, { 'trait:CUSTOM_A': 'forbidden' }),
  zone: fc.constantFrom(null, 'a'),
  architecture: fc.constantFrom(undefined, 'x86_64', 'aarch64'),
});

const specOf = ({
  vcpus,
  memoryMb,
  rootGb,
  extraSpecs,
  zone,
  architecture,
}: {
  vcpus: number;
  memoryMb: number;
  rootGb: number;
  extraSpecs: Record<string, string>;
  zone: string | null;
  architecture: string | undefined;
}): RequestSpec =>
  requestSpec({
    flavor: flavorOf(extraSpecs, { vcpus, memoryMb, rootGb }),
    image: imageOf(architecture === undefined ? {} : { hw_architecture: architecture }),
    availabilityZone: zone,
  });

test('the short way chooses the host and the alternates that the long way chooses', async () => {
  let short = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(host, { minLength: 1, maxLength: 12 }),
      fc.array(request, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(
        [],
        ['[filter_scheduler]', 'ram_weight_multiplier = -1', 'disk_weight_multiplier = 0'],
        ['[scheduler]', 'max_placement_results = 3'],
      ),
      async (given, requests, conf) => {
        const hosts = given.map(({ has, part, traits, down, disabled, ...rest }, n): Made => ({
          ...rest,
          host: `host-${n}`,
          has,
          used: { vcpus: Math.floor((has.vcpus * part) / 4), memoryMb: Math.floor((has.memoryMb * part) / 4), diskGb: 0 },
          traits,
          disabled: disabled && n % 3 === 0,
          down: down === 0,
        }));
        const ways = bothWays(hosts, { conf });
        const select = columnSelector(ways.short.deps);
        for (const one of requests) {
          const wanted = { spec: specOf(one), instanceIds: [randomUUID()] };
          const [expected, chosen] = [await selectDestinations(ways.long.deps, wanted), await select(wanted)];
          // what is not found the long way must say
          if (chosen === null) {
            expect(expected.found).toBe(false);
            continue;
          }
          short++;
          expect({ ...chosen, decisionId: '' }).toEqual({ ...expected, decisionId: '' });
          expect(ways.short.claimed.at(-1)).toBe(ways.long.claimed.at(-1));
          // the long way learns of its claim as placement tells it; the short way counts on it at once
          const taken = ways.short.claimed.at(-1)!;
          const [claim] = Object.entries(JSON.parse(taken) as Record<string, { resources: Record<string, number> }>);
          const [uuid, { resources }] = claim!;
          const { id, generation, updatedAt, inventories } = ways.long.providers.at(ways.long.providers.slotOf(uuid)!);
          const used = Object.fromEntries(
            Object.entries(inventories).map(([name, numbers]) => [name, numbers[6] + (resources[name] ?? 0)]),
          );
          ways.long.providers.applyUsages([{ id, generation, updatedAt, used }]);
        }
      },
    ),
    { numRuns: 150 },
  );
  expect(short).toBeGreaterThan(50);
});

const plain: Made = {
  host: 'host-0',
  has: { vcpus: 8, memoryMb: 8192, diskGb: 80 },
  used: { vcpus: 0, memoryMb: 0, diskGb: 0 },
  traits: [],
};

test('requests that name places, neighbours, devices or layouts take the long way', async () => {
  const select = columnSelector(bothWays([plain]).short.deps);
  const place = (spec: Partial<RequestSpec>, ids = [randomUUID()]) => select({ spec: requestSpec(spec), instanceIds: ids });
  expect(await place({})).toMatchObject({ found: true });
  const others: readonly Partial<RequestSpec>[] = [
    { groupId: randomUUID() },
    { forceHost: 'host-0' },
    { requestedNode: 'host-0' },
    { ignoreHosts: ['host-1'] },
    { schedulerHints: { same_host: [randomUUID()] } },
    { flavor: flavorOf({ 'hw:numa_nodes': '1' }) },
    { flavor: flavorOf({ 'hw:cpu_policy': 'dedicated' }) },
    { flavor: flavorOf({ 'resources1:VGPU': '1' }) },
    { flavor: flavorOf({ 'capabilities:hypervisor_type': 'QEMU' }) },
    { flavor: flavorOf({ 'pci_passthrough:alias': 'a:1' }) },
  ];
  for (const spec of others) expect(await place(spec)).toBeNull();
  expect(await place({}, [randomUUID(), randomUUID()])).toBeNull();
});

test('a claim under way is counted on, and forgotten when it is refused', async () => {
  const { short } = bothWays([{ ...plain, has: { ...plain.has, vcpus: 2 } }]);
  const select = columnSelector(short.deps);
  const wanted = () => ({ spec: requestSpec(), instanceIds: [randomUUID()] });
  expect((await Promise.all([select(wanted()), select(wanted())])).map((one) => one?.found)).toEqual([true, undefined]);
  const refused = bothWays([plain], { refuses: true }).short;
  expect(await columnSelector(refused.deps)(wanted())).toBeNull();
  expect(refused.providers.column('VCPU')!.used[0]).toBe(0);
});
