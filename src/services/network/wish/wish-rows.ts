import { sql } from 'kysely';
import type { HostRoute, AddressPair, FixedIpOfPort, Tx } from '../store/tables.ts';
import { deviceOwner } from '../resources/ports/device-owners.ts';

/** All rows that one host's wish is made of. */
export interface WishRows {
  readonly host: string;
  readonly networks: readonly NetworkOfWish[];
  readonly subnets: readonly SubnetOfWish[];
  readonly ports: readonly PortOfWish[];
  /** Ports of the DHCP servers this host runs. */
  readonly dhcpPorts: readonly PortOfWish[];
  /** Addresses of all ports on the networks whose DHCP server this host runs. */
  readonly leases: readonly LeaseOfWish[];
  readonly routers: readonly RouterOfWish[];
  /** Interfaces and gateways of the routers this host runs. */
  readonly routerPorts: readonly PortOfWish[];
  readonly floatingIps: readonly FloatingIpOfWish[];
  readonly rules: readonly RuleOfWish[];
  readonly members: readonly MemberOfWish[];
  readonly peers: readonly { readonly host: string; readonly tunnel_ip: string }[];
}

export interface NetworkOfWish {
  readonly id: string;
  readonly mtu: number;
  readonly external: boolean;
  readonly network_type: string;
  readonly segmentation_id: number | null;
  readonly dhcp_host: string | null;
}

export interface SubnetOfWish {
  readonly id: string;
  readonly network_id: string;
  readonly cidr: string;
  readonly gateway_ip: string | null;
  readonly enable_dhcp: boolean;
  readonly dns_nameservers: readonly string[];
  readonly host_routes: readonly HostRoute[];
}

export interface PortOfWish {
  readonly id: string;
  readonly network_id: string;
  readonly device_id: string;
  readonly mac_address: string;
  readonly fixed_ips: readonly FixedIpOfPort[];
  readonly allowed_address_pairs: readonly AddressPair[];
  readonly port_security_enabled: boolean;
  readonly security_groups: readonly string[];
  readonly admin_state_up: boolean;
}

export interface LeaseOfWish {
  readonly port_id: string;
  readonly network_id: string;
  readonly mac_address: string;
  readonly ip_address: string;
  readonly dns_name: string;
  readonly device_id: string;
  readonly device_owner: string;
  readonly project_id: string;
}

export interface RouterOfWish {
  readonly id: string;
  readonly admin_state_up: boolean;
  readonly gateway_port_id: string | null;
  readonly enable_snat: boolean;
  readonly routes: readonly HostRoute[];
}

export interface FloatingIpOfWish {
  readonly id: string;
  readonly router_id: string;
  readonly floating_ip_address: string;
  readonly fixed_ip_address: string;
}

export interface RuleOfWish {
  readonly id: string;
  readonly security_group_id: string;
  readonly direction: string;
  readonly ethertype: string;
  readonly protocol: string | null;
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  readonly remote_ip_prefix: string | null;
  readonly remote_group_id: string | null;
}

export interface MemberOfWish {
  readonly security_group_id: string;
  readonly address: string;
}

const portColumns = sql`p.id, p.network_id, p.device_id, p.mac_address, p.fixed_ips, p.allowed_address_pairs, p.port_security_enabled, p.security_groups, p.admin_state_up`;

