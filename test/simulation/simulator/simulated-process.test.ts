import { expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { simulatedProcess } from './simulated-process.ts';

/** Something a process does to the world, step by step. */
function work(process: ReturnType<typeof simulatedProcess>) {
  const done: string[] = [];
  const world = process.guard({ step: async (name: string) => void done.push(name) });
  const heard: string[] = [];
  const running = (async () => {
    for (const name of ['one', 'two', 'three']) {
      await world.step(name);
      heard.push(name);
    }
  })();
  running.catch(() => undefined);
  return { done, heard };
}

test.each([
  { when: 'before', done: ['one'], heard: ['one'] },
  { when: 'after', done: ['one', 'two'], heard: ['one'] },
] as const)('a process that dies $when a step has effect stops there', async ({ when, done, heard }) => {
  const process = simulatedProcess('p');
  process.dieAfter(2, when);
  const seen = work(process);
  await systemClock.sleep(0);
  expect({ ...seen, alive: process.alive }).toEqual({ done, heard, alive: false });
});

test('what a process was waiting for does not come back once it is dead', async () => {
  const process = simulatedProcess('p');
  let woke = false;
  void process
    .guard(systemClock)
    .sleep(1)
    .then(() => (woke = true));
  process.kill();
  await systemClock.sleep(5);
  expect(woke).toBe(false);
});
