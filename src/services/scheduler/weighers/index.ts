import type { Settings } from '../../../config/index.ts';
import { freeDevices } from '../../../domain/pci/pci-pool.ts';
import { invalid } from '../../../lib/errors.ts';
import type { Placing } from '../filters/filter.ts';
import type { HostState } from '../host-state.ts';
import { imagePropertiesWeigher } from './image-properties-weigher.ts';
import { metricsWeigher } from './metrics-weigher.ts';
import type { HostWeigher } from './weigher.ts';

type MultiplierName = {
  [K in keyof Settings['filter_scheduler']]: K extends `${string}_weight_multiplier` ? K : never;
}[keyof Settings['filter_scheduler']];

const weigher = (
  name: string,
  multiplier: MultiplierName,
  weigh: HostWeigher['weigh'],
  more: Pick<HostWeigher, 'least' | 'sign' | 'concerns'> = {},
): HostWeigher => ({ name, multiplier: ({ filter_scheduler }) => filter_scheduler[multiplier], aggregateKey: multiplier, weigh, ...more });

const membersOn = (host: HostState, { group }: Placing): number => group?.memberHosts.filter((member) => member === host.host).length ?? 0;

/** Every weigher: its value is normalised over the hosts and counts times its multiplier (an aggregate's own wins). */
export const allWeighers: readonly HostWeigher[] = [
  weigher('RAMWeigher', 'ram_weight_multiplier', (host) => host.freeMemoryMb, { least: 0 }),
  weigher('CPUWeigher', 'cpu_weight_multiplier', (host) => host.freeVcpus, { least: 0 }),
  weigher('DiskWeigher', 'disk_weight_multiplier', (host) => host.freeDiskMb, { least: 0 }),
  weigher('IoOpsWeigher', 'io_ops_weight_multiplier', (host) => host.ioOps, { least: 0 }),
  metricsWeigher,
  weigher('PCIWeigher', 'pci_weight_multiplier', (host) => 100 - Math.min(freeDevices(host.remainder.pciPools), 99)),
  weigher('ServerGroupSoftAffinityWeigher', 'soft_affinity_weight_multiplier', membersOn, {
    concerns: ({ group }) => group?.policy === 'soft-affinity',
  }),
  weigher('ServerGroupSoftAntiAffinityWeigher', 'soft_anti_affinity_weight_multiplier', (host, placing) => -membersOn(host, placing), {
    concerns: ({ group }) => group?.policy === 'soft-anti-affinity',
  }),
  weigher('BuildFailureWeigher', 'build_failure_weight_multiplier', (host) => Number(host.facts.stats['failed_builds'] ?? 0), { sign: -1 }),
  weigher(
    'CrossCellWeigher',
    'cross_cell_move_weight_multiplier',
    (host, { spec }) => (host.cellId === spec.moveFromCell?.cellId ? 1 : -1),
    {
      concerns: ({ spec }) => spec.moveFromCell?.mayLeave === true,
    },
  ),
  weigher('HypervisorVersionWeigher', 'hypervisor_version_weight_multiplier', (host) => host.facts.hypervisorVersion),
  weigher('NumInstancesWeigher', 'num_instances_weight_multiplier', (host) => host.instances),
  imagePropertiesWeigher,
];

const everyWeigher = 'nova.scheduler.weights.all_weighers';

/** The weighers of these class paths; an unknown one is refused at the start. */
export function weighersNamed(paths: readonly string[]): readonly HostWeigher[] {
  if (paths.includes(everyWeigher)) return allWeighers;
  return paths.map((path) => {
    const found = allWeighers.find(({ name }) => name === path.split('.').at(-1));
    if (found === undefined)
      throw invalid(
        `[filter_scheduler] weight_classes: there is no weigher '${path}'; there are ${allWeighers.map(({ name }) => name).join(', ')}.`,
      );
    return found;
  });
}
