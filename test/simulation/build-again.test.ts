import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { internal } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { sagas } from '../../src/services/conductor/sagas/index.ts';
import { insertSagas } from '../../src/store/sagas.ts';
import { recordSeen } from '../../src/store/services.ts';
import { whole } from './subject.ts';
import { createWorld, leftoversOf, nodes, type World } from './world.ts';

let world: World;
beforeAll(async () => void (world = await createWorld()));
afterEach(async () => {
  await world.stopConductors();
  world.silent.clear();
});
afterAll(() => world.close());

const built = (id: string) =>
  waitUntil(
    async () => {
      const now = await leftoversOf(world, id);
      return now.sagas === 0 && now.vmState === 'active' ? now : null;
    },
    { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what: 'The build' },
  );

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
  expect(await built(id)).toEqual({ ...whole, vmState: 'active' });
  Object.assign(world.deps, { scheduler });
});

test('a build that is begun again leaves nothing on the host where it was cut off', async () => {
  world.conductor('two', sagas);
  const cut = { vmState: 'building', taskState: 'spawning', powerState: 0, host: 'host-2', node: 'host-2', launchedAt: null } as const;
  const { id } = await world.running(cut);
  const [chosen, alternate] = [...nodes].map(([computeNodeUuid, host]) => ({
    host,
    node: host,
    cellId: world.stores.defaultCell.id,
    computeNodeUuid,
    availabilityZone: 'nova',
  }));
  const params = {
    instanceId: id,
    cellId: chosen!.cellId,
    requestId: 'req-test',
    chosen,
    alternates: [alternate],
    adminPass: null,
    startedAt: 0,
  };
  await insertSagas(world.stores.defaultCell.database, [{ id, name: 'build-instance', subject: id, params }]);
  expect(await built(id)).toEqual({ ...whole, vmState: 'active' });
});
