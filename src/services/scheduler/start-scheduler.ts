import type { IdentityClient } from '../../clients/identity.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import type { Settings } from '../../config/index.ts';
import { scheduler, schedulerTopic } from '../../contracts/scheduler.ts';
import type { Clock } from '../../lib/clock.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { unavailable } from '../../lib/errors.ts';
import { startReconciler } from '../../lib/reconciler/reconciler.ts';
import type { Bus } from '../../lib/rpc/bus.ts';
import { forgetDecisions } from '../../store/decisions.ts';
import type { Stores } from '../../store/stores.ts';
import { decide, type DeciderDeps } from './decide.ts';
import { filtersNamed } from './filters/index.ts';
import { groupSections } from './group-section.ts';
import { createHostViews } from './host-view.ts';
import { judgeHost } from './judge-host.ts';
import { findingCandidatesHere } from './local-candidates.ts';
import { followProviders } from './providers.ts';
import { pciAliasesOf } from './pci-aliases-of.ts';
import { recordDecisions } from './record-decisions.ts';
import { rehearse } from './rehearse.ts';
import { columnSelector } from './select-by-columns.ts';
import { watchSettling } from './settling.ts';
import { weighersNamed } from './weighers/index.ts';

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
  const { stores, settings, clock, log } = options;
  const providers = followProviders(options);
  const decisions = recordDecisions(options);
  const parts = {
    ...options,
    placement: findingCandidatesHere(options.placement, providers),
    providers,
    decisions,
    views: createHostViews(options),
    groups: groupSections(options),
    filters: filtersNamed(settings.filter_scheduler.enabled_filters, settings.filter_scheduler.available_filters),
    weighers: weighersNamed(settings.filter_scheduler.weight_classes),
  };
  const deps: DeciderDeps = { ...parts, byColumns: columnSelector(parts) };
  pciAliasesOf(settings); // a wrong one ends the start
  const settling = await watchSettling(options);
  const served = await options.bus.serve(schedulerTopic, scheduler, {
    async selectDestinations(request) {
      const selection = await decide(deps, request);
      if (!selection.found && settling.isUnderWay())
        throw unavailable('No host has room yet, and hosts of this cloud are still coming back.', { code: 'hosts-coming-back' });
      return selection;
    },
    explain: ({ spec }) => rehearse(deps, spec),
    judgeHost: (request) => judgeHost(deps, request),
    refresh() {
      deps.views.refresh();
      providers.refresh();
      return Promise.resolve();
    },
  });
  const keptMs = settings.kilonova.decisions_kept_hours * 3_600_000;
  const forgetting = startReconciler(
    {
      name: 'old decisions',
      everyMs: 600_000,
      run: async () => ({ forgotten: await forgetDecisions(stores.api, new Date(clock.now() - keptMs)) }),
    },
    { clock, log },
  );
  return {
    async stop() {
      await served[Symbol.asyncDispose]();
      await Promise.all([forgetting.stop(), settling.stop()]);
      await decisions.flush();
    },
  };
}
