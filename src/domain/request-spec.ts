import type { InstanceFlavor, InstanceImage } from './instance.ts';
import type { RequestedNetworks } from './network-info.ts';
import type { PciRequest } from './pci/pci-request.ts';

/** A server group as scheduling sees it. */
export interface GroupConstraint {
  readonly id: string;
  readonly policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';
  readonly maxServerPerHost: number;
  /** Hosts of members, one entry for each member there. */
  readonly memberHosts: readonly string[];
}

/** Resources that must come from one provider. */
export interface RequestGroup {
  /** Suffix of its parameters, by which the provider that was chosen for it is found again: 1 to 64 letters, digits, `_`, `-`. */
  readonly requesterId: string;
  readonly from: 'flavor' | 'port' | 'accelerator' | 'pci';
  readonly resources: Readonly<Record<string, number>>;
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
}

/** What the scheduler is asked to find a place for; kept with the instance for later moves (Nova's RequestSpec). */
export interface RequestSpec {
  readonly projectId: string;
  readonly userId: string;
  readonly flavor: InstanceFlavor;
  /** Null for instances that boot from a volume without image facts. */
  readonly image: InstanceImage | null;
  readonly isBootedFromVolume: boolean;
  readonly availabilityZone: string | null;
  /** `availability_zone=zone:host:node` of an administrator: filters are not asked. */
  readonly forceHost: string | null;
  readonly forceNode: string | null;
  /** `host` and `hypervisor_hostname` since 2.74: filters are asked. */
  readonly requestedHost: string | null;
  readonly requestedNode: string | null;
  readonly ignoreHosts: readonly string[];
  readonly schedulerHints: Readonly<Record<string, readonly string[]>>;
  readonly groupId: string | null;
  readonly requestedNetworks: RequestedNetworks;
  readonly securityGroups: readonly string[];
  /** What ports and accelerators ask of placement, each a group of its own. */
  readonly requestGroups?: readonly RequestGroup[];
  /** Groups, by requester, whose providers must be one above the other. */
  readonly sameSubtree?: readonly (readonly string[])[];
  /** PCI devices that ports ask for; those of the flavor are read from it. */
  readonly portPciRequests?: readonly PciRequest[];
  /** Whether a port is managed by a network card (`vnic_type` remote-managed). */
  readonly remoteManagedPorts?: boolean;
  /** Physical networks the ports are on, and whether one is on a tunnel. */
  readonly networkAffinity?: { readonly physnets: readonly string[]; readonly tunneled: boolean };
  /** For each routed network: the aggregates of the segments an instance may be on; null where the network service names none. */
  readonly segmentAggregates?: readonly (readonly string[] | null)[];
  /** A move that may end in another cell than this. */
  readonly moveFromCell?: { readonly cellId: string; readonly mayLeave: boolean };
}

/** A place that was found and claimed for one instance. */
export interface Destination {
  readonly host: string;
  readonly node: string;
  readonly cellId: string;
  /** Resource provider of the node. */
  readonly computeNodeUuid: string;
  readonly availabilityZone: string;
  /** The providers that were claimed for each group with a suffix (a port, an accelerator). */
  readonly providers?: Readonly<Record<string, readonly string[]>>;
}

/** Why hosts were refused: for each constraint how many, and the nearest miss in words. */
export interface PlacementRefusal {
  readonly considered: number;
  readonly reasons: readonly { readonly constraint: string; readonly count: number; readonly example: string }[];
}
