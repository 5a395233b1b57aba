import { describe, expect, it } from 'vitest';
import { forEachAtOnce, slots } from './slots.ts';

describe('slots', () => {
  it('run no more at a time than allowed, in the order they came', async () => {
    const places = slots(2);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        places.run(async () => {
          most = Math.max(most, ++running);
          order.push(index);
          await Promise.resolve();
          running--;
        }),
      ),
    );
    expect([most, order]).toEqual([2, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  });

  it('are not lost by work that fails or is given up while it waits', async () => {
    const places = slots(1);
    const hold = Promise.withResolvers<void>();
    const first = places.run(() => hold.promise);
    const control = new AbortController();
    const waiting = places.run(() => Promise.resolve('never'), control.signal);
    const failing = places.run(() => Promise.reject(new Error('no')));
    control.abort(new Error('given up'));
    await expect(waiting).rejects.toThrow('given up');
    hold.resolve();
    await first;
    await expect(failing).rejects.toThrow('no');
    expect(await places.run(() => Promise.resolve('free'))).toBe('free');
  });

  it('are without a limit when it is 0', async () => {
    const places = slots(0);
    const all = Promise.withResolvers<void>();
    let running = 0;
    const work = Array.from({ length: 50 }, () => places.run(() => (++running === 50 ? Promise.resolve(all.resolve()) : all.promise)));
    await Promise.all(work);
    expect(running).toBe(50);
  });
});

describe('forEachAtOnce', () => {
  it('goes through all, and tells what failed', async () => {
    const failures = await forEachAtOnce(2, [1, 2, 3], (item) => (item === 2 ? Promise.reject(new Error('two')) : Promise.resolve()));
    expect(failures).toEqual([{ item: 2, error: new Error('two') }]);
  });
});
