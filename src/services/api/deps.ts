import type { IdentityClient } from '../../clients/identity.ts';
import type { ImageClient } from '../../clients/image.ts';
import type { NetworkClient } from '../../clients/network.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import type { ShareClient } from '../../clients/share.ts';
import type { VolumeClient } from '../../clients/volume.ts';
import type { Settings } from '../../config/index.ts';
import type { ComputeAgent } from '../../contracts/compute.ts';
import type { Conductor } from '../../contracts/conductor.ts';
import type { Scheduler } from '../../contracts/scheduler.ts';
import { actionFactory, routeFactory } from '../../lib/http/route.ts';
import type { Clock } from '../../lib/clock.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import type { LocatedInstance } from '../../store/instances.ts';
import type { Stores } from '../../store/stores.ts';
import type { RuleName } from './policy.ts';

/** What handlers of the Compute API work with. */
export interface ApiDeps {
  readonly stores: Stores;
  readonly identity: Pick<IdentityClient, 'sessionOf' | 'serviceSession' | 'endpoints' | 'projectExists' | 'limits'>;
  readonly image: ImageClient;
  readonly network: NetworkClient;
  readonly volume: VolumeClient;
  readonly share: ShareClient;
  readonly placement: Pick<
    PlacementClient,
    'aggregates' | 'setAggregates' | 'traits' | 'setTraits' | 'deleteProvider' | 'deleteAllocations'
  >;
  readonly conductor: Conductor;
  /** Told when what it remembers of hosts has changed. */
  readonly scheduler: Pick<Scheduler, 'refresh' | 'explain'>;
  readonly agentOn: (host: string) => ComputeAgent;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}

/** Makes a route of the Compute API; its rule must stand in `policy.ts`. */
export const route = routeFactory<ApiDeps, RuleName>();
/** Makes an action of `POST /servers/{id}/action`. */
export const serverAction = actionFactory<ApiDeps, RuleName, LocatedInstance>();
/** Makes an action of something else, which the path's parameter names; its rule is asked before it is looked for. */
export const resourceAction = actionFactory<ApiDeps, RuleName, string>();
