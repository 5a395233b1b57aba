import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createPasswords, machineCost, type PasswordCost } from './password-hash.ts';

const cost = { n: 4096, r: 8, p: 1 };
let now = 0;
const clock = { now: () => now, sleep: () => Promise.reject(new Error('nothing sleeps here')) };

describe('passwords', () => {
  test('are hashed with a salt and their cost, and verified whatever cost is used now', async () => {
    const passwords = createPasswords({ clock, cost });
    const [first, second, light] = [
      await passwords.hash('secret'),
      await passwords.hash('secret'),
      await passwords.hash('secret', machineCost),
    ];
    expect(first).toMatch(/^scrypt\$4096\$8\$1\$/);
    expect(first).not.toBe(second);
    const others = createPasswords({ clock, cost: machineCost });
    expect(await Promise.all([first, second, light].map((hash) => others.verify('secret', hash)))).toEqual([true, true, true]);
    expect(await Promise.all([first, light, null, '', 'scrypt$x', 'md5$1$2$3$4$5'].map((hash) => others.verify('wrong', hash)))).toEqual(
      Array(6).fill(false),
    );
  });

  test('of no user, of none and of a damaged row are never right, the decoy’s neither', async () => {
    const passwords = createPasswords({ clock, cost });
    expect(await Promise.all(['', 'secret', '\0'].map((password) => passwords.verify(password, null)))).toEqual([false, false, false]);
  });

  test('that were right are remembered for some minutes; a failure costs the same for every user', async () => {
    const work: number[] = [];
    const derive = async (password: string, _salt: Buffer, { n }: PasswordCost): Promise<Buffer> => {
      work.push(n);
      return createHash('sha256').update(password).digest();
    };
    const passwords = createPasswords({ clock, cost, derive });
    const [hash, light] = [await passwords.hash('secret'), await passwords.hash('secret', machineCost)];
    const workOf = async (password: string, against: string | null): Promise<number[]> => {
      work.length = 0;
      await passwords.verify(password, against);
      return [...work];
    };
    expect([await workOf('secret', hash), await workOf('secret', hash), await workOf('wrong', hash), await workOf('wrong', hash)]).toEqual([
      [4096],
      [],
      [4096],
      [4096],
    ]);
    expect([await workOf('wrong', null), await workOf('wrong', light), await workOf('secret', light)]).toEqual([
      [4096],
      [1024, 4096],
      [1024],
    ]);
    now += 5 * 60_000;
    expect(await workOf('secret', hash)).toEqual([4096]);
  });
});
