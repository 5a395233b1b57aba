import { invalid } from '../../../lib/errors.ts';
import { availabilityZoneFilter } from './availability-zone-filter.ts';
import { computeCapabilitiesFilter } from './compute-capabilities-filter.ts';
import { computeFilter } from './compute-filter.ts';
import type { HostFilter } from './filter.ts';
import { imagePropertiesFilter } from './image-properties-filter.ts';
import { serverGroupAffinityFilter, serverGroupAntiAffinityFilter } from './server-group-filters.ts';

/** Every filter there is, by Nova's names; `[filter_scheduler] enabled_filters` chooses and orders them. */
const all: readonly HostFilter[] = [
  computeFilter,
  availabilityZoneFilter,
  computeCapabilitiesFilter,
  imagePropertiesFilter,
  serverGroupAntiAffinityFilter,
  serverGroupAffinityFilter,
];

/** The filters of these names, in this order; an unknown name is refused at the start rather than at the first build. */
export function filtersNamed(names: readonly string[]): readonly HostFilter[] {
  return names.map((name) => {
    const filter = all.find((candidate) => candidate.name === name);
    if (filter === undefined)
      throw invalid(
        `[filter_scheduler] enabled_filters: there is no filter '${name}'; there are ${all.map((known) => known.name).join(', ')}.`,
      );
    return filter;
  });
}
