import type { GuestTopology } from '../../../domain/numa/guest-topology.ts';
import { fitTopology, type FitContext } from '../../../domain/numa/fit-topology.ts';
import { hasThreads, type HostTopology } from '../../../domain/numa/host-topology.ts';
import { devicesByNode, takePciDevices } from '../../../domain/pci/satisfy-requests.ts';
import type { HostCandidate, HostState } from '../host-state.ts';
import { providersOf } from '../pci-providers.ts';
import { candidatesOf, pass, reject, type HostFilter, type Placing } from './filter.ts';

/** Keeps hosts on whose NUMA nodes the server can be laid out, and of what placement offers there what goes with a layout. */
export const numaTopologyFilter: HostFilter = {
  name: 'NUMATopologyFilter',
  concerns: ({ topology }) => topology !== null,
  check(host, placing) {
    const { topology } = placing;
    if (topology === null) return pass;
    const { numaTopology } = host.remainder;
    const refuse = (because: string) => reject('without NUMA nodes the server fits on', because);
    if (numaTopology === null) return refuse('it does not say what NUMA nodes it has');
    if (topology.cpuThreadPolicy === 'require' && !numaTopology.cells.some(hasThreads)) return refuse('its cores have no threads');
    let because = 'placement offers nothing there';
    const fitting = candidatesOf(host, placing).filter((candidate) => {
      const fit = fitHost(host, candidate, placing, topology, numaTopology);
      if ('because' in fit) because = fit.because;
      return 'fitted' in fit;
    });
    if (fitting.length === 0) return refuse(because);
    placing.kept.set(host.nodeUuid, fitting);
    return pass;
  },
};

/** Lays the server out on a host as it is now, with the devices a candidate gives it. */
export function fitHost(host: HostState, candidate: HostCandidate, placing: Placing, topology: GuestTopology, numaTopology: HostTopology) {
  const { pciRequests, settings, spec } = placing;
  const { pciPools } = host.remainder;
  const context: FitContext = {
    limits: { cpuRatio: host.ratios.cpu, memoryRatio: host.ratios.memory },
    packing: settings.compute.packing_host_numa_cells_allocation_strategy,
    pciDevices: devicesByNode(pciPools),
    wantsPci: pciRequests.length > 0,
    pciFits: (hostCells) =>
      pciRequests.length === 0 ||
      'pools' in
        takePciDevices(pciPools, pciRequests, { hostCells, topology: numaTopology, providersOf: providersOf(candidate, settings) }),
    network: spec.networkAffinity ?? { physnets: [], tunneled: false },
  };
  return fitTopology(numaTopology, topology, context);
}
