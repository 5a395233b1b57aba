import type { IdentityClient } from '../../clients/identity.ts';
import type { Clock } from '../../lib/clock.ts';
import { routeFactory, type RequestContext } from '../../lib/http/route.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { does } from './microversions.ts';
import type { PlacementRule } from './policy.ts';
import type { PlacementDatabase } from './store/tables.ts';
import type { CurrentView } from './view/current-view.ts';

/** What placement's handlers are given. */
export interface PlacementDeps {
  readonly database: PlacementDatabase;
  readonly view: CurrentView;
  readonly identity: Pick<IdentityClient, 'authenticate'>;
  /** Whether candidates come in another order each time (`[placement] randomize_allocation_candidates`). */
  readonly randomizes: boolean;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}

export const route = routeFactory<PlacementDeps, PlacementRule>();

/** Tells caches when what is answered last changed (now, where nothing says), in versions that do. */
export function markFresh(ctx: RequestContext, deps: PlacementDeps, updatedAt?: number): void {
  if (!does(ctx, 'cacheHeaders')) return;
  ctx.setHeader('last-modified', new Date(updatedAt ?? deps.clock.now()).toUTCString());
  ctx.setHeader('cache-control', 'no-cache');
}
