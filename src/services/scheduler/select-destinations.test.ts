import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Selection } from '../../contracts/scheduler.ts';
import { plainHost } from '../../domain/numa/testing/hosts.ts';
import type { RequestSpec } from '../../domain/request-spec.ts';
import { invalid } from '../../lib/errors.ts';
import { selectDestinations, type SchedulerDeps } from './select-destinations.ts';
import { flavorOf, requestSpec } from './test-support/request.ts';
import { schedulerOf } from './test-support/scheduler.ts';
import { nodeOf, type MadeHost } from './test-support/view.ts';

const three: readonly MadeHost[] = ['a', 'b', 'c'].map((host) => ({ host }));
const place = (deps: SchedulerDeps, spec: Partial<RequestSpec> = {}, count = 1): Promise<Selection> =>
  selectDestinations(deps, { spec: requestSpec(spec), instanceIds: Array.from({ length: count }, () => randomUUID()) });
const hostsOf = (selection: Selection): readonly string[] =>
  selection.found ? selection.destinations.map(({ chosen }) => chosen.host) : [];
const alternatesOf = (selection: Selection): readonly string[][] =>
  selection.found ? selection.destinations.map(({ alternates }) => alternates.map(({ host }) => host)) : [];
const why = (selection: Selection): string => (selection.found ? 'found' : selection.message);

test('a server goes to the emptiest host, with alternates in order, and is claimed there', async () => {
  const { deps, placement } = schedulerOf([
    { host: 'a', capacity: { VCPU: 8, MEMORY_MB: 8192, DISK_GB: 100 } },
    { host: 'b' },
    { host: 'c' },
  ]);
  const selection = await place(deps);
  expect([hostsOf(selection), alternatesOf(selection)]).toEqual([['b'], [['c', 'a']]]);
  expect(placement.usedOf(nodeOf('b'))).toEqual({ VCPU: 2, MEMORY_MB: 2048, DISK_GB: 20 });
});

test('servers of one request are spread as they are placed, and are nobody’s alternates', async () => {
  const { deps } = schedulerOf(three);
  const selection = await place(deps, {}, 2);
  expect(hostsOf(selection)).toEqual(['a', 'b']);
  expect(alternatesOf(selection)).toEqual([['c'], ['c']]);
});

test('all are placed or none', async () => {
  const small = { VCPU: 2, MEMORY_MB: 2048, DISK_GB: 20 };
  const { deps, placement } = schedulerOf([
    { host: 'a', capacity: small },
    { host: 'b', capacity: small },
  ]);
  expect(why(await place(deps, {}, 3))).toBe('No valid host was found. There are not enough hosts available.');
  expect(placement.held.size).toBe(0);
  expect(hostsOf(await place(deps, {}, 2)).toSorted()).toEqual(['a', 'b']);
});

test('why hosts are refused is counted by the first filter that refuses each', async () => {
  const { deps } = schedulerOf([
    { host: 'a', disabled: true },
    { host: 'b', down: true, disabled: true },
    { host: 'c', zone: 'az2' },
  ]);
  const selection = await place(deps, { availabilityZone: 'az1' });
  expect(selection.found ? null : selection.refusal).toEqual({
    considered: 3,
    reasons: [
      { constraint: 'disabled', count: 2, example: 'its compute service is disabled' },
      { constraint: 'in another zone', count: 1, example: 'it is in zone az2, not az1' },
    ],
  });
});

