import type { IdentityClient } from '../../clients/identity.ts';
import type { ImageClient } from '../../clients/image.ts';
import type { NetworkClient } from '../../clients/network.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import type { VolumeClient } from '../../clients/volume.ts';
import type { Settings } from '../../config/index.ts';
import type { Conductor } from '../../contracts/conductor.ts';
import type { PowerState } from '../../domain/instance.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { HypervisorDriver } from './drivers/driver.ts';
import { buildOutcomes, type BuildOutcomes } from './build-outcomes.ts';
import { guestLocks, type GuestLocks } from './guest-locks.ts';
import { openHoldings, type Holdings } from './holdings.ts';
import type { ImageCache } from './image-cache.ts';
import { networkEvents, type NetworkEvents } from './network-events.ts';
import type { NodeIdentity } from './node-identity.ts';
import { slots, type Slots } from './slots.ts';

export interface ComputeClients {
  readonly placement: PlacementClient;
  readonly image: ImageClient;
  readonly network: NetworkClient;
  readonly volume: Pick<VolumeClient, 'connectAttachment'>;
}

/** What one host works with: operations and reconcilers take this and nothing else. */
export interface ComputeHost {
  readonly host: string;
  readonly node: NodeIdentity;
  readonly settings: Settings;
  readonly driver: HypervisorDriver;
  readonly conductor: Conductor;
  readonly clients: ComputeClients;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Null where the driver has no use for files of images. */
  readonly images: ImageCache | null;
  readonly locks: GuestLocks;
  readonly builds: Slots;
  /** Guests that leave while they run. */
  readonly departures: Slots;
  readonly snapshots: Slots;
  readonly networkEvents: NetworkEvents;
  readonly holdings: Holdings;
  readonly outcomes: BuildOutcomes;
}

/** What most operations answer. */
export interface State {
  readonly powerState: PowerState;
}

export function composeHost(
  parts: Omit<ComputeHost, 'locks' | 'builds' | 'departures' | 'snapshots' | 'networkEvents' | 'holdings' | 'outcomes'>,
): ComputeHost {
  const {
    max_concurrent_builds: builds,
    max_concurrent_snapshots: snapshots,
    max_concurrent_live_migrations: departures,
  } = parts.settings.DEFAULT;
  return {
    ...parts,
    locks: guestLocks(),
    builds: slots(builds),
    departures: slots(departures),
    snapshots: slots(snapshots),
    networkEvents: networkEvents(),
    holdings: openHoldings({
      driver: parts.driver,
      settings: parts.settings,
      node: parts.node,
      allocationsOf: async (id) => (await parts.clients.placement.allocations(parts.identity.serviceSession, id)).allocations,
    }),
    outcomes: buildOutcomes(),
  };
}
