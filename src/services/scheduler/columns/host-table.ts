import type { Settings } from '../../../config/index.ts';
import type { ProviderView } from '../../../domain/placement/provider-view.ts';
import type { Placing } from '../filters/filter.ts';
import type { HostState } from '../host-state.ts';
import { stateOf } from '../host-states.ts';
import type { HostView } from '../host-view.ts';
import type { HostWeigher } from '../weighers/weigher.ts';

/** A weigher whose value changes with every claim: what is left of one class. */
const ofResources: Readonly<Record<string, { readonly resourceClass: string; readonly scale: number }>> = {
  RAMWeigher: { resourceClass: 'MEMORY_MB', scale: 1 },
  CPUWeigher: { resourceClass: 'VCPU', scale: 1 },
  DiskWeigher: { resourceClass: 'DISK_GB', scale: 1024 },
};
/** Weighers whose value is the same for all requests of a moment. */
const ofHosts = new Set(['IoOpsWeigher', 'PCIWeigher', 'BuildFailureWeigher', 'HypervisorVersionWeigher', 'NumInstancesWeigher']);

/** One weigher as a column: a class of placement, or a number for each host. */
export interface WeightColumn {
  /** With its sign. */
  readonly multiplier: number;
  /** What normalisation counts from; the least value at hand where it is -Infinity. */
  readonly least: number;
  readonly of: { readonly resourceClass: string; readonly scale: number } | Float64Array;
}

/** What filters and weighers know of hosts, by the slots of their providers; made once for each view of hosts. */
export interface HostTable {
  readonly states: readonly (HostState | undefined)[];
  readonly weights: readonly WeightColumn[];
}

/** The weighers that count with these settings; null where one of them cannot be a column. */
export function countingWeighers(
  weighers: readonly HostWeigher[],
  placing: Placing,
  aggregateKeys: ReadonlySet<string>,
): readonly HostWeigher[] | null {
  const concerned = weighers.filter(({ concerns }) => concerns?.(placing) !== false);
  if (concerned.some(({ aggregateKey }) => aggregateKeys.has(aggregateKey))) return null;
  const counting = concerned.filter((weigher) => weigher.multiplier(placing.settings) !== 0);
  return counting.every(({ name }) => Object.hasOwn(ofResources, name) || ofHosts.has(name)) ? counting : null;
}

export function hostTable(
  hosts: HostView,
  providers: ProviderView,
  settings: Settings,
  { weighers, placing }: { readonly weighers: readonly HostWeigher[]; readonly placing: Placing },
): HostTable {
  const states: (HostState | undefined)[] = Array.from({ length: providers.slots });
  for (const root of providers.roots) {
    const node = hosts.nodesByUuid.get(providers.at(root).uuid);
    if (node !== undefined) states[root] = stateOf(hosts, node, undefined, [], settings.DEFAULT.default_availability_zone);
  }
  const there = [...states.keys()].filter((slot) => states[slot] !== undefined);
  const weights = weighers.flatMap((weigher): WeightColumn[] => {
    const { name, weigh, sign = 1, least = -Infinity } = weigher;
    const common = { multiplier: weigher.multiplier(settings) * sign, least };
    const resource = ofResources[name];
    if (resource !== undefined) return [{ ...common, of: resource }];
    const values = new Float64Array(states.length);
    for (const slot of there) values[slot] = Math.max(weigh(states[slot]!, placing), least);
    const first = values[there[0] ?? 0];
    // what is the same of all hosts tells none from another
    return there.every((slot) => values[slot] === first) ? [] : [{ ...common, of: values }];
  });
  return { states, weights };
}
