import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProviderView, type ProviderRecord } from './provider-view.ts';
import type { CandidateRequest, RequestGroup } from './candidate-request.ts';
import { findCandidates } from './find-candidates.ts';
import { naiveCandidates } from './testing/naive-candidates.ts';
import { readCandidateQuery } from './read-candidate-query.ts';

interface Given {
  readonly parent?: number;
  readonly root?: number;
  /** Total, or total and used. */
  readonly has?: Readonly<Record<string, number | readonly [total: number, used: number]>>;
  readonly traits?: readonly string[];
  readonly aggregates?: readonly string[];
}

const aggregateA = '00000000-0000-4000-8000-00000000000a';
const uuidOf = (id: number): string => `00000000-0000-4000-9000-${String(id).padStart(12, '0')}`;

const provider = (id: number, { parent, root, has = {}, traits = [], aggregates = [] }: Given): ProviderRecord => ({
  id,
  uuid: uuidOf(id),
  name: `provider ${id}`,
  generation: 0,
  parentId: parent ?? null,
  rootId: root ?? parent ?? id,
  updatedAt: 0,
  inventories: Object.fromEntries(
    Object.entries(has).map(([name, numbers]) => {
      const [total, used] = typeof numbers === 'number' ? [numbers, 0] : numbers;
      return [name, [total, 0, 1, total, 1, 1, used]];
    }),
  ),
  traits,
  aggregates,
});

function viewOf(providers: Readonly<Record<number, Given>>): ProviderView {
  const view = new ProviderView();
  view.apply(Object.entries(providers).map(([id, given]) => provider(Number(id), given)));
  return view;
}

/** Candidates of a query, each as its providers' ids with what is taken of them: `1:VCPU=2`. */
function find(view: ProviderView, query: string): string[] {
  return told(view, readCandidateQuery(query, { version: 1039 }));
}

function told(view: ProviderView, request: CandidateRequest): string[] {
  const { demands, candidates } = findCandidates(view, request);
  return candidates.map((choice) => tell(choice.map((slot, at) => ({ id: view.at(slot).id, ...demands[at]! })))).toSorted();
}

const tell = (
  parts: readonly { readonly id: number; readonly suffix: string; readonly resourceClass: string; readonly amount: number }[],
): string =>
  parts
    .map(({ id, suffix, resourceClass, amount }) => `${id}${suffix === '' ? '' : `(${suffix})`}:${resourceClass}=${amount}`)
    .toSorted()
    .join(' ');

test('room is what is left of the total less what is reserved, times the ratio, in units the provider deals in', () => {
  const view = new ProviderView();
  const base = provider(1, {});
  view.apply([{ ...base, inventories: { VCPU: [10, 2, 2, 12, 2, 2, 6] } }]); // (10 − 2) × 2 − 6 = 10 free
  expect([1, 2, 3, 10, 12].map((amount) => find(view, `resources=VCPU:${amount}`).length)).toEqual([0, 1, 0, 1, 0]);
});

test('a host is found by required, forbidden and alternative traits', () => {
  const view = viewOf({
    1: { has: { VCPU: 4 }, traits: ['A', 'B'] },
    2: { has: { VCPU: 4 }, traits: ['B'] },
    3: { has: { VCPU: 4 }, traits: ['C'] },
  });
  expect(find(view, 'resources=VCPU:1&required=B,!A')).toEqual(['2:VCPU=1']);
  expect(find(view, 'resources=VCPU:1&required=in:A,C')).toEqual(['1:VCPU=1', '3:VCPU=1']);
  expect(find(view, 'resources=VCPU:1&required=in:A,C&required=B')).toEqual(['1:VCPU=1']);
});

test('a disabled host is left out by the traits of its root, whatever its children are', () => {
  const view = viewOf({
    1: { has: { VCPU: 4 }, traits: ['COMPUTE_STATUS_DISABLED', 'OWNER_NOVA'] },
    2: { has: { VCPU: 4 }, traits: ['OWNER_NOVA'] },
    3: { parent: 2, has: { VGPU: 1 }, traits: ['COMPUTE_STATUS_DISABLED'] },
  });
  expect(find(view, 'resources=VCPU:1&root_required=OWNER_NOVA,!COMPUTE_STATUS_DISABLED')).toEqual(['2:VCPU=1']);
  expect(find(view, 'resources=VCPU:1&resources1=VGPU:1&root_required=OWNER_NOVA,!COMPUTE_STATUS_DISABLED')).toEqual([
    '2:VCPU=1 3(1):VGPU=1',
  ]);
});

test('aggregates of a root span its tree; forbidden ones shut it', () => {
  const view = viewOf({ 1: { aggregates: [aggregateA] }, 2: { parent: 1, has: { VCPU: 4 } }, 3: { has: { VCPU: 4 } } });
  expect(find(view, `resources=VCPU:1&member_of=${aggregateA}`)).toEqual(['2:VCPU=1']);
  expect(find(view, `resources=VCPU:1&member_of=!in:${aggregateA}`)).toEqual(['3:VCPU=1']);
});

