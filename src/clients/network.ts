import type { PortResourceRequest } from '../domain/port-requests.ts';
import type { Session } from './session.ts';

/** A network (Neutron v2.0), as far as compute needs it. */
export interface Network {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly shared: boolean;
  readonly external: boolean;
  readonly adminStateUp: boolean;
  readonly portSecurityEnabled: boolean;
  readonly mtu: number | null;
  readonly subnetIds: readonly string[];
}

export interface Subnet {
  readonly id: string;
  readonly networkId: string;
  readonly cidr: string;
  readonly ipVersion: 4 | 6;
  readonly gatewayIp: string | null;
  readonly dnsNameservers: readonly string[];
  readonly hostRoutes: readonly { readonly destination: string; readonly nexthop: string }[];
  readonly dhcpEnabled: boolean;
  /** Address of the DHCP server, where there is one. */
  readonly dhcpServer: string | null;
}

export interface FixedIp {
  readonly subnetId: string;
  readonly ipAddress: string;
}

/** How a port is plugged on its host (`binding:*`). */
export interface PortBinding {
  readonly hostId: string;
  readonly vnicType: string;
  readonly vifType: string;
  readonly vifDetails: Readonly<Record<string, unknown>>;
  readonly profile: Readonly<Record<string, unknown>>;
}

export interface Port {
  readonly id: string;
  readonly networkId: string;
  readonly projectId: string;
  readonly name: string;
  readonly macAddress: string;
  readonly fixedIps: readonly FixedIp[];
  readonly deviceId: string;
  readonly deviceOwner: string;
  readonly status: 'ACTIVE' | 'DOWN' | 'BUILD' | 'ERROR' | 'N/A';
  readonly adminStateUp: boolean;
  readonly securityGroupIds: readonly string[];
  readonly portSecurityEnabled: boolean;
  readonly binding: PortBinding;
  /** What it needs of its host, for who may see it. */
  readonly resourceRequest?: PortResourceRequest;
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly description: string;
  readonly rules: readonly SecurityGroupRule[];
}

export interface SecurityGroupRule {
  readonly id: string;
  readonly groupId: string;
  readonly direction: 'ingress' | 'egress';
  readonly ethertype: 'IPv4' | 'IPv6';
  /** By name or number; null is any. */
  readonly protocol: string | null;
  readonly portRange: { readonly min: number | null; readonly max: number | null };
  /** What the other side must be in; both null is anything. */
  readonly remoteGroupId: string | null;
  readonly remoteIpPrefix: string | null;
}

/** A rule that lets something in. */
export type NewIngressRule = Omit<SecurityGroupRule, 'id' | 'direction'>;

export interface FloatingIp {
  readonly id: string;
  readonly floatingIpAddress: string;
  readonly fixedIpAddress: string | null;
  readonly portId: string | null;
  /** The external network it comes from. */
  readonly networkId: string;
}

export interface NewPort {
  readonly networkId: string;
  readonly projectId: string;
  readonly deviceId: string;
  /** `compute:<zone>`. */
  readonly deviceOwner: string;
  readonly hostId?: string;
  readonly fixedIps?: readonly Partial<FixedIp>[];
  readonly securityGroupIds?: readonly string[];
  readonly macAddress?: string;
  readonly dnsName?: string;
  readonly profile?: Readonly<Record<string, unknown>>;
  readonly tags?: readonly string[];
}

export interface PortChanges {
  readonly deviceId?: string;
  readonly deviceOwner?: string;
  readonly hostId?: string | null;
  readonly profile?: Readonly<Record<string, unknown>>;
  readonly fixedIps?: readonly Partial<FixedIp>[];
  readonly securityGroupIds?: readonly string[];
  readonly dnsName?: string;
}

/** The network service. Queries take Neutron's own filter names. */
export interface NetworkClient {
  networks(session: Session, query?: Readonly<Record<string, string | readonly string[]>>): Promise<readonly Network[]>;
  subnets(session: Session, query?: Readonly<Record<string, string | readonly string[]>>): Promise<readonly Subnet[]>;
  ports(session: Session, query?: Readonly<Record<string, string | readonly string[]>>): Promise<readonly Port[]>;
  port(session: Session, portId: string): Promise<Port>;
  createPort(session: Session, port: NewPort): Promise<Port>;
  /** All in one request; none is made when one cannot be. */
  createPorts(session: Session, ports: readonly NewPort[]): Promise<readonly Port[]>;
  updatePort(session: Session, portId: string, changes: PortChanges): Promise<Port>;
  /** Prepares a port on another host than the one it is bound to, and answers how it will be plugged there; one that is prepared already stays so. */
  prepareBinding(
    session: Session,
    portId: string,
    binding: { readonly hostId: string; readonly profile: PortBinding['profile'] },
  ): Promise<PortBinding>;
  /** Makes a prepared binding the active one; succeeds when it is. The one before stays, prepared. */
  activateBinding(session: Session, portId: string, host: string): Promise<void>;
  /** Gives a prepared binding up; succeeds when there is none. */
  deleteBinding(session: Session, portId: string, host: string): Promise<void>;
  /** Succeeds when the port is already gone. */
  deletePort(session: Session, portId: string): Promise<void>;
  securityGroups(session: Session, query?: Readonly<Record<string, string | readonly string[]>>): Promise<readonly SecurityGroup[]>;
  securityGroup(session: Session, id: string): Promise<SecurityGroup>;
  createSecurityGroup(session: Session, group: Pick<SecurityGroup, 'name' | 'description'>): Promise<SecurityGroup>;
  updateSecurityGroup(session: Session, id: string, changes: Pick<SecurityGroup, 'name' | 'description'>): Promise<SecurityGroup>;
  deleteSecurityGroup(session: Session, id: string): Promise<void>;
  securityGroupRule(session: Session, id: string): Promise<SecurityGroupRule>;
  createIngressRule(session: Session, rule: NewIngressRule): Promise<SecurityGroupRule>;
  deleteSecurityGroupRule(session: Session, id: string): Promise<void>;
  floatingIps(session: Session, query?: Readonly<Record<string, string | readonly string[]>>): Promise<readonly FloatingIp[]>;
  /** Allocates an address of an external network to the session's project. */
  createFloatingIp(session: Session, networkId: string): Promise<FloatingIp>;
  /** Leads it to an address of a port, or nowhere. */
  updateFloatingIp(
    session: Session,
    id: string,
    leadsTo: { readonly portId: string; readonly fixedIpAddress: string } | null,
  ): Promise<FloatingIp>;
  deleteFloatingIp(session: Session, id: string): Promise<void>;
  /** The network a project is given for the asking, with a subnet and a router to the outside; made if it has none yet. */
  autoAllocate(session: Session, projectId: string): Promise<string>;
  /** Refuses (conflict) when `autoAllocate` would. */
  checkAutoAllocate(session: Session, projectId: string): Promise<void>;
  /** Free ports of the project's quota; null is unlimited. */
  portQuota(session: Session, projectId: string): Promise<{ readonly limit: number; readonly used: number } | null>;
}
