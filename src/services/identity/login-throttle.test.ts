import { expect, test } from 'vitest';
import { createLoginThrottle } from './login-throttle.ts';

const clockAt = (start: number): { now: () => number; sleep: () => Promise<void>; advance: (ms: number) => void } => {
  let now = start;
  return { now: () => now, sleep: () => Promise.reject(new Error('nothing sleeps here')), advance: (ms) => void (now += ms) };
};

test('attempts at the same time are judged one after the other, so that none slips by the count', async () => {
  const clock = clockAt(0);
  const throttle = createLoginThrottle(clock, { attempts: 3, seconds: 60 });
  let looked = 0;
  const guess = (): Promise<boolean> =>
    throttle.attempt('ada', async () => {
      looked++;
      await Promise.resolve();
      return false;
    });
  expect(await Promise.all(Array.from({ length: 100 }, guess))).toEqual(Array(100).fill(false));
  expect(looked).toBe(3);
  expect(await throttle.attempt('ada', async () => true)).toBe(false);
  expect(await throttle.attempt('bob', async () => true)).toBe(true);
  clock.advance(60_000);
  expect(await throttle.attempt('ada', async () => true)).toBe(true);
});

test('a success forgets the failures before it, and a check that breaks counts as none', async () => {
  const throttle = createLoginThrottle(clockAt(0), { attempts: 2, seconds: 60 });
  const outcomes: unknown[] = [];
  for (const good of [false, true, false, true]) outcomes.push(await throttle.attempt('ada', async () => good));
  await expect(throttle.attempt('ada', () => Promise.reject(new Error('the database is away')))).rejects.toThrow('away');
  outcomes.push(await throttle.attempt('ada', async () => true));
  expect(outcomes).toEqual([false, true, false, true, true]);
});