test('a tree shares its resources out, and in_tree names any provider of it', () => {
  const view = viewOf({
    1: { has: { DISK_GB: 10 } },
    2: { parent: 1, has: { VCPU: 2 } },
    3: { parent: 1, has: { VCPU: 2 } },
    4: { has: { VCPU: 9, DISK_GB: 9 } },
  });
  expect(find(view, `resources=VCPU:2,DISK_GB:5&in_tree=${uuidOf(3)}`)).toEqual(['1:DISK_GB=5 2:VCPU=2', '1:DISK_GB=5 3:VCPU=2']);
});

test('shared storage serves the hosts it has an aggregate in common with', () => {
  const view = viewOf({
    1: { has: { VCPU: 4 }, aggregates: [aggregateA] },
    2: { has: { VCPU: 4 } },
    3: { has: { DISK_GB: 100 }, traits: ['MISC_SHARES_VIA_AGGREGATE'], aggregates: [aggregateA] },
  });
  expect(find(view, 'resources=VCPU:1,DISK_GB:10')).toEqual(['1:VCPU=1 3:DISK_GB=10']);
  expect(find(view, 'resources=DISK_GB:10')).toEqual(['3:DISK_GB=10']);
});

test('isolated groups take providers of their own; otherwise one serves both while it has room', () => {
  const view = viewOf({ 1: {}, 2: { parent: 1, has: { SRIOV_NET_VF: 4 } }, 3: { parent: 1, has: { SRIOV_NET_VF: 1 } } });
  const groups = 'resources1=SRIOV_NET_VF:1&resources2=SRIOV_NET_VF:1&group_policy=';
  expect(find(view, `${groups}isolate`)).toEqual(['2(1):SRIOV_NET_VF=1 3(2):SRIOV_NET_VF=1', '2(2):SRIOV_NET_VF=1 3(1):SRIOV_NET_VF=1']);
  expect(find(view, `${groups}none`)).toEqual([
    '2(1):SRIOV_NET_VF=1 2(2):SRIOV_NET_VF=1',
    '2(1):SRIOV_NET_VF=1 3(2):SRIOV_NET_VF=1',
    '2(2):SRIOV_NET_VF=1 3(1):SRIOV_NET_VF=1',
  ]);
});

test('same_subtree wants one provider above the others, a group without resources among them', () => {
  const view = viewOf({
    1: {},
    2: { parent: 1, has: { VCPU: 4 }, traits: ['HW_NUMA_ROOT'] },
    3: { parent: 2, root: 1, has: { VGPU: 1 } },
    4: { parent: 1, has: { VCPU: 4 }, traits: ['HW_NUMA_ROOT'] },
  });
  expect(find(view, 'resources_C=VCPU:1&resources_G=VGPU:1&same_subtree=_C,_G&group_policy=none')).toEqual(['2(_C):VCPU=1 3(_G):VGPU=1']);
  expect(find(view, 'resources_G=VGPU:1&required_N=HW_NUMA_ROOT&same_subtree=_N,_G&group_policy=none')).toEqual(['2(_N):=0 3(_G):VGPU=1']);
});

test('a limit ends the search', () => {
  const view = viewOf(Object.fromEntries(Array.from({ length: 50 }, (_, n) => [n + 1, { has: { VCPU: 1 } }])));
  expect(find(view, 'resources=VCPU:1&limit=7')).toHaveLength(7);
});

test('a seed draws the order of trees: a limited answer names others, an unlimited one the same', () => {
  const view = viewOf(Object.fromEntries(Array.from({ length: 50 }, (_, n) => [n + 1, { has: { VCPU: 1 } }])));
  const request = readCandidateQuery('resources=VCPU:1&limit=5', { version: 1039 });
  const idsAt = (seed: number, limit: number | null): number[] =>
    findCandidates(view, { ...request, limit }, seed).candidates.map(([slot]) => view.at(slot!).id);
  expect(new Set([1, 2, 3, 4, 5, 6].flatMap((seed) => idsAt(seed, 5))).size).toBeGreaterThan(10);
  expect(idsAt(7, 5)).toEqual(idsAt(7, 5));
  expect(idsAt(7, null).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
});

test('a search that its bounds end says so', () => {
  const children = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [n + 2, { parent: 1, has: { VGPU: 1, VCPU: 1, DISK_GB: 1 } }]));
  const view = viewOf({ 1: {}, ...children });
  const cut = (query: string): boolean => findCandidates(view, readCandidateQuery(query, { version: 1039 })).cut;
  expect(cut('resources=VGPU:1')).toBe(false);
  expect(cut('resources=VGPU:1,VCPU:1,DISK_GB:1')).toBe(true);
});

