import type { Migration } from '../../lib/sql/database.ts';

/** Attributes that every Neutron resource has. */
const standard = `
  id text PRIMARY KEY,
  project_id text NOT NULL,
  name text NOT NULL DEFAULT '',
  description text NOT NULL DEFAULT '',
  tags text[] NOT NULL DEFAULT '{}',
  revision_number integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL`;

/** The schema of the network service, step by step. */
export const networkMigrations: readonly Migration[] = [
  {
    name: '0001-networks-subnets-ports',
    sql: `
CREATE TABLE networks (${standard},
  admin_state_up boolean NOT NULL,
  external boolean NOT NULL,
  is_default boolean NOT NULL,
  mtu integer NOT NULL,
  port_security_enabled boolean NOT NULL,
  dns_domain text NOT NULL,
  network_type text NOT NULL,
  physical_network text,
  segmentation_id integer,
  availability_zone_hints text[] NOT NULL,
  dhcp_host text
);
CREATE INDEX networks_project ON networks (project_id);
CREATE INDEX networks_dhcp_host ON networks (dhcp_host);
CREATE UNIQUE INDEX networks_segment ON networks (network_type, segmentation_id) WHERE segmentation_id IS NOT NULL;
CREATE UNIQUE INDEX networks_physical ON networks (physical_network) WHERE network_type = 'flat';

CREATE TABLE rbac_policies (
  id text PRIMARY KEY,
  project_id text NOT NULL,
  network_id text NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
  action text NOT NULL,
  target_project text NOT NULL,
  UNIQUE (network_id, action, target_project)
);
CREATE INDEX rbac_policies_target ON rbac_policies (target_project);

CREATE TABLE subnets (${standard},
  network_id text NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
  ip_version integer NOT NULL,
  cidr cidr NOT NULL,
  gateway_ip inet,
  enable_dhcp boolean NOT NULL,
  ipv6_ra_mode text,
  ipv6_address_mode text,
  dns_nameservers text[] NOT NULL,
  host_routes jsonb NOT NULL,
  service_types text[] NOT NULL,
  next_ip inet
);
CREATE INDEX subnets_network ON subnets (network_id);
CREATE INDEX subnets_project ON subnets (project_id);

CREATE TABLE allocation_pools (
  subnet_id text NOT NULL REFERENCES subnets (id) ON DELETE CASCADE,
  first_ip inet NOT NULL,
  last_ip inet NOT NULL,
  PRIMARY KEY (subnet_id, first_ip)
);

CREATE TABLE ports (${standard},
  network_id text NOT NULL REFERENCES networks (id),
  mac_address text NOT NULL,
  admin_state_up boolean NOT NULL,
  status text NOT NULL,
  device_id text NOT NULL,
  device_owner text NOT NULL,
  port_security_enabled boolean NOT NULL,
  dns_name text NOT NULL,
  dns_domain text NOT NULL,
  allowed_address_pairs jsonb NOT NULL,
  extra_dhcp_opts jsonb NOT NULL,
  binding_host text NOT NULL,
  vnic_type text NOT NULL,
  vif_type text NOT NULL,
  vif_details jsonb NOT NULL,
  profile jsonb NOT NULL,
  CONSTRAINT ports_mac UNIQUE (network_id, mac_address)
);
CREATE INDEX ports_project ON ports (project_id);
CREATE INDEX ports_device ON ports (device_id);
CREATE INDEX ports_host ON ports (binding_host) WHERE binding_host <> '';

CREATE TABLE ip_allocations (
  subnet_id text NOT NULL REFERENCES subnets (id) ON DELETE RESTRICT,
  ip_address inet NOT NULL,
  port_id text NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
  CONSTRAINT ip_allocations_once PRIMARY KEY (subnet_id, ip_address)
);
CREATE INDEX ip_allocations_port ON ip_allocations (port_id);
CREATE INDEX ip_allocations_address ON ip_allocations (ip_address);

CREATE TABLE inactive_bindings (
  port_id text NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
  host text NOT NULL,
  vnic_type text NOT NULL,
  vif_type text NOT NULL,
  vif_details jsonb NOT NULL,
  profile jsonb NOT NULL,
  wired boolean NOT NULL DEFAULT false,
  PRIMARY KEY (port_id, host)
);
CREATE INDEX inactive_bindings_host ON inactive_bindings (host);
`,
  },
  {
    name: '0002-security-groups',
    sql: `
CREATE TABLE security_groups (${standard},
  stateful boolean NOT NULL DEFAULT true
);
CREATE INDEX security_groups_project ON security_groups (project_id);
CREATE UNIQUE INDEX security_groups_default ON security_groups (project_id) WHERE name = 'default';

CREATE TABLE security_group_rules (
  id text PRIMARY KEY,
  project_id text NOT NULL,
  security_group_id text NOT NULL REFERENCES security_groups (id) ON DELETE CASCADE,
  description text NOT NULL,
  direction text NOT NULL,
  ethertype text NOT NULL,
  protocol text,
  protocol_number integer,
  port_range_min integer,
  port_range_max integer,
  remote_ip_prefix cidr,
  remote_group_id text REFERENCES security_groups (id) ON DELETE CASCADE,
  revision_number integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX security_group_rules_once ON security_group_rules (security_group_id, direction, ethertype, coalesce(protocol_number, -1),
  coalesce(port_range_min, -1), coalesce(port_range_max, -1), coalesce(remote_ip_prefix, '::/0'), coalesce(remote_group_id, ''));
CREATE INDEX security_group_rules_project ON security_group_rules (project_id);
CREATE INDEX security_group_rules_remote ON security_group_rules (remote_group_id) WHERE remote_group_id IS NOT NULL;

CREATE TABLE port_security_groups (
  port_id text NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
  security_group_id text NOT NULL CONSTRAINT port_security_groups_group REFERENCES security_groups (id) ON DELETE RESTRICT,
  PRIMARY KEY (port_id, security_group_id)
);
CREATE INDEX port_security_groups_group ON port_security_groups (security_group_id);
`,
  },
  {
    name: '0003-routers-floating-ips',
    sql: `
CREATE TABLE routers (${standard},
  admin_state_up boolean NOT NULL,
  gateway_port_id text REFERENCES ports (id),
  gateway_network_id text REFERENCES networks (id),
  enable_snat boolean NOT NULL,
  routes jsonb NOT NULL,
  availability_zone_hints text[] NOT NULL,
  host text
);
CREATE INDEX routers_project ON routers (project_id);
CREATE INDEX routers_host ON routers (host);
CREATE INDEX routers_gateway_network ON routers (gateway_network_id);

CREATE TABLE floating_ips (${standard},
  floating_network_id text NOT NULL REFERENCES networks (id),
  floating_ip_address inet NOT NULL,
  floating_port_id text NOT NULL REFERENCES ports (id),
  port_id text REFERENCES ports (id) ON DELETE SET NULL,
  fixed_ip_address inet,
  router_id text REFERENCES routers (id),
  status text NOT NULL,
  dns_name text NOT NULL,
  dns_domain text NOT NULL,
  CONSTRAINT floating_ips_fixed UNIQUE (floating_network_id, port_id, fixed_ip_address)
);
CREATE INDEX floating_ips_project ON floating_ips (project_id);
CREATE INDEX floating_ips_port ON floating_ips (port_id);
CREATE INDEX floating_ips_router ON floating_ips (router_id);
`,
  },
  {
    name: '0004-quotas-agents-events',
    sql: `
CREATE TABLE quotas (
  project_id text NOT NULL,
  resource text NOT NULL,
  quota_limit integer NOT NULL,
  PRIMARY KEY (project_id, resource)
);

CREATE TABLE agents (
  id text PRIMARY KEY,
  host text NOT NULL UNIQUE,
  description text NOT NULL DEFAULT '',
  admin_state_up boolean NOT NULL DEFAULT true,
  configurations jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  started_at timestamptz NOT NULL,
  heartbeat_timestamp timestamptz NOT NULL,
  mark bigint NOT NULL DEFAULT 0,
  wish_revision bigint NOT NULL DEFAULT 0,
  wish_digest text NOT NULL DEFAULT '',
  problems jsonb NOT NULL DEFAULT '[]'
);

CREATE TABLE compute_events (
  id bigserial PRIMARY KEY,
  name text NOT NULL,
  server_id text NOT NULL,
  tag text NOT NULL,
  status text NOT NULL,
  created_at timestamptz NOT NULL
);
`,
  },
  {
    name: '0005-details',
    sql: `
CREATE VIEW network_details AS
  SELECT n.*, coalesce((SELECT array_agg(s.id ORDER BY s.created_at, s.id) FROM subnets s WHERE s.network_id = n.id), '{}') AS subnet_ids
  FROM networks n;

CREATE VIEW subnet_details AS
  SELECT s.*, n.project_id AS network_project_id,
    coalesce((SELECT json_agg(json_build_object('start', host(p.first_ip), 'end', host(p.last_ip)) ORDER BY p.first_ip) FROM allocation_pools p WHERE p.subnet_id = s.id), '[]') AS allocation_pools
  FROM subnets s JOIN networks n ON n.id = s.network_id;

CREATE VIEW port_details AS
  SELECT p.*, n.project_id AS network_project_id,
    coalesce((SELECT json_agg(json_build_object('subnet_id', a.subnet_id, 'ip_address', host(a.ip_address)) ORDER BY family(a.ip_address), a.ip_address)
      FROM ip_allocations a WHERE a.port_id = p.id), '[]') AS fixed_ips,
    coalesce((SELECT array_agg(g.security_group_id ORDER BY g.security_group_id) FROM port_security_groups g WHERE g.port_id = p.id), '{}') AS security_groups
  FROM ports p JOIN networks n ON n.id = p.network_id;

CREATE VIEW security_group_details AS
  SELECT g.*, coalesce((SELECT json_agg(r ORDER BY r.created_at, r.id) FROM security_group_rules r WHERE r.security_group_id = g.id), '[]') AS rules
  FROM security_groups g;

CREATE VIEW router_details AS
  SELECT r.*, coalesce((SELECT json_agg(json_build_object('subnet_id', a.subnet_id, 'ip_address', host(a.ip_address)) ORDER BY family(a.ip_address), a.ip_address)
      FROM ip_allocations a WHERE a.port_id = r.gateway_port_id), '[]') AS gateway_ips
  FROM routers r;

CREATE VIEW floating_ip_details AS
  SELECT f.*, CASE WHEN p.id IS NULL THEN NULL ELSE json_build_object('name', p.name, 'network_id', p.network_id, 'mac_address', p.mac_address,
      'admin_state_up', p.admin_state_up, 'status', p.status, 'device_id', p.device_id, 'device_owner', p.device_owner) END AS port_details
  FROM floating_ips f LEFT JOIN ports p ON p.id = f.port_id;
`,
  },
  {
    name: '0006-prefixes-as-written',
    sql: `
DROP VIEW security_group_details;
DROP INDEX security_group_rules_once;
ALTER TABLE security_group_rules ALTER COLUMN remote_ip_prefix TYPE text USING remote_ip_prefix::text;
ALTER TABLE security_group_rules ADD COLUMN normalized_cidr cidr GENERATED ALWAYS AS (network(remote_ip_prefix::inet)) STORED;
CREATE UNIQUE INDEX security_group_rules_once ON security_group_rules (security_group_id, direction, ethertype, coalesce(protocol_number, -1),
  coalesce(port_range_min, -1), coalesce(port_range_max, -1), coalesce(normalized_cidr, '::/0'), coalesce(remote_group_id, ''));
CREATE VIEW security_group_details AS
  SELECT g.*, coalesce((SELECT json_agg(r ORDER BY r.created_at, r.id) FROM security_group_rules r WHERE r.security_group_id = g.id), '[]') AS rules
  FROM security_groups g;
`,
  },
  {
    name: '0007-auto-allocated-topologies',
    sql: `
CREATE TABLE auto_allocated_topologies (
  project_id text PRIMARY KEY,
  network_id text NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
  router_id text REFERENCES routers (id) ON DELETE SET NULL
);
`,
  },
];
