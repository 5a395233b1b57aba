import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDatabase, type TemporaryDatabase } from '../../../test/support/database.ts';
import { messageOf } from '../../lib/errors.ts';
import { migratePlacement } from './start-placement.ts';
import { grantClaims, type Claim } from './store/allocations.ts';
import { putInventories } from './store/inventories.ts';
import { findProvider, insertProvider } from './store/providers.ts';
import { placementForTests, type PlacementForTests } from './testing/placement-for-tests.ts';

let database: TemporaryDatabase;
let placement: PlacementForTests;

beforeAll(async () => {
  database = await temporaryDatabase(migratePlacement, 'placement');
  placement = placementForTests(database.url, 20);
});
afterAll(async () => {
  await placement[Symbol.asyncDispose]();
  await database.drop();
});

const plain = { reserved: 0, min_unit: 1, max_unit: 1000, step_size: 1, allocation_ratio: 1 };

async function makeProvider(totals: Readonly<Record<string, number>>): Promise<string> {
  const uuid = randomUUID();
  await insertProvider(placement.deps.database, { uuid, name: uuid, parentUuid: null });
  const { id } = await findProvider(placement.deps.database, uuid);
  await putInventories(
    placement.deps.database,
    id,
    Object.fromEntries(Object.entries(totals).map(([name, total]) => [name, { ...plain, total }])),
  );
  return uuid;
}

const claimOf = (allocations: Claim['allocations'], more: Partial<Claim> = {}): Claim => ({
  consumer: randomUUID(),
  projectId: 'p',
  userId: 'u',
  type: 'INSTANCE',
  generation: null,
  allocations,
  ...more,
});

/** What is used of a provider, counted from the allocations themselves. */
async function used(uuid: string): Promise<Readonly<Record<string, number>>> {
  const { rows } = await sql<{ resource_class: string; used: number }>`
    SELECT a.resource_class, sum(a.used)::float8 AS used FROM allocations a JOIN resource_providers p ON p.id = a.provider_id WHERE p.uuid = ${uuid} GROUP BY 1
  `.execute(placement.deps.database);
  return Object.fromEntries(rows.map((row) => [row.resource_class, row.used]));
}

async function settle(claims: readonly Promise<unknown>[]): Promise<{ granted: number; refused: readonly string[] }> {
  const settled = await Promise.allSettled(claims);
  return {
    granted: settled.filter(({ status }) => status === 'fulfilled').length,
    refused: settled.flatMap((one) => (one.status === 'rejected' ? [messageOf(one.reason)] : [])),
  };
}

test('of a hundred claimants at once exactly as many are served as fit', async () => {
  const host = await makeProvider({ VCPU: 40, MEMORY_MB: 1000 });
  const { granted, refused } = await settle(
    Array.from({ length: 100 }, () => grantClaims(placement.deps.database, [claimOf({ [host]: { VCPU: 1, MEMORY_MB: 7 } })])),
  );
  expect(granted).toBe(40);
  expect(refused.every((message) => message.includes('would exceed the capacity'))).toBe(true);
  expect(await used(host)).toEqual({ VCPU: 40, MEMORY_MB: 280 });
});

test('claims that hold providers in different orders do not block each other, and refused consumers leave nothing behind', async () => {
  const hosts = await Promise.all(Array.from({ length: 4 }, () => makeProvider({ VCPU: 30 })));
  const claims = Array.from({ length: 100 }, (_, n) => {
    const order = n % 2 === 0 ? hosts : hosts.toReversed();
    return claimOf(Object.fromEntries(order.slice(0, 3).map((host) => [host, { VCPU: 1 }])));
  });
  const { granted, refused } = await settle(claims.map((claim) => grantClaims(placement.deps.database, [claim])));
  expect(granted + refused.length).toBe(100);
  expect(refused.every((message) => message.includes('would exceed the capacity'))).toBe(true);
  for (const host of hosts) expect((await used(host))['VCPU'] ?? 0).toBeLessThanOrEqual(30);
  const { rows } = await sql<{
    count: number;
  }>`SELECT count(*)::int AS count FROM consumers WHERE uuid = ANY (${claims.map((claim) => claim.consumer)}::uuid[])`.execute(
    placement.deps.database,
  );
  expect(rows[0]?.count).toBe(granted);
});

