import type { PortResourceRequest } from '../domain/port-requests.ts';
import type {
  FloatingIp,
  Network,
  NewIngressRule,
  NewPort,
  Port,
  PortBinding,
  PortChanges,
  SecurityGroup,
  SecurityGroupRule,
  Subnet,
} from './network.ts';

/** Resources as Neutron writes them, as far as they are read here. */
export interface WireNetwork {
  readonly id: string;
  readonly name: string;
  readonly project_id: string;
  readonly shared: boolean;
  readonly 'router:external'?: boolean;
  readonly admin_state_up: boolean;
  readonly port_security_enabled?: boolean;
  readonly mtu?: number | null;
  readonly subnets: readonly string[];
}

export interface WireSubnet {
  readonly id: string;
  readonly network_id: string;
  readonly cidr: string;
  readonly ip_version: 4 | 6;
  readonly gateway_ip: string | null;
  readonly dns_nameservers: readonly string[];
  readonly host_routes: readonly { readonly destination: string; readonly nexthop: string }[];
  readonly enable_dhcp: boolean;
}

export interface WirePort {
  readonly id: string;
  readonly network_id: string;
  readonly project_id: string;
  readonly name: string;
  readonly mac_address: string;
  readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[];
  readonly device_id: string;
  readonly device_owner: string;
  readonly status: Port['status'];
  readonly admin_state_up: boolean;
  readonly security_groups: readonly string[];
  readonly port_security_enabled?: boolean;
  readonly 'binding:host_id'?: string;
  readonly 'binding:vnic_type'?: string;
  readonly 'binding:vif_type'?: string;
  readonly 'binding:vif_details'?: Readonly<Record<string, unknown>>;
  readonly 'binding:profile'?: Readonly<Record<string, unknown>>;
  readonly resource_request?: WireResourceRequest | null;
}

interface WireResources {
  readonly resources?: Readonly<Record<string, number>>;
  readonly required?: readonly string[];
}

interface WireResourceRequest extends WireResources {
  readonly request_groups?: readonly (WireResources & { readonly id: string })[];
  readonly same_subtree?: readonly string[];
}

export interface WireSecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly project_id: string;
  readonly description?: string | null;
  readonly security_group_rules?: readonly WireSecurityGroupRule[];
}

export interface WireSecurityGroupRule {
  readonly id: string;
  readonly security_group_id: string;
  readonly direction: SecurityGroupRule['direction'];
  readonly ethertype: SecurityGroupRule['ethertype'];
  readonly protocol: string | null;
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  readonly remote_group_id: string | null;
  readonly remote_ip_prefix: string | null;
}

export interface WireFloatingIp {
  readonly id: string;
  readonly floating_ip_address: string;
  readonly fixed_ip_address: string | null;
  readonly port_id: string | null;
  readonly floating_network_id: string;
}

export const toNetwork = (wire: WireNetwork): Network => ({
  id: wire.id,
  name: wire.name,
  projectId: wire.project_id,
  shared: wire.shared,
  external: wire['router:external'] ?? false,
  adminStateUp: wire.admin_state_up,
  portSecurityEnabled: wire.port_security_enabled ?? true,
  mtu: wire.mtu ?? null,
  subnetIds: wire.subnets,
});

export const toSubnet = (wire: WireSubnet, dhcpServer: string | null): Subnet => ({
  id: wire.id,
  networkId: wire.network_id,
  cidr: wire.cidr,
  ipVersion: wire.ip_version,
  gatewayIp: wire.gateway_ip,
  dnsNameservers: wire.dns_nameservers,
  hostRoutes: wire.host_routes,
  dhcpEnabled: wire.enable_dhcp,
  dhcpServer,
});

/** A port; whoever may not see its binding sees an unbound one. */
/** A binding of a port, active or prepared. */
export interface WireBinding {
  readonly host: string;
  readonly vnic_type: string;
  readonly vif_type: string;
  readonly vif_details: Readonly<Record<string, unknown>> | null;
  readonly profile: Readonly<Record<string, unknown>> | null;
  readonly status: string;
}

export const toBinding = (wire: WireBinding): PortBinding => ({
  hostId: wire.host,
  vnicType: wire.vnic_type,
  vifType: wire.vif_type,
  vifDetails: wire.vif_details ?? {},
  profile: wire.profile ?? {},
});

