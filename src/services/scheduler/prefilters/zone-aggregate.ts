import type { Prefilter } from './prefilter.ts';

/** Keeps to the aggregates of the zone that is asked for; a zone without any, such as the default one, narrows nothing. */
export const mapZoneToAggregate: Prefilter = {
  name: 'map_az_to_placement_aggregate',
  apply({ spec, aggregates }, { memberOf }) {
    if (spec.availabilityZone === null) return null;
    const ofZone = aggregates.filter(({ metadata }) => metadata['availability_zone'] === spec.availabilityZone);
    if (ofZone.length > 0) memberOf.push(ofZone.map(({ uuid }) => uuid));
    return null;
  },
};
