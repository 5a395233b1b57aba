import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { unavailable } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { sagas } from '../../src/services/conductor/sagas/index.ts';
import { insertSagas } from '../../src/store/sagas.ts';
import { whole } from './subject.ts';
import { createWorld, leftoversOf, type World } from './world.ts';

/** After a restart of everything parts come back one after the other: operations wait for them. */
let world: World;
beforeAll(async () => void (world = await createWorld()));
afterEach(() => world.stopConductors());
afterAll(() => world.close());

test('a build asks the last of its hosts again while that does not answer', async () => {
  world.conductor('one', sagas);
  const { id } = await world.accept();
  // each of the three hosts once, and the last one once more
  using _ = world.hypervisors.faults.add({ operation: 'spawn', guest: id, error: unavailable('not back yet'), times: 4 });
  const params = { instanceIds: [id], requestId: 'req-test', adminPass: null, startedAt: 0 };
  await insertSagas(world.stores.cell0.database, [{ id: randomIds.uuid(), name: 'place-instances', subject: id, params }]);
  world.deps.wake();
  const end = await waitUntil(
    async () => {
      const now = await leftoversOf(world, id);
      return now.sagas === 0 && now.taskState === null && now.vmState !== 'building' ? now : null;
    },
    { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what: 'The end of the build' },
  );
  expect(end).toEqual({ ...whole, vmState: 'active' });
});
