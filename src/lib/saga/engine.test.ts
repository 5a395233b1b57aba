import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../clock.ts';
import { conflict, unavailable } from '../errors.ts';
import { silentLog } from '../log.ts';
import { waitUntil } from '../retry.ts';
import { startSagaEngine, type SagaEngine } from './engine.ts';
import { memorySagaStore } from './memory-store.ts';
import { saga, type Saga } from './saga.ts';

interface Params {
  readonly fail?: string;
}
interface Deps {
  readonly done: string[];
}

const engines: SagaEngine[] = [];
afterEach(async () => void (await Promise.all(engines.splice(0).map((engine) => engine.stop()))));

/** Runs one saga of these to its end and answers what it did and where it ended. */
async function outcome(
  one: Saga<Params, Deps>,
  params: Params = {},
  meanwhile: (store: ReturnType<typeof memorySagaStore>) => void = () => undefined,
) {
  const kept = memorySagaStore(systemClock);
  const deps: Deps = { done: [] };
  kept.insert({ id: 'saga', name: one.name, subject: 'thing', params });
  engines.push(
    startSagaEngine({ store: kept.store, sagas: [one], deps, owner: 'test', clock: systemClock, log: silentLog, leaseMs: 100, pollMs: 5 }),
  );
  meanwhile(kept);
  const ended = await waitUntil(() => (['done', 'undone'].includes(kept.get('saga')?.state ?? '') ? kept.get('saga')! : null), {
    clock: systemClock,
    timeoutMs: 5000,
    everyMs: 2,
    what: 'The end of the saga',
  });
  return {
    did: deps.done,
    state: ended.state,
    failure: ended.failure?.message,
    log: ended.log.map(({ step, event }) => `${step} ${event}`),
  };
}

const step = (name: string) => ({
  run: ({ params, deps }: { params: Params; deps: Deps }) => {
    deps.done.push(name);
    if (params.fail === name) throw conflict(`${name} failed`);
    return Promise.resolve(name);
  },
  undo: ({ deps }: { deps: Deps }) => {
    deps.done.push(`undo ${name}`);
    return Promise.resolve();
  },
});

test('steps run in order, and later ones see the results of earlier ones', async () => {
  const two = saga<Params, Deps>('two')
    .step('first', step('first'))
    .step('second', {
      run: ({ results, deps }) => {
        deps.done.push(`after ${results.first}`);
        return Promise.resolve(null);
      },
    });
  expect(await outcome(two)).toEqual({
    did: ['first', 'after first'],
    state: 'done',
    failure: undefined,
    log: ['first ran', 'second ran'],
  });
});

test('a failure undoes the step itself and those before it, last first', async () => {
  const three = saga<Params, Deps>('three').step('a', step('a')).step('b', step('b')).step('c', step('c'));
  expect(await outcome(three, { fail: 'b' })).toEqual({
    did: ['a', 'b', 'undo b', 'undo a'],
    state: 'undone',
    failure: 'b failed',
    log: ['a ran', 'b failed', 'b undone', 'a undone'],
  });
});

test('a part that does not answer is asked again', async () => {
  let left = 2;
  const patient = saga<Params, Deps>('patient').step('asked', {
    run: () => (left-- > 0 ? Promise.reject(unavailable('nobody there')) : Promise.resolve('answered')),
  });
  expect(await outcome(patient)).toMatchObject({ state: 'done', log: ['asked ran'] });
});

test('past the point of no return a step is retried until it works', async () => {
  let left = 2;
  const forward = saga<Params, Deps>('forward')
    .step('before', step('before'))
    .pointOfNoReturn()
    .step('must', { run: () => (left-- > 0 ? Promise.reject(conflict('not yet')) : Promise.resolve(null)) });
  expect(await outcome(forward)).toMatchObject({ did: ['before'], state: 'done' });
});

test('a cancelled saga is interrupted and undone', async () => {
  const { promise: started, resolve } = Promise.withResolvers<void>();
  const long = saga<Params, Deps>('long').step('waits', {
    run: ({ signal }) => {
      resolve();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
    },
    undo: ({ deps }) => {
      deps.done.push('undo waits');
      return Promise.resolve();
    },
  });
  expect(await outcome(long, {}, (kept) => void started.then(() => kept.cancel('saga')))).toEqual({
    did: ['undo waits'],
    state: 'undone',
    failure: 'The operation was cancelled.',
    log: ['waits cancelled', 'waits undone'],
  });
});

test('what a step writes alongside is written with its end, or fails it', async () => {
  const writing = saga<Params, Deps>('writes')
    .step('first', {
      run: ({ params, deps, alongside }) => {
        deps.done.push('ran');
        alongside(() => {
          if (params.fail === 'first') return Promise.reject(conflict('cannot be written'));
          deps.done.push('wrote');
          return Promise.resolve();
        });
        return Promise.resolve(null);
      },
      undo: ({ deps }) => Promise.resolve(void deps.done.push('undid')),
    })
    .step('second', step('second'));
  expect(await outcome(writing)).toMatchObject({ did: ['ran', 'wrote', 'second'], state: 'done' });
  expect(await outcome(writing, { fail: 'first' })).toMatchObject({
    did: ['ran', 'undid'],
    state: 'undone',
    failure: 'cannot be written',
    log: ['first failed', 'first undone'],
  });
});

