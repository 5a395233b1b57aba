import type { IdentityClient } from '../../clients/identity.ts';
import type { ImageClient } from '../../clients/image.ts';
import type { NetworkClient } from '../../clients/network.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import type { VolumeClient } from '../../clients/volume.ts';
import type { Settings } from '../../config/index.ts';
import type { ComputeAgent } from '../../contracts/compute.ts';
import type { Scheduler } from '../../contracts/scheduler.ts';
import type { Clock } from '../../lib/clock.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import type { Stores } from '../../store/stores.ts';

/** What sagas and reconcilers of the conductor work with. */
export interface ConductorDeps {
  readonly stores: Stores;
  readonly image: Pick<ImageClient, 'show' | 'list' | 'delete' | 'upload' | 'changeProperties'>;
  readonly network: NetworkClient;
  readonly volume: VolumeClient;
  readonly placement: PlacementClient;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly scheduler: Scheduler;
  readonly agentOn: (host: string) => ComputeAgent;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  /** New sagas have been written in this cell. */
  readonly wake: () => void;
}
