import { createHmac, randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';

/** How much work one guess costs: scrypt's N, r and p. Kept with each hash, so that changing it leaves old passwords valid. */
export interface PasswordCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** For passwords people choose. */
export const humanCost: PasswordCost = { n: 2 ** 15, r: 8, p: 3 };
/** For secrets of 32 random characters or more, which cannot be guessed at any speed. */
export const machineCost: PasswordCost = { n: 2 ** 10, r: 8, p: 1 };

export interface Passwords {
  hash(password: string, cost?: PasswordCost): Promise<string>;
  /** Whether it is this password. With null (no such user, no password) it works as long and answers no. */
  verify(password: string, hash: string | null): Promise<boolean>;
}

const rememberedMs = 5 * 60_000;
const rememberedMax = 2000;

/**
 * Hashes passwords off the event loop. What has been verified is remembered for some minutes, as a keyed digest of password and hash:
 * the key lives in this process only, and a changed password has another hash, so it is never taken for the old one.
 */
export function createPasswords(options: {
  readonly clock: Clock;
  readonly cost?: PasswordCost;
  readonly derive?: typeof scryptKey;
}): Passwords {
  const { clock, cost = humanCost, derive = scryptKey } = options;
  const key = randomBytes(32);
  const verified = new Map<string, number>();
  const decoy = encode(cost, randomBytes(16), randomBytes(32));
  const remember = (digest: string): void => {
    verified.delete(digest);
    verified.set(digest, clock.now() + rememberedMs);
    const oldest = verified.keys().next().value;
    if (verified.size > rememberedMax && oldest !== undefined) verified.delete(oldest);
  };
  return {
    async hash(password, chosen = cost) {
      const salt = randomBytes(16);
      return encode(chosen, salt, await derive(password, salt, chosen));
    },
    async verify(password, hash) {
      const digest = createHmac('sha256', key)
        .update(`${hash ?? ''}\0${password}`)
        .digest('base64');
      if (hash !== null && (verified.get(digest) ?? 0) > clock.now()) return true;
      const stored = decode(hash ?? decoy) ?? decode(decoy)!;
      const same = timingSafeEqual(await derive(password, stored.salt, stored.cost), stored.key);
      if (hash === null) return false;
      if (!same) {
        if (stored.cost.n * stored.cost.p < cost.n * cost.p) await derive(password, stored.salt, cost); // a failure takes as long for every user
        return false;
      }
      remember(digest);
      return true;
    },
  };
}

const encode = ({ n, r, p }: PasswordCost, salt: Buffer, key: Buffer): string =>
  `scrypt$${n}$${r}$${p}$${salt.toString('base64')}$${key.toString('base64')}`;

function decode(hash: string): { readonly cost: PasswordCost; readonly salt: Buffer; readonly key: Buffer } | null {
  const [scheme, n, r, p, salt, key] = hash.split('$');
  if (scheme !== 'scrypt' || salt === undefined || key === undefined) return null;
  return { cost: { n: Number(n), r: Number(r), p: Number(p) }, salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64') };
}

/** The work itself, on a thread of its own. */
function scryptKey(password: string, salt: Buffer, { n, r, p }: PasswordCost): Promise<Buffer> {
  const options: ScryptOptions = { N: n, r, p, maxmem: 256 * n * r };
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  scrypt(password, salt, 32, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  return promise;
}