test('a step past the point of no return has no undo', () => {
  expect(() => saga<Params, Deps>('wrong').pointOfNoReturn().step('a', step('a'))).toThrow(
    'saga wrong: step a is past the point of no return and has an undo',
  );
});

test('a write of which nobody knows whether it happened is looked up before anything is done again', async () => {
  const kept = memorySagaStore(systemClock);
  const deps: Deps = { done: [] };
  kept.insert({ id: 'saga', name: 'doubted', subject: 'thing', params: {} });
  let doubts = 1;
  const store: typeof kept.store = {
    ...kept.store,
    async advance(...args) {
      const written = await kept.store.advance(...args);
      if (doubts-- > 0) throw unavailable('The store went away before it answered.');
      return written;
    },
  };
  const doubted = saga<Params, Deps>('doubted')
    .pointOfNoReturn()
    .step('once', { run: step('once').run })
    .step('last', { run: step('last').run });
  engines.push(
    startSagaEngine({ store, sagas: [doubted], deps, owner: 'test', clock: systemClock, log: silentLog, leaseMs: 2000, pollMs: 5 }),
  );
  const ended = await waitUntil(() => (kept.get('saga')?.state === 'done' ? kept.get('saga')! : null), {
    clock: systemClock,
    timeoutMs: 5000,
    everyMs: 2,
    what: 'The end of the saga',
  });
  expect({ did: deps.done, log: ended.log.map((line) => line.step) }).toEqual({ did: ['once', 'last'], log: ['once', 'last'] });
});

test('an engine whose own lease ran out takes the saga over from itself, and holds it', async () => {
  const kept = memorySagaStore(systemClock);
  const deps: Deps = { done: [] };
  kept.insert({ id: 'saga', name: 'slow', subject: 'thing', params: {} });
  let away = true;
  const store: typeof kept.store = {
    ...kept.store,
    renew: (...args) => (away ? Promise.reject(unavailable('away')) : kept.store.renew(...args)),
  };
  const starts: AbortSignal[] = [];
  const finish = Promise.withResolvers<null>();
  const slow = saga<Params, Deps>('slow').step('long', {
    run: ({ signal }) => {
      starts.push(signal);
      if (starts.length === 2) away = false;
      return starts.length === 1
        ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
        : finish.promise;
    },
  });
  const engine = startSagaEngine({
    store,
    sagas: [slow],
    deps,
    owner: 'test',
    clock: systemClock,
    log: silentLog,
    leaseMs: 100,
    pollMs: 5,
  });
  engines.push(engine);
  await waitUntil(() => (starts.length === 2 && starts[0]!.aborted ? true : null), {
    clock: systemClock,
    timeoutMs: 5000,
    everyMs: 2,
    what: 'The second start',
  });
  await systemClock.sleep(1000); // more than two leases: one that is renewed is not taken again
  const held = { running: engine.running(), starts: starts.length };
  finish.resolve(null);
  expect(held).toEqual({ running: 1, starts: 2 });
});

test('a saga whose time is over is undone, unless it is past its point of no return', async () => {
  const waits = (name: string) => ({
    run: ({ signal, deps }: { signal: AbortSignal; deps: Deps }) => {
      deps.done.push(name);
      return new Promise<null>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        void systemClock.sleep(300).then(() => resolve(null));
      });
    },
  });
  const late = saga<Params, Deps>('late', { deadlineSeconds: 0 }).step('long', { ...waits('long'), undo: step('long').undo });
  expect(await outcome(late)).toEqual({
    did: ['long', 'undo long'],
    state: 'undone',
    failure: 'The operation did not end in the time it has.',
    log: ['long overdue', 'long undone'],
  });
  const forward = saga<Params, Deps>('forward', { deadlineSeconds: 0 }).pointOfNoReturn().step('long', waits('long'));
  expect(await outcome(forward)).toMatchObject({ did: ['long'], state: 'done' });
});

test('what a step waits for is written down while it fails, and gone when it has worked', async () => {
  let fails = true;
  const seen: unknown[] = [];
  const stubborn = saga<Params, Deps>('stubborn')
    .pointOfNoReturn()
    .step('must', { run: () => (fails ? Promise.reject(conflict('not yet')) : Promise.resolve(null)) });
  const watch = async (kept: ReturnType<typeof memorySagaStore>): Promise<void> => {
    seen.push(
      await waitUntil(() => kept.get('saga')?.waiting ?? null, { clock: systemClock, timeoutMs: 5000, everyMs: 2, what: 'A note' }),
    );
    fails = false;
  };
  await outcome(stubborn, {}, (kept) => void watch(kept));
  expect(seen).toEqual([
    {
      step: 'must',
      direction: 'forward',
      since: expect.any(Number),
      tries: 3,
      failure: { kind: 'conflict', message: 'not yet' },
      until: null,
    },
  ]);
});

test('a saga that is taken away from a step that hangs is tried anew', async () => {
  let tries = 0;
  const hung = saga<Params, Deps>('hung')
    .pointOfNoReturn()
    .step('hangs', {
      run: () => (++tries === 1 ? new Promise<null>(() => undefined) : Promise.resolve(null)),
    });
  const ended = await outcome(hung, {}, (kept) => {
    void waitUntil(() => (tries === 1 ? true : null), { clock: systemClock, timeoutMs: 5000, everyMs: 2, what: 'The first try' }).then(() =>
      kept.takeAway('saga'),
    );
  });
  expect({ ...ended, tries }).toMatchObject({ state: 'done', tries: 2, log: ['hangs ran'] });
});
