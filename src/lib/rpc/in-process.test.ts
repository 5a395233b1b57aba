import Type from 'typebox';
import { expect, test } from 'vitest';
import { conflict } from '../errors.ts';
import { contract } from './contract.ts';
import { createDispatcher } from './dispatcher.ts';
import { inProcessBus } from './in-process.ts';
import { memoryJournal } from './journal.ts';

const thing = contract('thing', {
  look: { since: 1, kind: 'query', args: Type.Object({ name: Type.String() }), result: Type.Object({ seen: Type.String() }) },
  make: { since: 1, kind: 'command', args: Type.Object({ name: Type.String() }), result: Type.Object({ made: Type.Integer() }) },
});

/** A served topic that counts what is made; `make` waits for `gate`. */
async function served(gate: Promise<void> = Promise.resolve()) {
  const bus = inProcessBus();
  let made = 0;
  await bus.serve(
    'thing',
    thing,
    {
      look: ({ name }) => (name === 'slow' ? new Promise(() => undefined) : Promise.resolve({ seen: name })),
      make: async ({ name }) => {
        await gate;
        if (name === 'bad') throw conflict('bad things are not made');
        return { made: ++made };
      },
    },
    { journal: memoryJournal() },
  );
  return bus.client('thing', thing);
}

test('a query is answered, and its arguments are judged', async () => {
  const client = await served();
  expect(await client.look({ name: 'a' })).toEqual({ seen: 'a' });
  await expect(client.look({ name: 1 as never })).rejects.toMatchObject({ kind: 'invalid' });
});

test('a query nobody answers ends at its timeout, and one to nobody at once', async () => {
  const client = await served();
  await expect(client.look({ name: 'slow' }, { timeoutMs: 20 })).rejects.toMatchObject({ kind: 'unavailable', code: 'timeout' });
  await expect(inProcessBus().client('nobody', thing).look({ name: 'a' })).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'no-responders',
  });
});

test('a command succeeds once for its key, however often it is sent', async () => {
  const client = await served();
  expect(await Promise.all([client.make({ name: 'a' }, { key: 'x/1' }), client.make({ name: 'a' }, { key: 'x/1' })])).toEqual([
    { made: 1 },
    { made: 1 },
  ]);
  expect(await client.make({ name: 'a' }, { key: 'x/1' })).toEqual({ made: 1 });
  expect(await client.make({ name: 'a' }, { key: 'x/2' })).toEqual({ made: 2 });
});

test('a command that has failed is tried again for a new call, and not for one that arrives once more', async () => {
  let tries = 0;
  const make = (): Promise<{ made: number }> => (++tries < 3 ? Promise.reject(conflict(`no, ${tries}`)) : Promise.resolve({ made: tries }));
  const handlers = { look: () => Promise.reject(conflict('')), make };
  const journal = memoryJournal();
  const call = (id: string) =>
    createDispatcher(thing, handlers, journal).handle({ id, method: 'make', args: { name: 'a' }, key: 'x/1', epoch: 0 });
  const failure = (message: string) => ({ error: { kind: 'conflict', message } });
  expect([await call('first'), await call('first'), await call('second'), await call('first'), await call('second')]).toEqual([
    failure('no, 1'),
    failure('no, 1'),
    failure('no, 2'),
    failure('no, 2'),
    failure('no, 2'),
  ]);
  expect([await call('third'), await call('first')]).toEqual([{ result: { made: 3 } }, { result: { made: 3 } }]);
});

test('a command of an older epoch is refused', async () => {
  const client = await served();
  await client.make({ name: 'a' }, { key: 'x/1', epoch: 2 });
  await expect(client.make({ name: 'a' }, { key: 'x/2', epoch: 1 })).rejects.toMatchObject({ code: 'stale-epoch' });
  expect(await client.make({ name: 'a' }, { key: 'y/1', epoch: 1 })).toEqual({ made: 2 });
});

test('a caller that gives up is let go at once, and what it asked for goes on', async () => {
  const { promise: gate, resolve } = Promise.withResolvers<void>();
  const client = await served(gate);
  const giveUp = new AbortController();
  const asked = client.make({ name: 'a' }, { key: 'x/1', signal: giveUp.signal });
  giveUp.abort(new Error('no longer'));
  await expect(asked).rejects.toThrow('no longer');
  resolve();
  expect(await client.make({ name: 'a' }, { key: 'x/1' })).toEqual({ made: 1 });
});