test('providers that went, came back or changed are seen as they are', () => {
  const view = viewOf({ 1: { has: { VCPU: 1 }, traits: ['A'] }, 2: { parent: 1, has: { VGPU: 1 } } });
  view.apply([], [2]);
  expect(find(view, 'resources=VGPU:1')).toEqual([]);
  view.apply([provider(3, { has: { VGPU: 2 } }), provider(1, { has: { MEMORY_MB: 5 } })]);
  expect([find(view, 'resources=VGPU:2'), find(view, 'resources=VCPU:1'), find(view, 'resources=MEMORY_MB:5&required=!A')]).toEqual([
    ['3:VGPU=2'],
    [],
    ['1:MEMORY_MB=5'],
  ]);
});

test('any request on any forest finds just what trying everything finds', () => {
  const classes = ['VCPU', 'VGPU'] as const;
  const traits = ['A', 'B', 'MISC_SHARES_VIA_AGGREGATE'] as const;
  const aggregates = [aggregateA, aggregateA.replace(/a$/, 'b')] as const;
  const inventory = fc.option(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 2 })), { nil: null });
  const node = fc.record({
    parent: fc.option(fc.nat(5), { nil: null }),
    VCPU: inventory,
    VGPU: inventory,
    traits: fc.subarray([...traits]),
    aggregates: fc.subarray([...aggregates]),
  });
  const forest = fc.array(node, { minLength: 1, maxLength: 6 }).map((nodes) => {
    const parents = nodes.map(({ parent }, n) => (parent === null || parent >= n ? null : parent));
    const rootOf = (n: number): number => (parents[n] == null ? n : rootOf(parents[n]));
    return nodes.map((given, n) =>
      provider(n + 1, {
        ...(parents[n] == null ? {} : { parent: parents[n] + 1, root: rootOf(n) + 1 }),
        has: Object.fromEntries(classes.flatMap((name) => (given[name] === null ? [] : [[name, given[name]]]))),
        traits: given.traits,
        aggregates: given.aggregates,
      }),
    );
  });
  const group = (suffix: string): fc.Arbitrary<RequestGroup> =>
    fc.record({
      suffix: fc.constant(suffix),
      resources: fc
        .uniqueArray(fc.tuple(fc.constantFrom(...classes), fc.integer({ min: 1, max: 3 })), { minLength: 1, selector: ([name]) => name })
        .map((pairs) => new Map<string, number>(pairs)),
      required: fc.array(fc.subarray(['A', 'B'], { minLength: 1 }), { maxLength: 1 }),
      forbidden: fc.subarray(['A'], { maxLength: 1 }),
      memberOf: fc.array(fc.subarray([...aggregates], { minLength: 1 }), { maxLength: 1 }),
      notMemberOf: fc.subarray([aggregates[1]]),
      inTree: fc.option(fc.constantFrom(uuidOf(1), uuidOf(2)), { nil: null, freq: 6 }),
    });
  const request = fc.record({
    groups: fc.oneof(fc.tuple(group('')), fc.tuple(group(''), group('1')), fc.tuple(group('1'), group('2'))),
    groupPolicy: fc.constantFrom('none' as const, 'isolate' as const),
    rootRequired: fc.subarray(['B'], { maxLength: 1 }),
    rootForbidden: fc.constant([]),
    sameSubtrees: fc.constantFrom([], [['1', '2']]),
    limit: fc.constant(null),
    nested: fc.constant(true),
  });
  fc.assert(
    fc.property(forest, request, (providers, asked) => {
      const view = new ProviderView();
      view.apply(providers);
      expect(told(view, asked)).toEqual(naiveCandidates(providers, asked).map(tell).toSorted());
    }),
    { numRuns: 2000 },
  );
});

test('a tree with more ways than anyone can use is given up in good time, with what was found', () => {
  const classes = Array.from({ length: 12 }, (_, index) => `CUSTOM_${index}`);
  const wide = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [
      index + 2,
      { parent: 1, root: 1, has: Object.fromEntries(classes.map((name) => [name, 8])) },
    ]),
  );
  const view = viewOf({ 1: {}, ...wide });
  const spread = readCandidateQuery(`resources=${classes.map((name) => `${name}:1`).join(',')}`, { version: 1039 });
  const grouped = readCandidateQuery(`${classes.map((name, index) => `resources${index + 1}=${name}:8`).join('&')}&group_policy=isolate`, {
    version: 1039,
  });
  for (const request of [spread, grouped]) {
    const { candidates } = findCandidates(view, request);
    expect(candidates.length).toBeGreaterThan(1000);
    expect(candidates.length).toBeLessThanOrEqual(100_000);
    expect(findCandidates(view, { ...request, limit: 3 }).candidates).toEqual(candidates.slice(0, 3));
  }
});

test('a search that finds nothing ends too', () => {
  const classes = Array.from({ length: 12 }, (_, index) => `CUSTOM_${index}`);
  const wide = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [
      index + 2,
      { parent: 1, root: 1, has: Object.fromEntries(classes.map((name) => [name, 8])) },
    ]),
  );
  const view = viewOf({ 1: {}, ...wide, 90: { parent: 1, root: 1, traits: ['CUSTOM_RARE'] } });
  expect(find(view, `resources=${classes.map((name) => `${name}:1`).join(',')}&required=CUSTOM_RARE`)).toEqual([]);
});
