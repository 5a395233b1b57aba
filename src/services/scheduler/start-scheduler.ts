import type { IdentityClient } from '../../clients/identity.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import type { Settings } from '../../config/index.ts';
import { scheduler, schedulerTopic } from '../../contracts/scheduler.ts';
import type { Clock } from '../../lib/clock.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import type { Bus } from '../../lib/rpc/bus.ts';
import type { Stores } from '../../store/stores.ts';
import { filtersNamed } from './filters/index.ts';
import { createHostViews } from './host-view.ts';
import { selectDestinations } from './select-destinations.ts';

export interface SchedulerOptions {
  readonly stores: Stores;
  readonly bus: Bus;
  readonly placement: PlacementClient;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}

/** Starts a scheduler. Any number may run: claims are settled in placement. */
export async function startScheduler(options: SchedulerOptions): Promise<{ stop(): Promise<void> }> {
  const deps = { ...options, views: createHostViews(options), filters: filtersNamed(options.settings.filter_scheduler.enabled_filters) };
  const served = await options.bus.serve(schedulerTopic, scheduler, {
    selectDestinations: (request) => selectDestinations(deps, request),
    refresh: () => Promise.resolve(deps.views.refresh()),
  });
  return { stop: async () => served[Symbol.asyncDispose]() };
}
