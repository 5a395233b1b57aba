import type { HostTopology } from './numa/host-topology.ts';
import type { PciPool } from './pci/pci-pool.ts';

/** What a compute host tells of one of its nodes (a hypervisor): most hosts have one, fakes may have many. */
export interface NodeFacts {
  /** Stable identity of the node, which is also its resource provider's. */
  readonly uuid: string;
  /** `hypervisor_hostname`. */
  readonly name: string;
  readonly hypervisorType: string;
  /** major × 1 000 000 + minor × 1 000 + micro. */
  readonly hypervisorVersion: number;
  readonly hostIp: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly localGb: number;
  readonly vcpusUsed: number;
  readonly memoryMbUsed: number;
  readonly localGbUsed: number;
  readonly diskAvailableLeast: number | null;
  readonly runningVms: number;
  /** Architecture, model, vendor, features, topology. */
  readonly cpuInfo: Readonly<Record<string, unknown>>;
  /** [architecture, hypervisor type, vm mode]. */
  readonly supportedInstances: readonly (readonly [string, string, string])[];
  /** Free-form statistics, such as `io_workload`. */
  readonly stats: Readonly<Record<string, unknown>>;
  /** NUMA nodes with what guests use of them; null or unset where the host does not say. */
  readonly numaTopology?: HostTopology | null;
  /** PCI devices that guests may have and that are free. */
  readonly pciPools?: readonly PciPool[];
  /** What is measured, such as `cpu.percent`. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** What happened to a guest by itself. */
export interface GuestEvent {
  readonly instanceId: string;
  readonly event: 'started' | 'stopped' | 'paused' | 'resumed' | 'suspended' | 'crashed';
  /** Milliseconds since the epoch. */
  readonly at: number;
}
