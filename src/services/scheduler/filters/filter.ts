import type { Settings } from '../../../config/index.ts';
import type { GuestTopology } from '../../../domain/numa/guest-topology.ts';
import type { PciRequest } from '../../../domain/pci/pci-request.ts';
import type { GroupConstraint, RequestSpec } from '../../../domain/request-spec.ts';
import type { HostCandidate, HostState } from '../host-state.ts';

/** Why a host does not do; null when it does. `constraint` is the same for all hosts refused for one reason, `because` is about this one. Neither names a host. */
export type Verdict = { readonly constraint: string; readonly because: string } | null;

/** What is being placed. The group's member hosts grow as its servers are placed. */
export interface Placing {
  readonly spec: RequestSpec;
  readonly group: (Omit<GroupConstraint, 'memberHosts'> & { readonly memberHosts: string[] }) | null;
  readonly settings: Settings;
  /** The layout the server asks for. */
  readonly topology: GuestTopology | null;
  /** PCI devices that flavor and ports ask for. */
  readonly pciRequests: readonly PciRequest[];
  /** Hosts of the servers that hints name. */
  readonly hintedHosts: ReadonlyMap<string, string>;
  /** What filters have left of the candidates of a host; all where there is no entry. */
  readonly kept: Map<string, readonly HostCandidate[]>;
  /** By host: how many servers were made from an image with a property, by `property=value`. */
  readonly imagePropertiesOn: (host: string) => ReadonlyMap<string, number>;
}

/** One reason to refuse a host, under Nova's name. */
export interface HostFilter {
  readonly name: string;
  readonly check: (host: HostState, placing: Placing) => Verdict;
  /** Whether it can refuse anything of what is being placed; not asked otherwise. */
  readonly concerns?: (placing: Placing) => boolean;
  /** Set when its answer is the same for all servers of one request, so that it is asked for the first only. */
  readonly once?: true;
  /** Set when it is asked, too, whether an instance may stay where it is with another image. */
  readonly onRebuild?: true;
}

export const pass: Verdict = null;
export const reject = (constraint: string, because: string): Verdict => ({ constraint, because });

export const candidatesOf = (host: HostState, { kept }: Placing): readonly HostCandidate[] => kept.get(host.nodeUuid) ?? host.candidates;
