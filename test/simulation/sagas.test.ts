import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { powerStates, type InstanceId } from '../../src/domain/instance.ts';
import type { ActionName } from '../../src/domain/instance-actions.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import type { SagaStore } from '../../src/lib/saga/store.ts';
import { orderSaga } from '../../src/services/conductor/order-saga.ts';
import { sagas } from '../../src/services/conductor/sagas/index.ts';
import { beginAction, getInstance } from '../../src/store/instances.ts';
import { insertSagas } from '../../src/store/sagas.ts';
import { operationSubjects } from './operation-subjects.ts';
import { nothing, volumeDevice, whole, withVolumes, type Leftovers, type Subject } from './subject.ts';
import { subjectsOfMoves } from './subjects-of-moves.ts';
import { createWorld, injected, leftoversOf, type World } from './world.ts';

type AnySaga = (typeof sagas)[number];

/** By the name of the saga; one that takes different ways has a subject for each, such as `resize-instance: on the same host`. */
/** Begins a saga on a server that runs, as the API begins it. */
const begins =
  (action: ActionName, name: string, more: object | ((world: World, id: InstanceId) => object) = {}): Subject['begin'] =>
  async (world) => {
    const { id } = await world.running();
    return begun(world, id, action, name, typeof more === 'function' ? more(world, id) : more);
  };

async function begun(world: World, id: InstanceId, action: ActionName, name: string, more: object = {}): Promise<InstanceId> {
  const { instance } = await getInstance(world.stores, id);
  const params = { instanceId: id, requestId: 'req-test', startedAt: 0, ...more };
  await beginAction(world.stores.defaultCell.database, action, instance);
  await insertSagas(world.stores.defaultCell.database, [{ id: randomIds.uuid(), name, subject: id, params }]);
  return id;
}

const subjects: Readonly<Record<string, Subject>> = {
  ...subjectsOfMoves,
  ...operationSubjects,
  'place-instances': {
    begin: async (world) => {
      const { id } = await world.accept();
      await insertSagas(world.stores.cell0.database, [
        {
          id: randomIds.uuid(),
          name: 'place-instances',
          subject: id,
          params: { instanceIds: [id], requestId: 'req-test', adminPass: null, startedAt: 0 },
        },
      ]);
      return id;
    },
    done: { ...whole, vmState: 'active' },
    undone: [{ ...nothing, vmState: 'error' }],
  },
  'build-instance': {
    // begun by place-instances, which is its own subject above: here its failures are injected
    begin: (world) => subjects['place-instances']!.begin(world),
    done: { ...whole, vmState: 'active' },
    undone: [{ ...nothing, vmState: 'error' }],
  },
  'delete-instance': { begin: begins('delete', 'delete-instance'), done: { ...nothing, vmState: null }, undone: [] }, // it has no way back
  'change-power': {
    begin: begins('stop', 'change-power', { action: 'stop' }),
    done: { ...whole, vmState: 'stopped', guest: powerStates.shutdown },
    undone: [
      { ...whole, vmState: 'active' },
      { ...whole, vmState: 'stopped', guest: powerStates.shutdown }, // its host did it and could not say so
    ],
  },
  'attach-interface': {
    begin: begins('attachInterface', 'attach-interface', { wanted: { networkId: 'net', portId: null, fixedIp: null, tag: null } }),
    done: { ...whole, vmState: 'active', ports: 2 },
    undone: [{ ...whole, vmState: 'active' }],
  },
  'build-instance: on volumes': {
    begin: async (world) => {
      const volume = world.volumes.make({ bootable: true });
      const { id } = await world.accept({
        image: null,
        blockDevices: [
          volumeDevice({ volumeId: volume.id, bootIndex: 0, deviceName: '/dev/vda' }),
          volumeDevice({ sourceType: 'blank', volumeSize: 1, deleteOnTermination: true, deviceName: '/dev/vdb' }),
        ],
      });
      await insertSagas(world.stores.cell0.database, [
        {
          id: randomIds.uuid(),
          name: 'place-instances',
          subject: id,
          params: { instanceIds: [id], requestId: 'req-test', adminPass: null, startedAt: 0 },
        },
      ]);
      return id;
    },
    done: { ...whole, vmState: 'active', attached: ['attached', 'attached'], volumes: 2 },
    undone: [{ ...nothing, vmState: 'error', volumes: 2 }],
  },
  'delete-instance: with volumes': {
    begin: async (world) => {
      const { id } = await world.running(withVolumes(world, [{}, { deleteOnTermination: true }]));
      return begun(world, id, 'delete', 'delete-instance');
    },
    done: { ...nothing, vmState: null },
    undone: [],
  },
  'attach-volume': {
    begin: async (world) => {
      const device = volumeDevice({ volumeId: world.volumes.make().id });
      const { id } = await world.running({ blockDevices: [device] });
      return begun(world, id, 'attachVolume', 'attach-volume', { device });
    },
    done: { ...whole, vmState: 'active', attached: ['attached'], volumes: 1 },
    undone: [{ ...whole, vmState: 'active' }],
  },
  'detach-volume': {
    begin: async (world) => {
      const { id, blockDevices } = await world.running(withVolumes(world, [{ status: 'detaching' }]));
      return begun(world, id, 'detachVolume', 'detach-volume', { volumeId: blockDevices[0]?.volumeId });
    },
    done: { ...whole, vmState: 'active' },
    undone: [{ ...whole, vmState: 'active', attached: ['attached'], volumes: 1 }],
  },
  'extend-volume': {
    begin: async (world) => {
      const { id, blockDevices } = await world.running(withVolumes(world, [{}]));
      return begun(world, id, 'extendVolume', 'extend-volume', { volumeId: blockDevices[0]?.volumeId });
    },
    done: { ...whole, vmState: 'active', attached: ['attached'], volumes: 1 },
    undone: [{ ...whole, vmState: 'active', attached: ['attached'], volumes: 1 }],
  },
  'detach-interface': {
    begin: begins('detachInterface', 'detach-interface', (world, id) => ({
      portId: [...world.ports.values()].find(({ deviceId }) => deviceId === id)?.id,
    })),
    done: { ...whole, vmState: 'active', ports: 0 },
    undone: [{ ...whole, vmState: 'active' }],
  },
  'cache-images': {
    begin: async (world) => {
      const { id } = await world.running();
      const params = { aggregateId: 1, hosts: ['host-1', 'host-2', 'no-host'], imageIds: [randomIds.uuid()] };
      await insertSagas(world.stores.defaultCell.database, [{ id: randomIds.uuid(), name: 'cache-images', subject: id, params }]);
      return id;
    },
    done: { ...whole, vmState: 'active' },
    undone: [], // it has no way back
  },
};