export const toPort = (wire: WirePort): Port => ({
  id: wire.id,
  networkId: wire.network_id,
  projectId: wire.project_id,
  name: wire.name,
  macAddress: wire.mac_address,
  fixedIps: wire.fixed_ips.map(({ subnet_id: subnetId, ip_address: ipAddress }) => ({ subnetId, ipAddress })),
  deviceId: wire.device_id,
  deviceOwner: wire.device_owner,
  status: wire.status,
  adminStateUp: wire.admin_state_up,
  securityGroupIds: wire.security_groups,
  portSecurityEnabled: wire.port_security_enabled ?? true,
  binding: {
    hostId: wire['binding:host_id'] ?? '',
    vnicType: wire['binding:vnic_type'] ?? 'normal',
    vifType: wire['binding:vif_type'] ?? 'unbound',
    vifDetails: wire['binding:vif_details'] ?? {},
    profile: wire['binding:profile'] ?? {},
  },
  ...(wire.resource_request == null ? {} : { resourceRequest: toResourceRequest(wire.resource_request) }),
});

const toResourceRequest = ({
  request_groups: groups,
  same_subtree: sameSubtree = [],
  resources = {},
  required = [],
}: WireResourceRequest): PortResourceRequest =>
  groups === undefined
    ? { resources, required }
    : { groups: groups.map((group) => ({ id: group.id, resources: group.resources ?? {}, required: group.required ?? [] })), sameSubtree };

export const toSecurityGroup = (wire: WireSecurityGroup): SecurityGroup => ({
  id: wire.id,
  name: wire.name,
  projectId: wire.project_id,
  description: wire.description ?? '',
  rules: (wire.security_group_rules ?? []).map(toSecurityGroupRule),
});

export const toSecurityGroupRule = (wire: WireSecurityGroupRule): SecurityGroupRule => ({
  id: wire.id,
  groupId: wire.security_group_id,
  direction: wire.direction,
  ethertype: wire.ethertype,
  protocol: wire.protocol,
  portRange: { min: wire.port_range_min, max: wire.port_range_max },
  remoteGroupId: wire.remote_group_id,
  remoteIpPrefix: wire.remote_ip_prefix,
});

export const toFloatingIp = (wire: WireFloatingIp): FloatingIp => ({
  id: wire.id,
  floatingIpAddress: wire.floating_ip_address,
  fixedIpAddress: wire.fixed_ip_address,
  portId: wire.port_id,
  networkId: wire.floating_network_id,
});

/** Without what was not said, which is not the same as saying null. */
const said = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

const fixedIpsOf = (fixedIps: PortChanges['fixedIps']): unknown =>
  fixedIps?.map(({ subnetId, ipAddress }) => said({ subnet_id: subnetId, ip_address: ipAddress }));

export const fromNewPort = (port: NewPort): Record<string, unknown> =>
  said({
    network_id: port.networkId,
    project_id: port.projectId,
    device_id: port.deviceId,
    device_owner: port.deviceOwner,
    'binding:host_id': port.hostId,
    'binding:profile': port.profile,
    fixed_ips: fixedIpsOf(port.fixedIps),
    security_groups: port.securityGroupIds,
    mac_address: port.macAddress,
    dns_name: port.dnsName,
    tags: port.tags,
  });

export const fromPortChanges = (changes: PortChanges): Record<string, unknown> =>
  said({
    device_id: changes.deviceId,
    device_owner: changes.deviceOwner,
    'binding:host_id': changes.hostId === null ? '' : changes.hostId,
    'binding:profile': changes.profile,
    fixed_ips: fixedIpsOf(changes.fixedIps),
    security_groups: changes.securityGroupIds,
    dns_name: changes.dnsName,
  });

export const fromNewIngressRule = (rule: NewIngressRule): Record<string, unknown> => ({
  direction: 'ingress',
  security_group_id: rule.groupId,
  ethertype: rule.ethertype,
  protocol: rule.protocol,
  port_range_min: rule.portRange.min,
  port_range_max: rule.portRange.max,
  remote_group_id: rule.remoteGroupId,
  remote_ip_prefix: rule.remoteIpPrefix,
});
