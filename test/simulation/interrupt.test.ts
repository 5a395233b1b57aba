import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestContext } from '../../src/lib/http/route.ts';
import type { ApiDeps } from '../../src/services/api/deps.ts';
import { operate } from '../../src/services/api/resources/servers/operate.ts';
import { beginAction, getInstance, moveInstances, transition } from '../../src/store/instances.ts';
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
    from: world.stores.cell0.id,
    to: world.stores.defaultCell.id,
    also: () => Promise.resolve(),
  });
  await operate(api(), ctx, located, 'delete', { name: 'delete-instance' });
  expect(await getInstance(world.stores, id)).toMatchObject({ cellId: world.stores.defaultCell.id, instance: { taskState: 'deleting' } });
  expect(await activeSagas(world.stores.defaultCell.database, id)).toMatchObject([{ name: 'delete-instance' }]);
});

test('a server that is gone is not found', async () => {
  const { id } = await world.running();
  const located = await getInstance(world.stores, id);
  await world.stores.defaultCell.database.updateTable('instances').set({ deleted_at: new Date() }).where('uuid', '=', id).execute();
  await expect(operate(api(), ctx, located, 'delete', { name: 'delete-instance' })).rejects.toMatchObject({ kind: 'notFound' });
});
