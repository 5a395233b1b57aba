import { describe, expect, it } from 'vitest';
import { guestLocks } from './guest-locks.ts';

const { signal } = new AbortController();

describe('guest locks', () => {
  it('let one thing at a time be done to a guest, and any number to different ones', async () => {
    const locks = guestLocks();
    const hold = Promise.withResolvers<void>();
    const log: string[] = [];
    const first = locks.run('a', signal, () => hold.promise.then(() => void log.push('a1')));
    const second = locks.run('a', signal, async () => void log.push('a2'));
    await locks.run('b', signal, async () => void log.push('b'));
    hold.resolve();
    await Promise.all([first, second]);
    expect([log, locks.busy('a')]).toEqual([['b', 'a1', 'a2'], false]);
  });

  it('go on after a failure', async () => {
    const locks = guestLocks();
    await expect(locks.run('a', signal, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await locks.run('a', signal, () => Promise.resolve('yes'))).toBe('yes');
  });

  it('interrupt what runs and what waits, but not what comes later', async () => {
    const locks = guestLocks();
    const log: string[] = [];
    const running = locks.run('a', signal, (mine) => new Promise((_, reject) => mine.addEventListener('abort', () => reject(mine.reason))));
    const waiting = locks.run('a', signal, async () => void log.push('waited'));
    const ended = Promise.all([
      expect(running).rejects.toMatchObject({ code: 'interrupted' }),
      expect(waiting).rejects.toMatchObject({ code: 'interrupted' }),
    ]);
    const interrupting = locks.interrupt('a', signal, async () => void log.push('interrupted'));
    const later = locks.run('a', signal, async () => void log.push('later'));
    await Promise.all([ended, interrupting, later]);
    expect(log).toEqual(['interrupted', 'later']);
  });
});
