import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDatabase, type TemporaryDatabase } from '../../../test/support/database.ts';
import { migratePlacement } from './start-placement.ts';
import { placementForTests, type PlacementForTests } from './testing/placement-for-tests.ts';

let database: TemporaryDatabase;
/** Two placement services that share one database: claims must hold between them, too. */
let services: readonly PlacementForTests[];

beforeAll(async () => {
  database = await temporaryDatabase(migratePlacement, 'placement');
  services = [placementForTests(database.url, 10), placementForTests(database.url, 10)];
});
afterAll(async () => {
  for (const service of services) await service[Symbol.asyncDispose]();
  await database.drop();
});

const [classes, claimants] = [['VCPU', 'MEMORY_MB'] as const, 100];
type Amounts = Readonly<Partial<Record<(typeof classes)[number], number>>>;

const claim = fc.record({
  /** Which of three hosts, and how much of it; a second host makes it a claim of two providers. */
  host: fc.nat(2),
  other: fc.option(fc.nat(2), { nil: null }),
  amounts: fc.oneof(
    fc.record({ VCPU: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ VCPU: fc.integer({ min: 1, max: 4 }), MEMORY_MB: fc.integer({ min: 1, max: 8 }) }),
  ),
  /** Claimants that claim twice say the second time that they are new, which they may not be. */
  twice: fc.boolean(),
});
const host = fc.record({
  VCPU: fc.integer({ min: 1, max: 40 }),
  MEMORY_MB: fc.integer({ min: 1, max: 60 }),
  ratio: fc.constantFrom(1, 1.5, 4),
});

async function makeHost({ VCPU, MEMORY_MB, ratio }: { VCPU: number; MEMORY_MB: number; ratio: number }): Promise<string> {
  const uuid = randomUUID();
  const [service] = services;
  await service!.ask('POST', '/resource_providers', { body: { name: uuid, uuid } });
  const inventories = { VCPU: { total: VCPU, allocation_ratio: ratio }, MEMORY_MB: { total: MEMORY_MB } };
  expect(
    (await service!.ask('PUT', `/resource_providers/${uuid}/inventories`, { body: { resource_provider_generation: 0, inventories } }))
      .status,
  ).toBe(200);
  return uuid;
}

test('of 100 claimants at once nobody gets what is not there, nobody loses what was granted, and every loser gets 409', async () => {
  await fc.assert(
    fc.asyncProperty(fc.tuple(host, host, host), fc.array(claim, { minLength: claimants, maxLength: claimants }), async (hosts, claims) => {
      const uuids = await Promise.all(hosts.map(makeHost));
      const asked = claims.map(
        ({ host: first, other, amounts, twice }: { host: number; other: number | null; amounts: Amounts; twice: boolean }) => ({
          consumer: randomUUID(),
          twice,
          allocations: Object.fromEntries(
            [first, ...(other === null ? [] : [other])].map((at) => [uuids[at]!, { resources: amounts }] as const),
          ),
        }),
      );
      const outcomes = await Promise.all(
        asked.flatMap(({ consumer, allocations, twice }, n) => {
          const body = { allocations, project_id: 'p', user_id: 'u', consumer_generation: null, consumer_type: 'INSTANCE' };
          const put = async (service: PlacementForTests) => ({
            consumer,
            allocations,
            ...(await service.ask('PUT', `/allocations/${consumer}`, { body })),
          });
          return twice ? services.map(put) : [put(services[n % 2]!)];
        }),
      );
      expect(outcomes.filter(({ status }) => status !== 204 && status !== 409)).toEqual([]);
      const granted = new Map(
        outcomes.flatMap(({ status, consumer, allocations }) => (status === 204 ? [[consumer, allocations] as const] : [])),
      );
      expect(outcomes.filter(({ status }) => status === 204)).toHaveLength(granted.size);

      for (const [at, uuid] of uuids.entries()) {
        const held: Readonly<Record<string, { resources: Amounts }>> = (
          await services[at % 2]!.ask('GET', `/resource_providers/${uuid}/allocations`)
        ).body.allocations;
        const wanted = [...granted].flatMap(([consumer, allocations]) =>
          allocations[uuid] === undefined ? [] : [[consumer, allocations[uuid].resources] as const],
        );
        expect(Object.fromEntries(Object.entries(held).map(([consumer, { resources }]) => [consumer, resources]))).toEqual(
          Object.fromEntries(wanted),
        );
        const sum = (name: (typeof classes)[number]): number => wanted.reduce((total, [, amounts]) => total + (amounts[name] ?? 0), 0);
        const { VCPU, MEMORY_MB, ratio } = hosts[at]!;
        expect(sum('VCPU')).toBeLessThanOrEqual(VCPU * ratio);
        expect(sum('MEMORY_MB')).toBeLessThanOrEqual(MEMORY_MB);
      }
      // a loser lost to those who were granted: beside them all there is no room for it
      const body = { project_id: 'p', user_id: 'u', consumer_generation: null, consumer_type: 'INSTANCE' };
      const losers = asked.filter(({ consumer }) => !granted.has(consumer));
      const again = await Promise.all(
        losers.map(({ consumer, allocations }) => services[0]!.ask('PUT', `/allocations/${consumer}`, { body: { ...body, allocations } })),
      );
      expect(again.filter(({ status }) => status !== 409)).toEqual([]);
    }),
    { numRuns: 8, endOnFailure: true },
  );
}, 60_000);
