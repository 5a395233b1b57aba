import type { Prefilter } from './prefilter.ts';

/** Keeps out of aggregates that are for servers with certain traits (`trait:X = required`), unless the request has all of them. */
export const isolateAggregates: Prefilter = {
  name: 'isolate_aggregates',
  apply({ settings, aggregates, requiredTraits }, { notMemberOf }) {
    if (!settings.scheduler.enable_isolated_aggregate_filtering) return null;
    for (const { uuid, metadata } of aggregates) {
      const traits = Object.entries(metadata).flatMap(([key, value]) =>
        key.startsWith('trait:') && value === 'required' ? [key.slice('trait:'.length)] : [],
      );
      if (traits.some((trait) => !requiredTraits.has(trait))) notMemberOf.add(uuid);
    }
    return null;
  },
};
