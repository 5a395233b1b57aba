import type { NodeFacts } from '../../domain/hosts.ts';
import type { Allocations } from '../../clients/placement.ts';

/** What filters and weighers know of one hypervisor. Amounts change while the servers of one request are placed. */
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
  freeMemoryMb: number;
  freeDiskMb: number;
  freeVcpus: number;
  /** What placement offers here, still to be claimed. */
  readonly candidates: { readonly allocations: Allocations; readonly mappings: Readonly<Record<string, readonly string[]>> }[];
}
