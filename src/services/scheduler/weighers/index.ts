import type { Settings } from '../../../config/index.ts';
import type { Placing } from '../filters/filter.ts';
import type { HostState } from '../host-state.ts';

type MultiplierName = {
  [K in keyof Settings['filter_scheduler']]: K extends `${string}_weight_multiplier` ? K : never;
}[keyof Settings['filter_scheduler']];

/** One reason to prefer a host, under Nova's name. */
interface HostWeigher {
  readonly name: string;
  readonly multiplier: MultiplierName;
  readonly weigh: (host: HostState, placing: Placing) => number;
  /** The least value normalisation counts from, where it is not that of the hosts at hand. */
  readonly least?: number;
}

const membersOn = (host: HostState, { group }: Placing): number => group?.memberHosts.filter((member) => member === host.host).length ?? 0;

/** Every weigher: its value is normalised over the hosts and counts times its multiplier (an aggregate's own wins). */
export const weighers: readonly HostWeigher[] = [
  { name: 'RAMWeigher', multiplier: 'ram_weight_multiplier', weigh: (host) => host.freeMemoryMb, least: 0 },
  { name: 'CPUWeigher', multiplier: 'cpu_weight_multiplier', weigh: (host) => host.freeVcpus, least: 0 },
  { name: 'DiskWeigher', multiplier: 'disk_weight_multiplier', weigh: (host) => host.freeDiskMb, least: 0 },
  {
    name: 'ServerGroupSoftAffinityWeigher',
    multiplier: 'soft_affinity_weight_multiplier',
    weigh: (host, placing) => (placing.group?.policy === 'soft-affinity' ? membersOn(host, placing) : 0),
  },
  {
    name: 'ServerGroupSoftAntiAffinityWeigher',
    multiplier: 'soft_anti_affinity_weight_multiplier',
    weigh: (host, placing) => (placing.group?.policy === 'soft-anti-affinity' ? -membersOn(host, placing) : 0),
  },
];

function multiplierOf(host: HostState, weigher: HostWeigher, settings: Settings): number {
  const own = (host.aggregateMetadata[weigher.multiplier] ?? []).map(Number).filter(Number.isFinite);
  return own.length > 0 ? Math.min(...own) : settings.filter_scheduler[weigher.multiplier];
}

/** The hosts, best first. */
export function weigh(hosts: readonly HostState[], placing: Placing): HostState[] {
  if (hosts.length < 2) return [...hosts];
  const weights = new Map(hosts.map((host) => [host, 0]));
  for (const weigher of weighers) {
    const values = hosts.map((host) => Math.max(weigher.weigh(host, placing), weigher.least ?? -Infinity));
    const least = weigher.least ?? Math.min(...values);
    const most = Math.max(...values);
    if (most === least) continue;
    for (const [index, host] of hosts.entries()) {
      weights.set(host, weights.get(host)! + ((values[index]! - least) / (most - least)) * multiplierOf(host, weigher, placing.settings));
    }
  }
  return hosts.toSorted((a, b) => weights.get(b)! - weights.get(a)!);
}
