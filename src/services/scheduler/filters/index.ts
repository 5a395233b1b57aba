import { invalid } from '../../../lib/errors.ts';
import {
  aggregateImagePropertiesIsolation,
  aggregateInstanceExtraSpecsFilter,
  aggregateMultiTenancyIsolation,
  aggregateTypeAffinityFilter,
} from './aggregate-filters.ts';
import { allHostsFilter } from './all-hosts-filter.ts';
import { availabilityZoneFilter } from './availability-zone-filter.ts';
import { computeCapabilitiesFilter } from './compute-capabilities-filter.ts';
import { computeFilter } from './compute-filter.ts';
import type { HostFilter } from './filter.ts';
import { differentHostFilter, sameHostFilter, simpleCidrAffinityFilter } from './hint-filters.ts';
import { imagePropertiesFilter } from './image-properties-filter.ts';
import { isolatedHostsFilter } from './isolated-hosts-filter.ts';
import { jsonFilter } from './json-filter.ts';
import { aggregateIoOpsFilter, aggregateNumInstancesFilter, ioOpsFilter, numInstancesFilter } from './load-filters.ts';
import { metricsFilter } from './metrics-filter.ts';
import { numaTopologyFilter } from './numa-topology-filter.ts';
import { pciPassthroughFilter } from './pci-passthrough-filter.ts';
import { serverGroupAffinityFilter, serverGroupAntiAffinityFilter } from './server-group-filters.ts';

/** Every filter there is, by Nova's names; `[filter_scheduler] enabled_filters` chooses and orders them. */
export const allFilters: readonly HostFilter[] = [
  aggregateImagePropertiesIsolation,
  aggregateInstanceExtraSpecsFilter,
  aggregateIoOpsFilter,
  aggregateMultiTenancyIsolation,
  aggregateNumInstancesFilter,
  aggregateTypeAffinityFilter,
  allHostsFilter,
  availabilityZoneFilter,
  computeCapabilitiesFilter,
  computeFilter,
  differentHostFilter,
  imagePropertiesFilter,
  ioOpsFilter,
  isolatedHostsFilter,
  jsonFilter,
  metricsFilter,
  numaTopologyFilter,
  numInstancesFilter,
  pciPassthroughFilter,
  sameHostFilter,
  serverGroupAffinityFilter,
  serverGroupAntiAffinityFilter,
  simpleCidrAffinityFilter,
];

const everyFilter = 'nova.scheduler.filters.all_filters';

/** The last part of a class path, which is what filters are called by. */
const classOf = (path: string): string => path.split('.').at(-1) ?? path;

/** The filters of these names, in this order; an unknown name is refused at the start rather than at the first build. `available` names by class path those that may be named. */
export function filtersNamed(names: readonly string[], available: readonly string[] = []): readonly HostFilter[] {
  const known = (name: string, option: string): HostFilter => {
    const filter = allFilters.find((candidate) => candidate.name === classOf(name));
    if (filter === undefined)
      throw invalid(
        `[filter_scheduler] ${option}: there is no filter '${name}'; there are ${allFilters.map((one) => one.name).join(', ')}.`,
      );
    return filter;
  };
  const allowed =
    available.length === 0 || available.includes(everyFilter) ? allFilters : available.map((path) => known(path, 'available_filters'));
  return names.map((name) => {
    const filter = known(name, 'enabled_filters');
    if (!allowed.includes(filter))
      throw invalid(
        `[filter_scheduler] enabled_filters: the filter '${name}' is not among available_filters (${allowed.map((one) => one.name).join(', ')}).`,
      );
    return filter;
  });
}
