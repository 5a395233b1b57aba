import { expect, test } from 'vitest';
import { ProviderView, type ProviderRecord } from '../../domain/placement/provider-view.ts';
import { readQuery } from './local-candidates.ts';
import { whyNot } from './why-not.ts';

const uuidOf = (id: number): string => `00000000-0000-4000-9000-${String(id).padStart(12, '0')}`;
const zone = '00000000-0000-4000-8000-00000000000a';
const kept = '00000000-0000-4000-8000-00000000000b';

const provider = (id: number, more: Partial<ProviderRecord> = {}): ProviderRecord => ({
  id,
  uuid: uuidOf(id),
  name: `provider ${id}`,
  generation: 0,
  parentId: null,
  rootId: more.parentId ?? id,
  updatedAt: 0,
  inventories: { VCPU: [8, 0, 1, 8, 1, 1, 6], MEMORY_MB: [4096, 512, 1, 4096, 1, 1, 0] },
  traits: ['OWNER_NOVA'],
  aggregates: [zone],
  ...more,
});

function why(providers: readonly ProviderRecord[], query: string, node = uuidOf(1)) {
  const view = new ProviderView();
  view.apply(providers);
  return whyNot(view, readQuery(query), node, (aggregates) =>
    aggregates.includes(zone) ? { constraint: 'in another zone', because: 'is in zone b, not a' } : null,
  );
}
const small = 'resources=VCPU:1,MEMORY_MB:256';

test('a host that placement offers is not objected to', () => {
  expect(why([provider(1)], `${small}&root_required=OWNER_NOVA,!COMPUTE_STATUS_DISABLED&member_of=in:${zone}`)).toBeNull();
});

test.each<readonly [string, Partial<ProviderRecord>, string, string, string]>([
  ['not asked for', {}, `${small}&in_tree=${uuidOf(2)}`, 'not the host that is asked for', 'is not the host'],
  ['disabled', { traits: ['COMPUTE_STATUS_DISABLED'] }, `${small}&root_required=!COMPUTE_STATUS_DISABLED`, 'disabled', 'is disabled'],
  [
    'of an excluded kind',
    { traits: ['CUSTOM_OLD'] },
    `${small}&required=!CUSTOM_OLD`,
    'of a kind that is excluded (CUSTOM_OLD)',
    'CUSTOM_OLD',
  ],
  [
    'without a trait of the host',
    { traits: [] },
    `${small}&root_required=OWNER_NOVA`,
    'without the trait OWNER_NOVA',
    'lacks the trait OWNER_NOVA',
  ],
  [
    'without any of several traits',
    {},
    `${small}&required=in:CUSTOM_A,CUSTOM_B`,
    'without the trait CUSTOM_A or CUSTOM_B',
    'CUSTOM_A or CUSTOM_B',
  ],
  ['in another zone', { aggregates: [] }, `${small}&member_of=in:${zone}`, 'in another zone', 'is in zone b, not a'],
  ['outside other aggregates', {}, `${small}&member_of=in:${kept}`, 'outside the aggregates that are asked for', 'none of the aggregates'],
  ['kept for others', { aggregates: [kept] }, `${small}&member_of=!in:${kept}`, 'kept for other requests', 'only other requests'],
  ['without room', {}, 'resources=VCPU:4,MEMORY_MB:8192', 'without 4 VCPUs and 8192 MB of memory', 'lacks 2 VCPUs and 4608 MB of memory'],
  ['without a class', {}, 'resources=VCPU:1,VGPU:1', 'without 1 VGPU', 'lacks 1 VGPU'],
])('a host is %s', (_, host, query, constraint, because) => {
  const found = why([provider(1, host), provider(2)], query);
  expect(found?.constraint).toBe(constraint);
  expect(found?.because).toContain(because);
});

test('how far a host is from doing counts what is missing as a part of what is asked for', () => {
  expect(why([provider(1)], 'resources=VCPU:4,MEMORY_MB:8192')?.shortfall).toBeCloseTo(2 / 4 + 4608 / 8192);
  expect(why([provider(1)], `${small}&root_required=CUSTOM_A`)?.shortfall).toBeNull();
});

test('a host that has each part, but not together, says so; one that placement does not know, too', () => {
  const children = [2, 3].map((id) =>
    provider(id, {
      parentId: 1,
      inventories: { VGPU: [1, 0, 1, 1, 1, 1, 0] },
      traits: id === 2 ? ['CUSTOM_A'] : ['CUSTOM_B'],
      aggregates: [],
    }),
  );
  const query = 'resources1=VGPU:1&required1=CUSTOM_A,CUSTOM_B';
  expect(why([provider(1), ...children], query)?.constraint).toBe('unable to hold it all together');
  expect(why([provider(1)], small, uuidOf(9))?.constraint).toBe('unknown to placement');
});
