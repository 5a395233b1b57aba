import type { Prefilter } from './prefilter.ts';

/** Keeps to the hosts that reach a segment of every routed network of the server. */
export const routedNetworks: Prefilter = {
  name: 'routed_networks_filter',
  apply({ spec, settings }, { memberOf }) {
    if (!settings.scheduler.query_placement_for_routed_network_aggregates) return null;
    for (const aggregates of spec.segmentAggregates ?? []) {
      if (aggregates === null || aggregates.length === 0) return 'Failed to find aggregate related to segment';
      memberOf.push(aggregates);
    }
    return null;
  },
};
