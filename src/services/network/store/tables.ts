import type { ColumnType, Generated, GeneratedAlways, Transaction } from 'kysely';
import type { Database } from '../../../lib/sql/database.ts';

/** Written as a moment, read as ISO 8601 text. */
type Moment = ColumnType<string, Date, Date>;

/** Written as JSON text, read parsed. */
type Json<T> = ColumnType<T, string, string>;

interface StandardRow {
  id: string;
  project_id: string;
  name: string;
  description: string;
  tags: Generated<string[]>;
  revision_number: Generated<number>;
  created_at: Moment;
  updated_at: Moment;
}

interface NetworksTable extends StandardRow {
  admin_state_up: boolean;
  external: boolean;
  is_default: boolean;
  mtu: number;
  port_security_enabled: boolean;
  dns_domain: string;
  network_type: string;
  physical_network: string | null;
  segmentation_id: number | null;
  availability_zone_hints: string[];
  /** The host that runs the network's DHCP server. */
  dhcp_host: string | null;
}

interface RbacPoliciesTable {
  id: string;
  project_id: string;
  network_id: string;
  action: string;
  /** A project, or `*`. */
  target_project: string;
}

export interface HostRoute {
  readonly destination: string;
  readonly nexthop: string;
}

interface SubnetsTable extends StandardRow {
  network_id: string;
  ip_version: number;
  cidr: string;
  gateway_ip: string | null;
  enable_dhcp: boolean;
  ipv6_ra_mode: string | null;
  ipv6_address_mode: string | null;
  dns_nameservers: string[];
  host_routes: Json<readonly HostRoute[]>;
  service_types: string[];
  /** Where the search for a free address goes on, so that an address is not used again at once. */
  next_ip: string | null;
}

interface AllocationPoolsTable {
  subnet_id: string;
  first_ip: string;
  last_ip: string;
}

export interface AddressPair {
  readonly ip_address: string;
  readonly mac_address: string;
}

export interface DhcpOption {
  readonly opt_name: string;
  readonly opt_value: string;
  readonly ip_version: number;
}

interface PortsTable extends StandardRow {
  network_id: string;
  mac_address: string;
  admin_state_up: boolean;
  status: string;
  device_id: string;
  device_owner: string;
  port_security_enabled: boolean;
  dns_name: string;
  dns_domain: string;
  allowed_address_pairs: Json<readonly AddressPair[]>;
  extra_dhcp_opts: Json<readonly DhcpOption[]>;
  binding_host: string;
  vnic_type: string;
  vif_type: string;
  vif_details: Json<Readonly<Record<string, unknown>>>;
  profile: Json<Readonly<Record<string, unknown>>>;
}

interface IpAllocationsTable {
  subnet_id: string;
  ip_address: string;
  port_id: string;
}

interface InactiveBindingsTable {
  port_id: string;
  host: string;
  vnic_type: string;
  vif_type: string;
  vif_details: Json<Readonly<Record<string, unknown>>>;
  profile: Json<Readonly<Record<string, unknown>>>;
  wired: Generated<boolean>;
}

interface SecurityGroupsTable extends StandardRow {
  stateful: Generated<boolean>;
}

interface SecurityGroupRulesTable {
  id: string;
  project_id: string;
  security_group_id: string;
  description: string;
  direction: string;
  ethertype: string;
  /** As it was given; `protocol_number` is what duplicates are found by. */
  protocol: string | null;
  protocol_number: number | null;
  port_range_min: number | null;
  port_range_max: number | null;
  /** As its author wrote it; `normalized_cidr` is the network it means. */
  remote_ip_prefix: string | null;
  normalized_cidr: GeneratedAlways<string | null>;
  remote_group_id: string | null;
  revision_number: Generated<number>;
  created_at: Moment;
  updated_at: Moment;
}

interface PortSecurityGroupsTable {
  port_id: string;
  security_group_id: string;
}

interface RoutersTable extends StandardRow {
  admin_state_up: boolean;
  gateway_port_id: string | null;
  gateway_network_id: string | null;
  enable_snat: boolean;
  routes: Json<readonly HostRoute[]>;
  availability_zone_hints: string[];
  /** The host that runs the router. */
  host: string | null;
}

interface FloatingIpsTable extends StandardRow {
  floating_network_id: string;
  floating_ip_address: string;
  floating_port_id: string;
  port_id: string | null;
  fixed_ip_address: string | null;
  router_id: string | null;
  status: string;
  dns_name: string;
  dns_domain: string;
}

interface QuotasTable {
  project_id: string;
  resource: string;
  quota_limit: number;
}

interface AgentsTable {
  id: string;
  host: string;
  description: Generated<string>;
  admin_state_up: Generated<boolean>;
  configurations: ColumnType<Readonly<Record<string, unknown>>, string | undefined, string>;
  created_at: Moment;
  started_at: Moment;
  heartbeat_timestamp: Moment;
  /** Grows when something that the host's wish is made of may have changed. */
  mark: Generated<number>;
  /** Grows when the wish itself has changed; `wish_digest` tells whether it has. */
  wish_revision: Generated<number>;
  wish_digest: Generated<string>;
  problems: ColumnType<readonly Problem[], string | undefined, string>;
}

export interface Problem {
  readonly resource: string;
  readonly id: string;
  readonly message: string;
}

interface ComputeEventsTable {
  id: Generated<number>;
  name: string;
  server_id: string;
  tag: string;
  status: string;
  created_at: Moment;
}

export interface FixedIpOfPort {
  readonly subnet_id: string;
  readonly ip_address: string;
}

interface PortDetailsView extends PortsTable {
  network_project_id: string;
  fixed_ips: readonly FixedIpOfPort[];
  security_groups: string[];
}

/** The database of the network service; no other service reads it. */
export interface NetworkTables {
  networks: NetworksTable;
  rbac_policies: RbacPoliciesTable;
  subnets: SubnetsTable;
  allocation_pools: AllocationPoolsTable;
  ports: PortsTable;
  ip_allocations: IpAllocationsTable;
  inactive_bindings: InactiveBindingsTable;
  security_groups: SecurityGroupsTable;
  security_group_rules: SecurityGroupRulesTable;
  port_security_groups: PortSecurityGroupsTable;
  routers: RoutersTable;
  floating_ips: FloatingIpsTable;
  auto_allocated_topologies: { project_id: string; network_id: string; router_id: string | null };
  quotas: QuotasTable;
  agents: AgentsTable;
  compute_events: ComputeEventsTable;
  network_details: NetworksTable & { subnet_ids: string[] };
  subnet_details: SubnetsTable & { network_project_id: string; allocation_pools: readonly { start: string; end: string }[] };
  port_details: PortDetailsView;
  security_group_details: SecurityGroupsTable & { rules: readonly unknown[] };
  router_details: RoutersTable & { gateway_ips: readonly FixedIpOfPort[] };
  floating_ip_details: FloatingIpsTable & { port_details: Readonly<Record<string, unknown>> | null };
}

export type NetworkDatabase = Database<NetworkTables>;
export type Tx = Transaction<NetworkTables>;
