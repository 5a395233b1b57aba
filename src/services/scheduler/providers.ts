import type { IdentityClient } from '../../clients/identity.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import { createProviderMirror } from '../../clients/provider-mirror.ts';
import type { ProviderView } from '../../domain/placement/provider-view.ts';
import type { Clock } from '../../lib/clock.ts';

/** All providers as placement has them; null where placement cannot be followed, for it is not ours. */
export interface Providers {
  /** With everything that was committed before the call. */
  now(): Promise<ProviderView | null>;
  /** With what was committed until a moment ago. Who finds nothing in it asks again for `now`. */
  lately(): Promise<ProviderView | null>;
  /** Something that was just changed must be seen by `lately`, too. */
  refresh(): void;
}

/** How old a view may be that is good for a first try: the claim is judged by placement in any case. */
const latelyMs = 25;

/** How long a placement that cannot be followed is not asked again. */
const foreignForMs = 600_000;

/** Thrown through the mirror by a placement that has no change feed. */
class CannotFollow extends Error {}

/** Follows placement, so that candidates are found here rather than fetched: a thousand hosts with all their traits are megabytes of JSON. */
export function followProviders({
  placement,
  identity,
  clock,
}: {
  readonly placement: Pick<PlacementClient, 'providerChanges'>;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly clock: Clock;
}): Providers {
  const mirror = createProviderMirror(async (since) => {
    const changes = await placement.providerChanges(identity.serviceSession, since);
    if (changes === null) throw new CannotFollow();
    return changes;
  }, clock);
  let foreignUntil = 0;
  /** A reading that all who ask must wait for. */
  let awaited: Promise<unknown> | null = null;
  const follow = async (read: () => Promise<ProviderView>): Promise<ProviderView | null> => {
    if (clock.now() < foreignUntil) return null;
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof CannotFollow)) throw error;
      foreignUntil = clock.now() + foreignForMs;
      return null;
    }
  };
  return {
    now: () => follow(() => mirror.read()),
    async lately() {
      await awaited;
      return follow(() => mirror.recent(latelyMs));
    },
    refresh() {
      const reading = follow(() => mirror.read()).catch(() => undefined); // who needs it reads again, and is told why not
      awaited = reading;
      void reading.then(() => (awaited === reading ? (awaited = null) : undefined));
    },
  };
}