describe('going where one is told', () => {
  test('a requested host is asked for by its tree, and judged', async () => {
    const { deps, placement } = schedulerOf([{ host: 'a' }, { host: 'b', disabled: true }]);
    expect(hostsOf(await place(deps, { requestedHost: 'a' }))).toEqual(['a']);
    expect(placement.queries[0]).toContain(`in_tree=${encodeURIComponent(nodeOf('a'))}`);
    expect(await place(deps, { requestedHost: 'b' })).toMatchObject({ found: false, refusal: { reasons: [{ constraint: 'disabled' }] } });
  });
  test('a forced host is not judged, and has no alternates', async () => {
    const { deps } = schedulerOf([{ host: 'a' }, { host: 'b', disabled: true, zone: 'az9' }]);
    const selection = await place(deps, { forceHost: 'b', availabilityZone: 'az1' });
    expect([hostsOf(selection), alternatesOf(selection)]).toEqual([['b'], [[]]]);
    expect(hostsOf(await place(deps, { forceNode: 'b' }))).toEqual(['b']);
  });
  test('a host that is not there is said to be', async () => {
    const { deps } = schedulerOf(three);
    expect(why(await place(deps, { requestedHost: 'z' }))).toBe('No valid host was found. No such host - host: z node: -');
    expect(why(await place(deps, { forceHost: 'a', forceNode: 'b' }))).toBe('No valid host was found. No such host - host: a node: b');
  });
  test('ignored hosts are left out, forced or not', async () => {
    const { deps } = schedulerOf(three);
    expect(hostsOf(await place(deps, { ignoreHosts: ['a', 'c'] }))).toEqual(['b']);
    expect(why(await place(deps, { forceHost: 'a', ignoreHosts: ['a'] }))).toContain('not enough hosts');
  });
  test('no trait that is asked for stops a force, but a pre-filter that finds nothing refuses all', async () => {
    const conf = ['[scheduler]', 'limit_tenants_to_placement_aggregate = true', 'placement_aggregate_required_for_tenants = true'];
    expect(why(await place(schedulerOf(three, { conf }).deps))).toBe('No valid host was found. No hosts available for tenant project-1.');
  });
});

describe('choosing among the best', () => {
  const chosen = async (...conf: readonly string[]): Promise<ReadonlySet<string>> => {
    const seen = new Set<string>();
    for (let run = 0; run < 60; run++)
      for (const host of hostsOf(await place(schedulerOf(three, { conf: ['[filter_scheduler]', ...conf] }).deps))) seen.add(host);
    return seen;
  };
  test('the first of alike hosts is taken, one of a subset is drawn, alike ones are shuffled', async () => {
    expect(await chosen()).toEqual(new Set(['a']));
    expect(await chosen('host_subset_size = 2')).toEqual(new Set(['a', 'b']));
    expect(await chosen('host_subset_size = 9')).toEqual(new Set(['a', 'b', 'c']));
    expect(await chosen('shuffle_best_same_weighed_hosts = true')).toEqual(new Set(['a', 'b', 'c']));
  });
  test('max_attempts bounds the alternates, which are of the same cell', async () => {
    const many = ['a', 'b', 'c', 'd', 'e'].map((host) => ({ host, cellId: host === 'b' ? 'cell2' : 'cell1' }));
    expect(alternatesOf(await place(schedulerOf(many).deps))).toEqual([['c', 'd']]);
    expect(alternatesOf(await place(schedulerOf(many, { conf: ['[scheduler]', 'max_attempts = 1'] }).deps))).toEqual([[]]);
  });
});

test('what placement does not understand is said', async () => {
  const { deps, placement } = schedulerOf(three);
  const strict = { ...placement.client, allocationCandidates: () => Promise.reject(invalid('No such trait(s): CUSTOM_NONE.')) };
  expect(why(await place({ ...deps, placement: strict }))).toBe('No valid host was found. No such trait(s): CUSTOM_NONE.');
});

test('a claim that loses its race goes to the next host', async () => {
  const { deps, placement } = schedulerOf(three);
  const rival: SchedulerDeps['placement'] = {
    ...placement.client,
    putAllocations: (session, consumer, wanted) =>
      placement.client.putAllocations(
        session,
        consumer,
        Object.hasOwn(wanted.allocations, nodeOf('a'))
          ? { ...wanted, allocations: { [nodeOf('a')]: { resources: { VCPU: 999 } } } }
          : wanted,
      ),
  };
  expect(hostsOf(await place({ ...deps, placement: rival }))).toEqual(['b']);
});

