import type { IdentityClient } from '../../clients/identity.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import { createProviderMirror } from '../../clients/provider-mirror.ts';
import type { ProviderView } from '../../domain/placement/provider-view.ts';
import type { Clock } from '../../lib/clock.ts';

/** All providers as placement has them at the moment of the call; null where placement cannot be followed, for it is not ours. */
export type Providers = () => Promise<ProviderView | null>;

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
  return async () => {
    if (clock.now() < foreignUntil) return null;
    try {
      return await mirror.read();
    } catch (error) {
      if (!(error instanceof CannotFollow)) throw error;
      foreignUntil = clock.now() + foreignForMs;
      return null;
    }
  };
}
