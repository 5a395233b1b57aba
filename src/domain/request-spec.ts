import type { InstanceFlavor, InstanceImage } from './instance.ts';
import type { RequestedNetworks } from './network-info.ts';

/** A server group as scheduling sees it. */
export interface GroupConstraint {
  readonly id: string;
  readonly policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';
  readonly maxServerPerHost: number;
  /** Hosts of members, one entry for each member there. */
  readonly memberHosts: readonly string[];
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
}

/** A place that was found and claimed for one instance. */
export interface Destination {
  readonly host: string;
  readonly node: string;
  readonly cellId: string;
  /** Resource provider of the node. */
  readonly computeNodeUuid: string;
  readonly availabilityZone: string;
}

/** Why hosts were refused: for each constraint how many, and the nearest miss in words. */
export interface PlacementRefusal {
  readonly considered: number;
  readonly reasons: readonly { readonly constraint: string; readonly count: number; readonly example: string }[];
}
