import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDatabase, type TemporaryDatabase } from '../../../../test/support/database.ts';
import { openDatabase } from '../../../lib/sql/database.ts';
import { migratePlacement } from '../start-placement.ts';
import { grantClaims } from '../store/allocations.ts';
import { putInventories } from '../store/inventories.ts';
import { deleteProvider, findProvider, insertProvider, updateProvider } from '../store/providers.ts';
import type { PlacementDatabase, PlacementTables } from '../store/tables.ts';
import { createCurrentView } from './current-view.ts';
import type { ProviderView } from '../../../domain/placement/provider-view.ts';

let temporary: TemporaryDatabase;
let database: PlacementDatabase;

beforeAll(async () => {
  temporary = await temporaryDatabase(migratePlacement, 'placement');
  database = openDatabase<PlacementTables>(temporary.url, { maxConnections: 10 });
});
afterAll(async () => {
  await database.destroy();
  await temporary.drop();
});

/** A clock that stands where it is told. */
const clockAt = (ms: number) => ({ ms, now: () => clock.ms });
const clock = clockAt(0);

/** Everything a view knows, in an order of its own. */
function contents(view: ProviderView): unknown[] {
  return Array.from({ length: view.slots }, (_, slot) => slot)
    .filter((slot) => view.has(slot))
    .map((slot) => {
      const { id, name, generation, inventories, traits, aggregates } = view.at(slot);
      const tree = view.treeOf(view.rootOf(slot)).map((member) => view.at(member).id);
      const columns = Object.keys(inventories).map((resourceClass) => [
        resourceClass,
        view.column(resourceClass)?.used[slot],
        view.column(resourceClass)?.capacity[slot],
      ]);
      const parent = view.parentOf(slot);
      return {
        id,
        name,
        generation,
        traits,
        aggregates,
        columns,
        tree: tree.toSorted((a, b) => a - b),
        parent: parent === undefined ? null : view.at(parent).id,
      };
    })
    .toSorted((a, b) => a.id - b.id);
}

async function addProvider(parentUuid: string | null): Promise<string> {
  const uuid = randomUUID();
  await insertProvider(database, { uuid, name: uuid, parentUuid });
  const { id } = await findProvider(database, uuid);
  await database.transaction().execute(async (tx) => {
    await putInventories(tx, id, { VCPU: { total: 8, reserved: 0, min_unit: 1, max_unit: 8, step_size: 1, allocation_ratio: 2 } });
    await sql`UPDATE resource_providers SET generation = generation + 1 WHERE id = ${id}`.execute(tx);
  });
  return uuid;
}

test('after any changes, made at once, a view that followed them is as one that reads everything', async () => {
  const following = createCurrentView(database, clock);
  const uuids: string[] = [];
  const step = fc.record({ kind: fc.constantFrom('add', 'add', 'move', 'claim', 'claim', 'delete'), a: fc.nat(30), b: fc.nat(30) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const work = steps.map(async ({ kind, a, b }) => {
        const [one, other] = [uuids[a % uuids.length], uuids[b % uuids.length]];
        if (kind === 'add' || one === undefined || other === undefined) uuids.push(await addProvider(other ?? null));
        else if (kind === 'move')
          await updateProvider(database, one, { name: one, parentUuid: b % 3 === 0 ? null : other, mayReparent: true });
        else if (kind === 'delete') await deleteProvider(database, one);
        else
          await grantClaims(database, [
            { consumer: randomUUID(), projectId: 'p', userId: 'u', type: null, generation: null, allocations: { [one]: { VCPU: 1 } } },
          ]);
      });
      const reads = steps.map(() => following.read());
      await Promise.allSettled([...work, ...reads]); // moves into itself, deletions of used ones and claims that do not fit are refused
      const view = await following.read();
      expect(contents(view)).toEqual(contents(await createCurrentView(database, clock).read()));
    }),
    { numRuns: 40 },
  );
  expect(uuids.length).toBeGreaterThan(20);
});

const rename = (uuid: string, name: string) => sql`UPDATE resource_providers SET name = ${name} WHERE uuid = ${uuid}`;

test('a commit that comes after a younger one is not missed', async () => {
  const view = createCurrentView(database, clock);
  const [first, second] = [await addProvider(null), await addProvider(null)];
  await view.read();
  const nameOf = async (uuid: string): Promise<string> => {
    const now = await view.read();
    return now.at(now.slotOf(uuid)!).name;
  };
  await database.transaction().execute(async (tx) => {
    await rename(first, 'older transaction').execute(tx);
    await rename(second, 'younger transaction').execute(database);
    expect(await nameOf(second)).toBe('younger transaction');
    expect(await nameOf(first)).toBe(first);
  });
  expect(await nameOf(first)).toBe('older transaction');
});

test('a process that did not read for an hour reads everything', async () => {
  const view = createCurrentView(database, clock);
  const uuid = await addProvider(null);
  await view.read();
  await deleteProvider(database, uuid);
  await sql`DELETE FROM provider_changes`.execute(database);
  clock.ms += 3_600_000;
  expect((await view.read()).slotOf(uuid)).toBeUndefined();
});