test('what an earlier try holds is given back, whether it is in the way of the claim or of all candidates', async () => {
  const { deps, placement } = schedulerOf([{ host: 'a', capacity: { VCPU: 3, MEMORY_MB: 4096, DISK_GB: 100 } }, { host: 'b' }]);
  const wanted = { spec: requestSpec({ requestedHost: 'a' }), instanceIds: [randomUUID()] };
  await selectDestinations(deps, wanted);
  expect(hostsOf(await selectDestinations(deps, wanted))).toEqual(['a']);
  expect(hostsOf(await selectDestinations(deps, { ...wanted, spec: requestSpec() }))).toEqual(['b']);
  expect([...placement.held.values()].map((allocations) => Object.keys(allocations))).toEqual([[nodeOf('b')]]);
});

test('a guest with dedicated processors goes where they are free, by PCPU and, on older hosts, by VCPU', async () => {
  const topology = (pinned: number[]) => ({ facts: { numaTopology: plainHost({ pinnedCpus: pinned }) } });
  const hosts = [
    { host: 'full', ...topology([0, 1, 2]), capacity: { PCPU: 4, MEMORY_MB: 16_384, DISK_GB: 200 } },
    { host: 'old', ...topology([]) },
  ];
  const conf = ['[filter_scheduler]', 'enabled_filters = ComputeFilter,NUMATopologyFilter'];
  const spec = { flavor: flavorOf({ 'hw:cpu_policy': 'dedicated' }) };
  const { deps, placement } = schedulerOf(hosts, { conf });
  expect(hostsOf(await place(deps, spec, 2))).toEqual(['old', 'old']);
  expect(placement.queries.map((query) => new URLSearchParams(query).get('resources'))).toEqual([
    'DISK_GB:20,MEMORY_MB:2048,PCPU:2',
    'DISK_GB:20,MEMORY_MB:2048,VCPU:2',
  ]);
  expect(why(await place(deps, spec))).toContain('not enough hosts'); // its processors are remembered as taken until the host says what it has
  const without = schedulerOf(hosts, { conf: [...conf, '[workarounds]', 'disable_fallback_pcpu_query = true'] });
  expect(await place(without.deps, spec)).toMatchObject({
    refusal: { reasons: [{ constraint: 'without NUMA nodes the server fits on', example: 'it has 1 free dedicated processors, of 2' }] },
  });
});

test('PCI devices are taken once', async () => {
  const pool = {
    vendorId: '10de', productId: '1db4', deviceType: 'type-PCI', numaNode: null, trusted: false, remoteManaged: false, liveMigratable: false,
    managed: true, oneTimeUse: false, resourceClass: null, traits: [], providerUuid: null,
  } as const; // prettier-ignore
  const conf = [
    '[filter_scheduler]',
    'enabled_filters = ComputeFilter,PciPassthroughFilter',
    '[pci]',
    'alias = {"name": "gpu", "vendor_id": "10de", "product_id": "1db4"}',
  ];
  const { deps } = schedulerOf([{ host: 'a', facts: { pciPools: [{ ...pool, devices: ['x'] }] } }, { host: 'b', facts: { pciPools: [{ ...pool, devices: ['y'] }] } }, { host: 'c' }], { conf }); // prettier-ignore
  const spec = { flavor: flavorOf({ 'pci_passthrough:alias': 'gpu:1' }) };
  expect(hostsOf(await place(deps, spec, 2)).toSorted()).toEqual(['a', 'b']);
  expect(why(await place(deps, spec))).toContain('not enough hosts');
  await expect(place(deps, { flavor: flavorOf({ 'pci_passthrough:alias': 'tpu:1' }) })).rejects.toThrow('PCI alias tpu is not defined');
});