/** Reads what concerns one host, each query along an index: its ports, what it serves, their networks and groups. */
export async function readWishRows(tx: Tx, host: string): Promise<WishRows> {
  const { rows: ports } = await sql<PortOfWish>`SELECT ${portColumns} FROM port_details p
    WHERE (p.binding_host = ${host} AND p.vif_type NOT IN ('unbound', 'binding_failed')) OR p.id IN (SELECT i.port_id FROM inactive_bindings i WHERE i.host = ${host})
    ORDER BY p.id`.execute(tx);
  const { rows: routers } =
    await sql<RouterOfWish>`SELECT id, admin_state_up, gateway_port_id, enable_snat, routes FROM routers WHERE host = ${host} ORDER BY id`.execute(
      tx,
    );
  const routerIds = routers.map(({ id }) => id);
  const { rows: routerPorts } = await sql<PortOfWish>`SELECT ${portColumns} FROM port_details p
    WHERE p.device_id = ANY(${routerIds}::text[]) AND p.device_owner IN (${deviceOwner.routerInterface}, ${deviceOwner.routerGateway}) ORDER BY p.id`.execute(
    tx,
  );
  const { rows: floatingIps } =
    await sql<FloatingIpOfWish>`SELECT id, router_id, host(floating_ip_address) AS floating_ip_address, host(fixed_ip_address) AS fixed_ip_address
    FROM floating_ips WHERE router_id = ANY(${routerIds}::text[]) AND fixed_ip_address IS NOT NULL ORDER BY id`.execute(tx);
  const used = [...new Set([...ports, ...routerPorts].map((port) => port.network_id))];
  const { rows: networks } = await sql<NetworkOfWish>`SELECT id, mtu, external, network_type, segmentation_id, dhcp_host FROM networks
    WHERE id = ANY(${used}::text[]) OR dhcp_host = ${host} ORDER BY id`.execute(tx);
  const networkIds = networks.map(({ id }) => id);
  const { rows: subnets } =
    await sql<SubnetOfWish>`SELECT id, network_id, cidr::text AS cidr, host(gateway_ip) AS gateway_ip, enable_dhcp, dns_nameservers, host_routes
    FROM subnets WHERE network_id = ANY(${networkIds}::text[]) ORDER BY ip_version, id`.execute(tx);
  const served = networks.filter((network) => network.dhcp_host === host).map(({ id }) => id);
  const { rows: dhcpPorts } = await sql<PortOfWish>`SELECT ${portColumns} FROM port_details p
    WHERE p.network_id = ANY(${served}::text[]) AND p.device_owner = ${deviceOwner.dhcp} ORDER BY p.id`.execute(tx);
  const { rows: leases } =
    await sql<LeaseOfWish>`SELECT p.id AS port_id, p.network_id, p.mac_address, host(a.ip_address) AS ip_address, p.dns_name, p.device_id, p.device_owner, p.project_id
    FROM ports p JOIN ip_allocations a ON a.port_id = p.id WHERE p.network_id = ANY(${served}::text[]) AND p.device_owner <> ${deviceOwner.dhcp}
    ORDER BY p.id, a.ip_address`.execute(tx);
  const groupIds = [...new Set(ports.flatMap((port) => port.security_groups))].toSorted();
  const { rows: rules } =
    await sql<RuleOfWish>`SELECT id, security_group_id, direction, ethertype, protocol, port_range_min, port_range_max, normalized_cidr::text AS remote_ip_prefix, remote_group_id
    FROM security_group_rules WHERE security_group_id = ANY(${groupIds}::text[]) ORDER BY id`.execute(tx);
  const remoteIds = [...new Set(rules.flatMap((rule) => rule.remote_group_id ?? []))];
  const { rows: members } = await sql<MemberOfWish>`SELECT g.security_group_id, host(a.ip_address) AS address
      FROM port_security_groups g JOIN ip_allocations a ON a.port_id = g.port_id WHERE g.security_group_id = ANY(${remoteIds}::text[])
    UNION SELECT g.security_group_id, pair ->> 'ip_address'
      FROM port_security_groups g JOIN ports p ON p.id = g.port_id CROSS JOIN jsonb_array_elements(p.allowed_address_pairs) pair WHERE g.security_group_id = ANY(${remoteIds}::text[])
    ORDER BY 1, 2`.execute(tx);
  const { rows: peers } = await sql<{
    host: string;
    tunnel_ip: string;
  }>`SELECT host, configurations ->> 'tunneling_ip' AS tunnel_ip FROM agents
    WHERE host <> ${host} AND configurations ->> 'tunneling_ip' IS NOT NULL ORDER BY host`.execute(tx);
  return { host, networks, subnets, ports, dhcpPorts, leases, routers, routerPorts, floatingIps, rules, members, peers };
}
