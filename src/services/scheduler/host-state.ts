import type { Allocations } from '../../clients/placement.ts';
import type { NodeFacts } from '../../domain/hosts.ts';
import type { HostTopology } from '../../domain/numa/host-topology.ts';
import type { PciPool } from '../../domain/pci/pci-pool.ts';

/** What placement offers on a host for a request: amounts by provider, and the providers of each group. */
export interface HostCandidate {
  readonly allocations: Allocations;
  readonly mappings: Readonly<Record<string, readonly string[]>>;
}

/** What is left of a hypervisor where only its host and this scheduler know: it outlives the view until the host reports anew. */
export interface HostRemainder {
  numaTopology: HostTopology | null;
  pciPools: readonly PciPool[];
}

/** What filters and weighers know of one hypervisor. Amounts change while servers are placed. */
export interface HostState {
  readonly host: string;
  readonly node: string;
  readonly nodeUuid: string;
  readonly cellId: string;
  readonly zone: string;
  readonly enabled: boolean;
  readonly up: boolean;
  readonly facts: NodeFacts;
  /** Values of each aggregate metadata key, over all aggregates of the host. */
  readonly aggregateMetadata: Readonly<Record<string, readonly string[]>>;
  /** How many times over processors and memory are given out. */
  readonly ratios: { readonly cpu: number; readonly memory: number };
  freeMemoryMb: number;
  freeDiskMb: number;
  freeVcpus: number;
  instances: number;
  ioOps: number;
  readonly remainder: HostRemainder;
  /** What placement offers here, still to be claimed. */
  readonly candidates: readonly HostCandidate[];
}
