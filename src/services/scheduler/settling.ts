import type { Settings } from '../../config/index.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { isUp, listHostLiveness } from '../../store/services.ts';
import type { Stores } from '../../store/stores.ts';

/** The longest a scheduler waits for hosts that were there before it; less than a build waits for the scheduler. */
const longestMs = 45_000;
const lookEveryMs = 500;

/** The time after the start of a cloud in which its hosts come back one by one. */
export interface Settling {
  /** Whether hosts that are known are still expected: what finds no place now may find one when they are back. */
  isUnderWay(): boolean;
  stop(): Promise<void>;
}

/**
 * Watches the hosts that are known, were not switched off by an operator and are not up, until each has been seen once or time is over. One that has been seen and
 * goes away again is not waited for.
 */
export async function watchSettling(deps: {
  readonly stores: Stores;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<Settling> {
  const { stores, settings, clock, log } = deps;
  const downTime = settings.DEFAULT.service_down_time;
  const deadline = clock.now() + Math.min(longestMs, downTime * 1000);
  const away = async (): Promise<ReadonlySet<string>> =>
    new Set(
      (await listHostLiveness(stores)).flatMap((service) =>
        service.disabled || service.forcedDown || isUp(service, clock.now(), downTime) ? [] : [service.host],
      ),
    );
  let expected = await away();
  const stopping = new AbortController();
  const watching = (async () => {
    while (expected.size > 0 && clock.now() < deadline && !stopping.signal.aborted) {
      await clock.sleep(lookEveryMs, stopping.signal).catch(() => undefined);
      try {
        const now = await away();
        expected = new Set([...expected].filter((host) => now.has(host)));
      } catch (error) {
        log.warn({ err: error }, 'hosts that are coming back could not be counted');
      }
    }
  })();
  return {
    isUnderWay: () => expected.size > 0 && clock.now() < deadline,
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}
