/** One network interface of an instance, as compute knows it: enough to plug it, to show it and to describe it to the guest. */
export interface Vif {
  readonly portId: string;
  readonly macAddress: string;
  readonly networkId: string;
  /** The network's name, which is the label of its addresses. */
  readonly networkLabel: string;
  readonly mtu: number | null;
  readonly vnicType: string;
  /** `unbound` before the port is bound to a host. */
  readonly vifType: string;
  readonly vifDetails: Readonly<Record<string, unknown>>;
  readonly profile: Readonly<Record<string, unknown>>;
  readonly active: boolean;
  readonly tag: string | null;
  /** Whether the port is deleted with the instance: it was made for it. */
  readonly deleteOnTermination: boolean;
  readonly subnets: readonly VifSubnet[];
}

export interface VifSubnet {
  readonly id: string;
  readonly cidr: string;
  readonly version: 4 | 6;
  readonly gateway: string | null;
  readonly dns: readonly string[];
  readonly routes: readonly { readonly destination: string; readonly nexthop: string }[];
  readonly dhcpServer: string | null;
  readonly addresses: readonly { readonly address: string; readonly floating: readonly string[] }[];
}

/** The interfaces of an instance, in the order of its guest's devices. */
export type NetworkInfo = readonly Vif[];

/** What a create request asks of the network. */
export type RequestedNetworks = 'none' | 'auto' | readonly RequestedNetwork[];

/** One interface that is asked for: on a network, or by a port that is there. */
export interface RequestedNetwork {
  readonly networkId: string | null;
  readonly portId: string | null;
  readonly fixedIp: string | null;
  readonly tag: string | null;
}

/** Name of a port's device on its host. */
export const tapName = (portId: string): string => `tap${portId.slice(0, 11)}`;
