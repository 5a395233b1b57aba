/**
 * What the network service wants of one host, whole, and what its agent answers. The agent asks for the newest wish over HTTP
 * (`GET /kilonova/v1/agents/{host}/wish?after=<revision>`, answered when there is something newer or after 30 s), makes the host agree with it,
 * and reports by `PUT /kilonova/v1/agents/{host}/report`. Both are allowed to the `service` role only.
 */
export interface HostWish {
  /** Grows with every change that concerns the host. */
  readonly revision: number;
  /** Networks with a port on this host, or served by it. */
  readonly networks: readonly WishedNetwork[];
  /** Ports bound to this host. */
  readonly ports: readonly WishedPort[];
  /** Routers this host serves. */
  readonly routers: readonly WishedRouter[];
  readonly securityGroups: readonly WishedSecurityGroup[];
  /** The other hosts of the cloud and where their tunnels end; left out or empty on a cloud of one host, which then has no tunnels. */
  readonly peers?: readonly { readonly host: string; readonly tunnelIp: string }[];
}

export interface WishedNetwork {
  readonly id: string;
  readonly mtu: number;
  readonly external: boolean;
  /** VXLAN network identifier; null for a network that stays on one host. */
  readonly segmentationId: number | null;
  /** Whether this host runs the network's DHCP server, and with which address. */
  readonly dhcp: { readonly portId: string; readonly macAddress: string; readonly addresses: readonly string[] } | null;
  readonly subnets: readonly {
    readonly id: string;
    readonly cidr: string;
    readonly gatewayIp: string | null;
    readonly dhcpEnabled: boolean;
    readonly dnsNameservers: readonly string[];
    readonly hostRoutes: readonly { readonly destination: string; readonly nexthop: string }[];
  }[];
  /** Addresses its DHCP server gives out: every port of the network, wherever it is. */
  readonly leases: readonly WishedLease[];
}

export interface WishedLease {
  readonly portId: string;
  readonly macAddress: string;
  readonly ipAddress: string;
  readonly hostName: string;
  /** The server the port belongs to (`device_id`), which the metadata proxy answers for; null when the port is no server's. */
  readonly deviceId: string | null;
  /** The port's project, told to the metadata service; null as above. */
  readonly projectId: string | null;
}

export interface WishedPort {
  readonly id: string;
  readonly networkId: string;
  /** Name of the device on the host: `tap` and the first 11 characters of the port's id. */
  readonly device: string;
  readonly macAddress: string;
  readonly ipAddresses: readonly string[];
  readonly allowedAddressPairs: readonly { readonly ipAddress: string; readonly macAddress: string }[];
  readonly portSecurityEnabled: boolean;
  readonly securityGroupIds: readonly string[];
  readonly adminStateUp: boolean;
}

export interface WishedRouter {
  readonly id: string;
  readonly interfaces: readonly {
    readonly portId: string;
    readonly networkId: string;
    readonly macAddress: string;
    readonly addresses: readonly string[];
  }[];
  /** Its port on the external network, with prefix lengths; null without a gateway. */
  readonly gateway: {
    readonly portId: string;
    readonly networkId: string;
    readonly macAddress: string;
    readonly addresses: readonly string[];
    readonly nextHop: string | null;
    readonly snat: boolean;
  } | null;
  readonly routes: readonly { readonly destination: string; readonly nexthop: string }[];
  readonly floatingIps: readonly { readonly id: string; readonly floatingIpAddress: string; readonly fixedIpAddress: string }[];
}

export interface WishedSecurityGroup {
  readonly id: string;
  /** Addresses of the group's members, for rules that name it as the remote side. */
  readonly memberAddresses: readonly string[];
  readonly rules: readonly {
    readonly id: string;
    readonly direction: 'ingress' | 'egress';
    readonly ethertype: 'IPv4' | 'IPv6';
    /** A name or a number as Neutron keeps it; null is any. */
    readonly protocol: string | null;
    readonly portRangeMin: number | null;
    readonly portRangeMax: number | null;
    readonly remoteIpPrefix: string | null;
    readonly remoteGroupId: string | null;
  }[];
}

export interface HostReport {
  /** The revision the host agrees with now. */
  readonly revision: number;
  /** Ports whose device is there and wired. */
  readonly wiredPortIds: readonly string[];
  /** What could not be done, in words. */
  readonly problems: readonly { readonly resource: string; readonly id: string; readonly message: string }[];
  readonly agent: { readonly configurations: Readonly<Record<string, unknown>> };
}
