import type { Settings } from '../../config/index.ts';
import type { PciRequest } from '../../domain/pci/pci-request.ts';
import type { HostCandidate } from './host-state.ts';

/** The providers placement has chosen for the devices of a request; null where it does not count devices. */
export const providersOf =
  ({ mappings }: HostCandidate, { filter_scheduler }: Settings) =>
  (request: PciRequest): readonly string[] | null => {
    if (!filter_scheduler.pci_in_placement || request.portId !== null) return null;
    return Array.from({ length: request.count }, (_, index) => mappings[`${request.id}-${index}`]?.[0]).filter(
      (uuid) => uuid !== undefined,
    );
  };