/** The same sagas with every step and every undo run twice. */
const twice = (all: readonly AnySaga[]): AnySaga[] =>
  all.map((saga) => ({
    ...saga,
    steps: saga.steps.map((step) => ({
      ...step,
      run: async (context: Parameters<typeof step.run>[0]) => {
        await step.run(context);
        return step.run(context);
      },
      undo:
        step.undo === null
          ? null
          : async (context: Parameters<NonNullable<typeof step.undo>>[0]) => {
              await step.undo!(context);
              await step.undo!(context);
            },
    })),
  }));

/** The same sagas, of which one fails at one step: `before` it does anything, or after it `did`. Past the point of no return it fails twice, then works. */
const failing = (all: readonly AnySaga[], name: string, at: string, when: 'before' | 'after'): AnySaga[] =>
  all.map((saga) => {
    if (saga.name !== name) return saga;
    let left = 2;
    return {
      ...saga,
      steps: saga.steps.map((step) =>
        step.name !== at
          ? step
          : {
              ...step,
              run: async (context: Parameters<typeof step.run>[0]) => {
                const fail = !step.forwardOnly || left-- > 0;
                if (fail && when === 'before') throw injected(at);
                const result = await step.run(context);
                if (fail) throw injected(at);
                return result;
              },
            },
      ),
    };
  });

/** The same sagas, of which one always fails at one step. */
const neverGetting = (all: readonly AnySaga[], name: string, at: string): AnySaga[] =>
  all.map((saga) => ({
    ...saga,
    steps: saga.steps.map((step) =>
      saga.name === name && step.name === at ? { ...step, run: () => Promise.reject(injected(at)), undo: step.undo } : step,
    ),
  }));

/** A store whose conductor dies right after its `n`th line is written: it writes nothing more, renews nothing and gives nothing back. */
function dyingAfter(lines: number) {
  const state = { left: lines, dead: false };
  const dead = (): never => {
    throw new Error('this conductor is dead');
  };
  const around = (store: SagaStore): SagaStore => ({
    claim: async (...args) => (state.dead ? [] : store.claim(...args)),
    renew: async (...args) => (state.dead ? dead() : store.renew(...args)),
    release: async (...args) => (state.dead ? undefined : store.release(...args)),
    note: async (...args) => (state.dead ? dead() : store.note(...args)),
    advance: async (...args) => {
      if (state.dead) return dead();
      const done = await store.advance(...args);
      if (--state.left === 0) state.dead = true;
      return state.dead ? dead() : done;
    },
  });
  return { around, state };
}

const all: readonly AnySaga[] = sagas;
const settled = async (world: World, id: string): Promise<Leftovers> =>
  waitUntil(
    async () => {
      const now = await leftoversOf(world, id);
      return now.sagas === 0 && now.taskState === null && now.vmState !== 'building' ? now : null;
    },
    { clock: systemClock, timeoutMs: 20_000, everyMs: 10, what: `The end of what is done to ${id}` },
  );

