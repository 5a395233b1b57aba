import type { Clock } from '../../lib/clock.ts';

export interface ThrottleSettings {
  /** Failures after which further attempts are refused unseen. */
  readonly attempts: number;
  /** For how long, counted from the last failure. */
  readonly seconds: number;
}

/** Counts failed log-ins by who is claimed and from where, so that nobody can lock out another. */
export interface LoginThrottle {
  /** Runs `verify` unless this key has failed too often; attempts under one key run one after the other, so none slips by the count. */
  attempt(key: string, verify: () => Promise<boolean>): Promise<boolean>;
}

const maxKeys = 50_000;

export function createLoginThrottle(clock: Clock, { attempts, seconds }: ThrottleSettings): LoginThrottle {
  const failures = new Map<string, { readonly count: number; readonly until: number }>();
  const running = new Map<string, Promise<unknown>>();
  const failureCount = (key: string): number => {
    const known = failures.get(key);
    if (known !== undefined && known.until <= clock.now()) failures.delete(key);
    return failures.get(key)?.count ?? 0;
  };
  const failed = (key: string): void => {
    const count = failureCount(key) + 1;
    failures.delete(key);
    failures.set(key, { count, until: clock.now() + seconds * 1000 });
    const oldest = failures.keys().next().value;
    if (failures.size > maxKeys && oldest !== undefined) failures.delete(oldest);
  };
  const once = async (key: string, verify: () => Promise<boolean>): Promise<boolean> => {
    if (failureCount(key) >= attempts) return false;
    const good = await verify();
    if (good) failures.delete(key);
    else failed(key);
    return good;
  };
  return {
    async attempt(key, verify) {
      const before = running.get(key);
      const mine = (before ?? Promise.resolve()).then(() => once(key, verify));
      const settled = mine.catch(() => undefined);
      running.set(key, settled);
      try {
        return await mine;
      } finally {
        if (running.get(key) === settled) running.delete(key);
      }
    },
  };
}