test('of many that say a consumer is new one is right', async () => {
  const host = await makeProvider({ VCPU: 100 });
  const consumer = randomUUID();
  const { granted, refused } = await settle(
    Array.from({ length: 50 }, () => grantClaims(placement.deps.database, [claimOf({ [host]: { VCPU: 1 } }, { consumer })])),
  );
  expect(granted).toBe(1);
  expect(refused.every((message) => message.startsWith('consumer generation conflict'))).toBe(true);
  expect(await used(host)).toEqual({ VCPU: 1 });
});

test('a server moves between its own and its migration’s allocations in one claim, on a host that is full', async () => {
  const host = await makeProvider({ VCPU: 4 });
  const server = randomUUID();
  const migration = randomUUID();
  await grantClaims(placement.deps.database, [claimOf({ [host]: { VCPU: 4 } }, { consumer: server })]);
  await grantClaims(placement.deps.database, [
    claimOf({}, { consumer: server, generation: 1 }),
    claimOf({ [host]: { VCPU: 4 } }, { consumer: migration, type: 'MIGRATION' }),
  ]);
  const asked = await Promise.all([server, migration].map((consumer) => placement.ask('GET', `/allocations/${consumer}`)));
  expect(asked.map(({ body }) => [Object.keys(body.allocations), body.consumer_type])).toEqual([
    [[], undefined],
    [[host], 'MIGRATION'],
  ]);
});

test('whatever is claimed, replaced and released at once, no provider ever gives more than it has', async () => {
  const step = fc.record({
    consumer: fc.nat(5),
    hosts: fc.uniqueArray(fc.nat(2), { minLength: 0, maxLength: 3 }),
    amount: fc.integer({ min: 1, max: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 }), async (rounds) => {
      const hosts = await Promise.all([8, 10, 12].map((total) => makeProvider({ VCPU: total })));
      const consumers = Array.from({ length: 6 }, () => randomUUID());
      for (const round of rounds) {
        await settle(
          round.map(({ consumer, hosts: chosen, amount }) =>
            grantClaims(placement.deps.database, [
              claimOf(Object.fromEntries(chosen.map((n) => [hosts[n]!, { VCPU: amount }])), {
                consumer: consumers[consumer]!,
                generation: undefined,
              }),
            ]),
          ),
        );
        const usages = await Promise.all(hosts.map((host) => used(host)));
        expect(usages.every((usage, n) => (usage['VCPU'] ?? 0) <= 8 + 2 * n)).toBe(true);
      }
      const view = await placement.deps.view.read();
      const inView = hosts.map((host) => view.column('VCPU')!.used[view.slotOf(host)!]);
      expect(inView).toEqual((await Promise.all(hosts.map((host) => used(host)))).map((usage) => usage['VCPU'] ?? 0));
    }),
    { numRuns: 25 },
  );
});

test('reshapes and claims of the same providers at once never fail but by 409, and every allocation keeps its inventory', async () => {
  const root = await makeProvider({ VCPU: 400 });
  const child = await makeProvider({ DISK_GB: 10 });
  const statuses: number[] = [];
  const generationOf = async (uuid: string) => (await placement.ask('GET', `/resource_providers/${uuid}`)).body.generation as number;
  const inventory = (total: number) => ({ total, max_unit: total });
  await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      if (n % 4 > 0) {
        const order = n % 2 === 0 ? [root, child] : [child, root];
        const allocations = Object.fromEntries(order.map((uuid) => [uuid, { resources: uuid === root ? { VCPU: 1 } : { DISK_GB: 1 } }]));
        const asked = { allocations, project_id: 'p', user_id: 'u', consumer_generation: null, consumer_type: 'INSTANCE' };
        statuses.push((await placement.ask('PUT', `/allocations/${randomUUID()}`, { body: asked })).status);
        return;
      }
      const [ofRoot, ofChild] = await Promise.all([generationOf(root), generationOf(child)]);
      const moved = {
        allocations: { [child]: { resources: { DISK_GB: 1 } } },
        project_id: 'p',
        user_id: 'u',
        consumer_generation: null,
        consumer_type: 'INSTANCE',
      };
      const inventories = {
        [child]: { resource_provider_generation: ofChild, inventories: { DISK_GB: inventory(10 + n) } },
        [root]: { resource_provider_generation: ofRoot, inventories: { VCPU: inventory(400) } },
      };
      statuses.push((await placement.ask('POST', '/reshaper', { body: { inventories, allocations: { [randomUUID()]: moved } } })).status);
    }),
  );
  expect(statuses.filter((status) => status !== 204 && status !== 409)).toEqual([]);
  expect(statuses).toContain(204);
  expect((await used(child))['DISK_GB']).toBeLessThanOrEqual(50);
});