let world: World;
beforeAll(async () => void (world = await createWorld()));
afterEach(() => world.stopConductors());
afterAll(() => world.close());

test('every saga stands in the three tests', () => {
  expect(new Set(Object.keys(subjects).map(sagaOf))).toEqual(new Set(all.map((saga) => saga.name)));
});

const sagaOf = (key: string): string => key.split(':')[0]!;
const subjectsOfSagas = Object.entries(subjects).flatMap(([title, subject]) =>
  all.filter(({ name }) => name === sagaOf(title)).map((saga) => ({ title, name: saga.name, saga, subject })),
);
describe.each(subjectsOfSagas)('$title', ({ title, name, saga, subject }) => {
  test('comes to the same end when every step runs twice', async () => {
    world.conductor('twice', twice(all));
    const id = await subject.begin(world);
    expect(await settled(world, id)).toEqual(subject.done);
  });

  test.each(
    saga.steps
      .flatMap((step) => [
        { step, when: 'before' as const },
        { step, when: 'after' as const },
      ])
      .map((entry) => ({ ...entry, title: `${entry.when} ${entry.step.name}` })),
  )('leaves nothing behind when it fails $title', async ({ step, when }) => {
    world.conductor('failing', failing(twice(all), name, step.name, when));
    const id = await subject.begin(world);
    expect(step.forwardOnly ? [subject.done] : subject.undone).toContainEqual(await settled(world, id));
  });

  // once for each saga is enough: what a step is passed over with does not depend on the way that led there
  const forward = saga.steps.filter((step) => step.forwardOnly && title === Object.keys(subjects).find((key) => sagaOf(key) === name));
  test.each(forward.map((step) => ({ step: step.name })))('ends when an operator passes over $step', async ({ step }) => {
    world.conductor('failing', neverGetting(all, name, step));
    const id = await subject.begin(world);
    const cells = world.stores.cells().map(({ database }) => database);
    const found = await waitUntil(
      async () =>
        (
          await Promise.all(
            cells.map((cell) => cell.selectFrom('sagas').select('id').where('name', '=', name).where('waiting', 'is not', null).execute()),
          )
        ).flat()[0] ?? null,
      { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what: 'A step that does not get on' },
    );
    const order = { sagaId: found.id, order: 'force' } as const;
    await expect(orderSaga(world.deps, order)).rejects.toThrow(
      / is going on: step \w+ has failed for \d s\. It can be forced after 30 s\.$/,
    );
    const later = { ...systemClock, now: () => systemClock.now() + 60_000 };
    expect((await orderSaga({ ...world.deps, clock: later }, order)).said).toContain(`step ${step} is passed over`);
    await waitUntil(async () => ((await leftoversOf(world, id)).sagas === 0 ? true : null), {
      clock: systemClock,
      timeoutMs: 20_000,
      everyMs: 10,
      what: 'The end of what was passed over',
    });
  });

  test('is carried on by another conductor after a crash at any line of its log', async () => {
    for (let line = 1; ; line++) {
      const { around, state } = dyingAfter(line);
      world.conductor('first', all, around);
      const id = await subject.begin(world);
      const ended = await waitUntil(
        async () =>
          state.dead
            ? 'died'
            : (await leftoversOf(world, id)).sagas === 0 && (await leftoversOf(world, id)).taskState === null
              ? 'survived'
              : null,
        {
          clock: systemClock,
          timeoutMs: 20_000,
          everyMs: 5,
          what: 'The crash',
        },
      );
      world.conductor('second', all);
      expect(await settled(world, id)).toEqual(subject.done);
      await world.stopConductors();
      if (ended === 'survived') return; // the log has fewer lines than that
    }
  });

  test('is undone by another conductor after a crash at any line of its undoing', async () => {
    const last = saga.steps.findLastIndex((step) => !step.forwardOnly);
    if (last < 0) return expect(saga.steps.every((step) => step.forwardOnly)).toBe(true);
    const failed = failing(all, name, saga.steps[last]!.name, 'after');
    for (let line = 1; ; line++) {
      const { around, state } = dyingAfter(line);
      world.conductor('first', failed, around);
      const id = await subject.begin(world);
      const ended = await waitUntil(
        async () =>
          state.dead
            ? 'died'
            : (await leftoversOf(world, id)).sagas === 0 && (await leftoversOf(world, id)).taskState === null
              ? 'survived'
              : null,
        {
          clock: systemClock,
          timeoutMs: 20_000,
          everyMs: 5,
          what: 'The crash',
        },
      );
      world.conductor('second', failed);
      expect(subject.undone).toContainEqual(await settled(world, id));
      await world.stopConductors();
      if (ended === 'survived') return;
    }
  });
});
