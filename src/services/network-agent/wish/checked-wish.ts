import type { InterfaceAddress, IpAddress, IpPrefix, MacAddress } from '../address.ts';

/** A host's wish after every value in it has been parsed: what the rest of the agent works on. Ids are UUIDs. */
export interface CheckedWish {
  readonly revision: number;
  readonly networks: readonly CheckedNetwork[];
  readonly ports: readonly CheckedPort[];
  /** Devices nothing may pass: of ports that are down or could not be understood. */
  readonly closedDevices: readonly string[];
  readonly routers: readonly CheckedRouter[];
  readonly groups: readonly CheckedGroup[];
  /** Where the tunnels of the other hosts end. */
  readonly peers: readonly IpAddress[];
}

export interface CheckedSubnet {
  readonly id: string;
  readonly prefix: IpPrefix;
  readonly gateway: IpAddress | null;
  readonly dhcpEnabled: boolean;
  readonly nameservers: readonly IpAddress[];
  readonly hostRoutes: readonly CheckedRoute[];
}

export interface CheckedRoute {
  readonly destination: IpPrefix;
  readonly nexthop: IpAddress;
}

export interface CheckedLease {
  readonly portId: string;
  readonly mac: MacAddress;
  readonly address: IpAddress;
  /** A single DNS label, or null when the wish's is none. */
  readonly hostName: string | null;
  readonly deviceId: string | null;
  readonly projectId: string | null;
}

export interface CheckedNetwork {
  readonly id: string;
  readonly mtu: number;
  readonly external: boolean;
  readonly segmentationId: number | null;
  readonly dhcp: { readonly portId: string; readonly mac: MacAddress; readonly addresses: readonly InterfaceAddress[] } | null;
  readonly subnets: readonly CheckedSubnet[];
  readonly leases: readonly CheckedLease[];
}

export interface CheckedPort {
  readonly id: string;
  readonly networkId: string;
  readonly device: string;
  readonly mac: MacAddress;
  readonly addresses: readonly IpAddress[];
  readonly pairs: readonly { readonly mac: MacAddress; readonly prefix: IpPrefix }[];
  readonly portSecurity: boolean;
  readonly groupIds: readonly string[];
}

export interface CheckedRouter {
  readonly id: string;
  readonly interfaces: readonly {
    readonly portId: string;
    readonly networkId: string;
    readonly mac: MacAddress;
    readonly addresses: readonly InterfaceAddress[];
  }[];
  readonly gateway: {
    readonly portId: string;
    readonly networkId: string;
    readonly mac: MacAddress;
    readonly addresses: readonly InterfaceAddress[];
    readonly nextHop: IpAddress | null;
    readonly snat: boolean;
  } | null;
  readonly routes: readonly CheckedRoute[];
  readonly floatingIps: readonly { readonly floating: IpAddress; readonly fixed: IpAddress }[];
}

export interface CheckedRule {
  readonly direction: 'ingress' | 'egress';
  readonly version: 4 | 6;
  /** Number of the IP protocol; null is any. */
  readonly protocol: number | null;
  /** Ports, or for ICMP the type (`from`) and the code (`to`, null is any). */
  readonly range: { readonly from: number; readonly to: number | null } | null;
  readonly remote: { readonly prefix: IpPrefix } | { readonly groupId: string } | null;
}

export interface CheckedGroup {
  readonly id: string;
  readonly members: readonly IpPrefix[];
  readonly rules: readonly CheckedRule[];
}
