import { hostWith } from '../../domain/numa/host-usage.ts';
import { takePciDevices } from '../../domain/pci/satisfy-requests.ts';
import type { Placing } from './filters/filter.ts';
import { fitHost } from './filters/numa-topology-filter.ts';
import type { HostCandidate, HostState } from './host-state.ts';
import { providersOf } from './pci-providers.ts';

/** Takes from a host, as it is known here, what a claimed server will use of it. */
export function consume(host: HostState, candidate: HostCandidate, placing: Placing, amounts: Readonly<Record<string, number>>): void {
  host.freeMemoryMb -= amounts['MEMORY_MB'] ?? 0;
  host.freeVcpus -= amounts['VCPU'] ?? 0;
  host.freeDiskMb -= (amounts['DISK_GB'] ?? 0) * 1024;
  host.instances++;
  host.ioOps++;
  placing.group?.memberHosts.push(host.host);
  const { remainder } = host;
  const { topology, pciRequests, settings } = placing;
  const { numaTopology } = remainder;
  let hostCells: readonly number[] | null = null;
  if (topology !== null && numaTopology !== null) {
    const fit = fitHost(host, candidate, placing, topology, numaTopology);
    if ('fitted' in fit) {
      remainder.numaTopology = hostWith(numaTopology, fit.fitted);
      hostCells = fit.fitted.cells.map(({ hostCell }) => hostCell);
    }
  }
  if (pciRequests.length === 0) return;
  const taken = takePciDevices(remainder.pciPools, pciRequests, {
    hostCells,
    topology: numaTopology,
    providersOf: providersOf(candidate, settings),
  });
  if ('pools' in taken) remainder.pciPools = taken.pools;
}
