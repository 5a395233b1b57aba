import { readFile } from 'node:fs/promises';
import type { Clock } from './clock.ts';

export interface DeathWatchOptions {
  /** Those that should run, as far as is known at the moment. */
  readonly pids: () => Promise<readonly number[]> | readonly number[];
  /** Some have ended, whatever ended them; of each it is told once. */
  readonly onDeath: () => void;
  readonly clock: Clock;
  /** Half a second, unless said otherwise. */
  readonly everyMs?: number;
}

/** Watches processes that are nobody's children, as daemons are, until it is stopped. */
export function watchDeaths({ pids, onDeath, clock, everyMs = 500 }: DeathWatchOptions): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let told: ReadonlySet<number> = new Set();
  const look = async (): Promise<void> => {
    const expected = await pids();
    const dead = (await Promise.all(expected.map(async (pid) => ((await runs(pid)) ? [] : [pid])))).flat();
    const news = dead.some((pid) => !told.has(pid));
    told = new Set(dead);
    if (news && !stopping.signal.aborted) onDeath();
  };
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await look().catch(() => undefined);
      await clock.sleep(everyMs, stopping.signal).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort(new Error('stopping'));
      await loop;
    },
  };
}

/** A zombie runs no more: whoever started it has only not asked yet. */
async function runs(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat !== null && !/\) [ZX] /.test(stat);
}
