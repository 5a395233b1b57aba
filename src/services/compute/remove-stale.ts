import { isKind } from '../../lib/errors.ts';
import { retry } from '../../lib/retry.ts';
import type { ComputeHost } from './compute-host.ts';

/** What a host that starts is told of guests that went on without it. */
export interface StaleGuests {
  readonly setAside: readonly string[];
  readonly evacuated: readonly { readonly instanceId: string; readonly moveId: string; readonly made: boolean }[];
}

/**
 * Removes what a host has of servers that run elsewhere since, before it does anything else: no server runs twice. What cannot be removed
 * now is logged, and is found by the auditor.
 */
export async function removeStale(host: ComputeHost, { setAside, evacuated }: StaleGuests, signal: AbortSignal): Promise<void> {
  const { driver, log } = host;
  const removed: string[] = [];
  for (const { instanceId, moveId, made } of evacuated) {
    try {
      if (made) {
        await driver.destroy(instanceId);
        await driver.moves?.discardAside(instanceId);
        removed.push(moveId);
      } else await driver.powerOff(instanceId, { graceSeconds: 0, signal });
      log.info({ instanceId, made }, 'a guest that was evacuated is no longer here, or no longer runs');
    } catch (error) {
      if (!isKind(error, 'notFound')) log.error({ err: error, instanceId }, 'a guest that was evacuated could not be removed');
    }
  }
  const wanted = new Set(setAside);
  for (const id of (await driver.moves?.aside()) ?? []) {
    if (wanted.has(id)) continue;
    await driver.moves
      ?.discardAside(id)
      .catch((error: unknown) => log.error({ err: error, instanceId: id }, 'what was set aside of a guest could not be removed'));
    log.info({ instanceId: id }, 'what was set aside of a guest is no longer needed');
  }
  if (removed.length > 0)
    await retry(() => host.conductor.staleGuestsRemoved({ host: host.host, moveIds: removed }), {
      clock: host.clock,
      attempts: Infinity,
      delayMs: 200,
      maxDelayMs: 5_000,
      when: (error) => isKind(error, 'unavailable'),
      signal,
    });
}
