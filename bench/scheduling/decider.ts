import { systemClock } from '../../src/lib/clock.ts';
import type { PlacementClient } from '../../src/clients/placement.ts';
import type { DeciderDeps } from '../../src/services/scheduler/decide.ts';
import { filtersNamed } from '../../src/services/scheduler/filters/index.ts';
import { groupSections } from '../../src/services/scheduler/group-section.ts';
import { createHostViews } from '../../src/services/scheduler/host-view.ts';
import { findingCandidatesHere } from '../../src/services/scheduler/local-candidates.ts';
import { followProviders, type Providers } from '../../src/services/scheduler/providers.ts';
import { recordDecisions } from '../../src/services/scheduler/record-decisions.ts';
import { columnSelector } from '../../src/services/scheduler/select-by-columns.ts';
import { weighersNamed } from '../../src/services/scheduler/weighers/index.ts';
import type { SchedulerOptions } from '../../src/services/scheduler/start-scheduler.ts';

/** The parts of a scheduler as `startScheduler` puts them together, to be measured one by one. */
export function decider(options: Omit<SchedulerOptions, 'bus'>): { readonly deps: DeciderDeps; withoutClaim(): DeciderDeps } {
  const { settings } = options;
  const providers = followProviders(options);
  const parts = {
    ...options,
    placement: findingCandidatesHere(options.placement, providers),
    providers,
    decisions: recordDecisions(options),
    views: createHostViews(options),
    groups: groupSections(options),
    filters: filtersNamed(settings.filter_scheduler.enabled_filters, settings.filter_scheduler.available_filters),
    weighers: weighersNamed(settings.filter_scheduler.weight_classes),
  };
  const deps: DeciderDeps = { ...parts, byColumns: columnSelector(parts) };
  return {
    deps,
    /** The same on providers that are read once, with claims that are granted without a word, and nothing written down. */
    withoutClaim() {
      const read = providers.now();
      const once: Providers = { now: () => read, lately: () => read, refresh: () => undefined };
      const granting: PlacementClient = {
        ...options.placement,
        putAllocations: () => Promise.resolve(),
        deleteAllocations: () => Promise.resolve(),
      };
      const without = {
        ...parts,
        clock: systemClock,
        providers: once,
        placement: findingCandidatesHere(granting, once),
        decisions: { record: () => undefined, flush: () => Promise.resolve() },
      };
      return { ...without, byColumns: columnSelector(without) };
    },
  };
}
