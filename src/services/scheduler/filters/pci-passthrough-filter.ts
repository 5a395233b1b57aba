import { takePciDevices } from '../../../domain/pci/satisfy-requests.ts';
import { providersOf } from '../pci-providers.ts';
import { candidatesOf, pass, reject, type HostFilter } from './filter.ts';

/** Keeps hosts that have the PCI devices the server asks for, and of what placement offers there what goes with them. */
export const pciPassthroughFilter: HostFilter = {
  name: 'PciPassthroughFilter',
  concerns: ({ pciRequests }) => pciRequests.length > 0,
  check(host, placing) {
    const { pciRequests, settings } = placing;
    if (pciRequests.length === 0) return pass;
    let lacking = pciRequests[0]!;
    const fitting = candidatesOf(host, placing).filter((candidate) => {
      const outcome = takePciDevices(host.remainder.pciPools, pciRequests, {
        hostCells: null,
        topology: host.remainder.numaTopology,
        providersOf: providersOf(candidate, settings),
      });
      if (!('pools' in outcome)) lacking = outcome;
      return 'pools' in outcome;
    });
    if (fitting.length === 0) {
      const wanted = lacking.alias === null ? 'the devices of a port' : `${lacking.count} of ${lacking.alias}`;
      return reject('without the PCI devices that are asked for', `it has not ${wanted} free`);
    }
    placing.kept.set(host.nodeUuid, fitting);
    return pass;
  },
};
