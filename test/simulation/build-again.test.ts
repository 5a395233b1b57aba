import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { internal } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { sagas } from '../../src/services/conductor/sagas/index.ts';
import { insertSagas } from '../../src/store/sagas.ts';
import { recordSeen } from '../../src/store/services.ts';
import { whole } from './subject.ts';
import { createWorld, leftoversOf, type World } from './world.ts';

let world: World;
beforeAll(async () => void (world = await createWorld()));
afterAll(() => world.close());

test('a build that comes back to its first host has its resources there', async () => {
  // the first host fails once; the alternate does not answer, and nobody knows yet that it is down
  using _ = world.hypervisors.faults.add({ operation: 'spawn', host: 'host-1', error: internal('no room for its disk'), times: 1 });
  world.silent.add('host-2');
  await recordSeen(world.stores.defaultCell.database, 'nova-compute', ['host-2']);
  // the scheduler has chosen before that
  const { scheduler } = world.deps;
  const selectDestinations: typeof scheduler.selectDestinations = async (...asked) => {
    world.silent.delete('host-2');
    try {
      return await scheduler.selectDestinations(...asked);
    } finally {
      world.silent.add('host-2');
    }
  };
  Object.assign(world.deps, { scheduler: { ...scheduler, selectDestinations } });
  world.conductor('one', sagas);
  const { id } = await world.accept();
  const params = { instanceIds: [id], requestId: 'req-test', adminPass: null, startedAt: 0 };
  await insertSagas(world.stores.cell0.database, [{ id: randomIds.uuid(), name: 'place-instances', subject: id, params }]);
  const left = await waitUntil(
    async () => {
      const now = await leftoversOf(world, id);
      return now.sagas === 0 && now.vmState === 'active' ? now : null;
    },
    { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what: 'The build' },
  );
  expect(left).toEqual({ ...whole, vmState: 'active' });
});
