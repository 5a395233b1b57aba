import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RequestContext } from '../../src/lib/http/route.ts';
import type { ApiDeps } from '../../src/services/api/deps.ts';
import { operate } from '../../src/services/api/resources/servers/operate.ts';
import { listInstances } from '../../src/store/instance-lists.ts';
import { beginAction, findInstance, getInstance, markDeleted, transition } from '../../src/store/instances.ts';
import { moveInstances } from '../../src/store/move-instances.ts';
import type { CellDatabase } from '../../src/store/stores.ts';
import { activeSagas } from '../../src/store/sagas.ts';
import { createWorld, type World } from './world.ts';

/** What happens to a server between the moment a request has read it and the moment it is accepted. */
let world: World;
beforeAll(async () => void (world = await createWorld()));
afterAll(() => world.close());

const ctx = { caller: { userId: 'u1', projectId: 'p1', isAdmin: false }, requestId: 'req-test' } as unknown as RequestContext;
const api = () => ({ ...world.deps, conductor: { wake: () => Promise.resolve() } }) as unknown as ApiDeps;

test('a delete is accepted though the build has gone on meanwhile', async () => {
  const { id } = await world.accept();
  const { instance } = await getInstance(world.stores, id);
  await transition(world.stores.cell0.database, id, { taskState: 'networking' });
  expect(await beginAction(world.stores.cell0.database, 'delete', instance)).toMatchObject({ taskState: 'deleting', epoch: 1 });
});

test('of two requests that exclude each other the slower one is refused', async () => {
  const { id } = await world.running();
  const { instance } = await getInstance(world.stores, id);
  await beginAction(world.stores.defaultCell.database, 'stop', instance);
  await expect(beginAction(world.stores.defaultCell.database, 'pause', instance)).rejects.toMatchObject({
    kind: 'conflict',
    message: expect.stringContaining('task_state powering-off'),
  });
});

test('a delete is accepted though the server has just been placed in another cell', async () => {
  const { id } = await world.accept();
  const located = await getInstance(world.stores, id);
  await moveInstances(world.stores, {
    ids: [id],
    to: world.stores.defaultCell.id,
    also: () => Promise.resolve(),
  });
  await operate(api(), ctx, located, 'delete', { name: 'delete-instance' });
  expect(await getInstance(world.stores, id)).toMatchObject({ cellId: world.stores.defaultCell.id, instance: { taskState: 'deleting' } });
  expect(await activeSagas(world.stores.defaultCell.database, id)).toMatchObject([{ name: 'delete-instance' }]);
});

test('a delete between a move that was cut off and its second try takes the server away for good', async () => {
  const { id } = await world.accept();
  const { cell0, defaultCell } = world.stores;
  const cutOff = vi.spyOn(cell0.database, 'transaction').mockImplementationOnce(
    () =>
      ({
        // everything is done in the other databases, and nothing of it in cell0
        execute: (work: (tx: unknown) => Promise<unknown>) => rolledBack(cell0.database, work),
      }) as never,
  );
  const move = () => moveInstances(world.stores, { ids: [id], to: defaultCell.id, also: () => Promise.resolve() });
  await expect(move()).rejects.toThrow('power cut');
  cutOff.mockRestore();
  const listed = () =>
    listInstances(world.stores, { conditions: [(eb) => eb('uuid', '=', id)], deleted: 'no', sort: [], limit: null, after: null });
  expect((await listed()).map(({ cellId }) => cellId)).toEqual([defaultCell.id]);

  await operate(api(), ctx, await getInstance(world.stores, id), 'delete', { name: 'delete-instance' });
  await markDeleted(defaultCell.database, id);
  await move();
  expect([await findInstance(world.stores, id), await listed()]).toEqual([null, []]);
  expect(await cell0.database.selectFrom('instances').select('uuid').where('uuid', '=', id).execute()).toEqual([]);
});

/** A transaction that is not committed, as of a process that dies. */
const rolledBack = (database: CellDatabase, work: (tx: unknown) => Promise<unknown>): Promise<never> =>
  database.transaction().execute(async (tx) => {
    await work(tx);
    throw new Error('power cut');
  });

test('a delete between a move that was cut off before it wrote and its second try finds the server where it was', async () => {
  const { id } = await world.accept();
  const { cell0, defaultCell } = world.stores;
  const move = (also: () => Promise<void>) => moveInstances(world.stores, { ids: [id], to: defaultCell.id, also });
  await expect(move(() => Promise.reject(new Error('power cut')))).rejects.toThrow('power cut');

  await operate(api(), ctx, await getInstance(world.stores, id), 'delete', { name: 'delete-instance' });
  expect(await activeSagas(cell0.database, id)).toMatchObject([{ name: 'delete-instance' }]);
  await markDeleted(cell0.database, id);
  await move(() => Promise.resolve());
  expect(await findInstance(world.stores, id)).toBe(null);
  expect(await defaultCell.database.selectFrom('instances').select('uuid').where('uuid', '=', id).execute()).toEqual([]);
});

test('a server that is gone is not found', async () => {
  const { id } = await world.running();
  const located = await getInstance(world.stores, id);
  await world.stores.defaultCell.database.updateTable('instances').set({ deleted_at: new Date() }).where('uuid', '=', id).execute();
  await expect(operate(api(), ctx, located, 'delete', { name: 'delete-instance' })).rejects.toMatchObject({ kind: 'notFound' });
});
