import type { Migration } from '../../lib/sql/database.ts';

/** A cell database: instances and what is done to them, hosts and their services. cell0 has the same tables, and no hosts. */
export const cellMigrations: readonly Migration[] = [
  {
    name: '0001-instances-actions-services-nodes-sagas',
    sql: `
CREATE TABLE instances (
  id bigserial PRIMARY KEY, uuid uuid NOT NULL UNIQUE, project_id text NOT NULL, user_id text NOT NULL,
  name text NOT NULL, description text, hostname text NOT NULL,
  vm_state text NOT NULL, task_state text, power_state smallint NOT NULL DEFAULT 0,
  host text, node text, availability_zone text, launched_on text,
  flavor_id text NOT NULL, vcpus integer NOT NULL, memory_mb integer NOT NULL, root_gb integer NOT NULL, ephemeral_gb integer NOT NULL,
  flavor jsonb NOT NULL, old_flavor jsonb, new_flavor jsonb, image_id text, image jsonb,
  metadata jsonb NOT NULL DEFAULT '{}', system_metadata jsonb NOT NULL DEFAULT '{}', tags text[] NOT NULL DEFAULT '{}',
  key_name text, public_key jsonb, user_data text, config_drive boolean NOT NULL DEFAULT false, disk_config text NOT NULL DEFAULT 'MANUAL',
  locked_by text, locked_reason text, access_ip_v4 text, access_ip_v6 text,
  launch_index integer NOT NULL DEFAULT 0, reservation_id text NOT NULL, root_device_name text,
  network_info jsonb NOT NULL DEFAULT '[]', addresses text[] NOT NULL DEFAULT '{}', block_devices jsonb NOT NULL DEFAULT '[]', security_groups text[] NOT NULL DEFAULT '{}',
  fault jsonb, scheduler_hints jsonb NOT NULL DEFAULT '{}', trusted_certs jsonb,
  epoch bigint NOT NULL DEFAULT 0, progress smallint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(), launched_at timestamptz, terminated_at timestamptz, deleted_at timestamptz);
CREATE INDEX instances_by_project ON instances (project_id, created_at DESC, uuid DESC) WHERE deleted_at IS NULL;
CREATE INDEX instances_by_creation ON instances (created_at DESC, uuid DESC) WHERE deleted_at IS NULL;
CREATE INDEX instances_by_host ON instances (host, node) WHERE deleted_at IS NULL;
CREATE INDEX instances_by_change ON instances (updated_at);
CREATE INDEX instances_with_task ON instances (task_state) WHERE task_state IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX instances_by_address ON instances USING gin (addresses) WHERE deleted_at IS NULL;
CREATE TABLE instance_actions (
  id bigserial PRIMARY KEY, instance_id uuid NOT NULL, action text NOT NULL, request_id text NOT NULL, user_id text NOT NULL, project_id text NOT NULL,
  start_time timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(), message text,
  events jsonb NOT NULL DEFAULT '[]');
CREATE INDEX instance_actions_by_instance ON instance_actions (instance_id, updated_at DESC, id DESC);
CREATE TABLE services (
  id serial PRIMARY KEY, uuid uuid NOT NULL UNIQUE, host text NOT NULL, binary_name text NOT NULL, topic text NOT NULL, version integer NOT NULL DEFAULT 0,
  disabled boolean NOT NULL DEFAULT false, disabled_reason text, forced_down boolean NOT NULL DEFAULT false,
  last_seen_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz, UNIQUE (host, binary_name));
CREATE TABLE compute_nodes (
  id serial PRIMARY KEY, uuid uuid NOT NULL UNIQUE, host text NOT NULL, name text NOT NULL UNIQUE, facts jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX compute_nodes_by_host ON compute_nodes (host);
CREATE TABLE sagas (
  id uuid PRIMARY KEY, name text NOT NULL, subject text NOT NULL, params jsonb NOT NULL, state text NOT NULL DEFAULT 'running', position integer NOT NULL DEFAULT 0,
  results jsonb NOT NULL DEFAULT '{}', failure jsonb, cancel_requested boolean NOT NULL DEFAULT false, fence bigint NOT NULL DEFAULT 0,
  owner text, lease_until timestamptz NOT NULL DEFAULT 'epoch', log jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX sagas_to_run ON sagas (lease_until) WHERE state IN ('running', 'unwinding');
CREATE INDEX sagas_by_subject ON sagas (subject, created_at DESC);`,
  },
  {
    name: '0002-moves',
    sql: `
CREATE TABLE migrations (
  id bigserial PRIMARY KEY, uuid uuid NOT NULL UNIQUE, instance_id uuid NOT NULL, project_id text NOT NULL, user_id text NOT NULL,
  type text NOT NULL, status text NOT NULL,
  source_host text NOT NULL, source_node text NOT NULL, dest_host text, dest_node text, dest_ip text,
  old_flavor_id integer, new_flavor_id integer, hidden boolean NOT NULL DEFAULT false,
  memory_total bigint, memory_processed bigint, memory_remaining bigint, disk_total bigint, disk_processed bigint, disk_remaining bigint,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX migrations_by_instance ON migrations (instance_id, id);
CREATE INDEX migrations_by_creation ON migrations (created_at DESC, id DESC);
CREATE INDEX migrations_by_change ON migrations (updated_at);
CREATE INDEX migrations_open ON migrations (source_host, dest_host) WHERE status NOT IN ('confirmed', 'reverted', 'completed', 'error', 'failed', 'cancelled');`,
  },
  {
    name: '0003-console-auth-tokens',
    sql: `
CREATE TABLE console_auth_tokens (
  id bigserial PRIMARY KEY, token_hash text NOT NULL UNIQUE, console_type text NOT NULL, instance_id uuid NOT NULL, compute_host text NOT NULL,
  host text NOT NULL, port integer NOT NULL, tls_port integer, internal_access_path text, access_url_base text NOT NULL,
  expires_at timestamptz NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX console_auth_tokens_by_instance ON console_auth_tokens (instance_id);
CREATE INDEX console_auth_tokens_by_expiry ON console_auth_tokens (expires_at);`,
  },
  {
    name: '0004-actions-by-request',
    sql: `CREATE INDEX instance_actions_by_request ON instance_actions (request_id);`,
  },
  {
    name: '0005-injected-files',
    sql: `ALTER TABLE instances ADD COLUMN files jsonb NOT NULL DEFAULT '[]';`,
  },
  {
    name: '0006-usage-audits-and-shares',
    sql: `
CREATE TABLE task_logs (
  task_name text NOT NULL, host text NOT NULL, period_beginning timestamptz NOT NULL, period_ending timestamptz NOT NULL,
  state text NOT NULL, message text NOT NULL, task_items integer NOT NULL DEFAULT 0, errors integer NOT NULL DEFAULT 0,
  PRIMARY KEY (task_name, period_beginning, period_ending, host));
CREATE TABLE share_mappings (
  id bigserial PRIMARY KEY, uuid uuid NOT NULL UNIQUE, instance_id uuid NOT NULL, share_id uuid NOT NULL, status text NOT NULL,
  tag text NOT NULL, export_location text NOT NULL, protocol text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (instance_id, share_id), UNIQUE (instance_id, tag));
CREATE INDEX share_mappings_by_share ON share_mappings (share_id);`,
  },
  {
    name: '0007-parts-of-images',
    sql: `
ALTER TABLE instances
  ADD COLUMN kernel_id text NOT NULL GENERATED ALWAYS AS (coalesce(image->'properties'->>'kernel_id', '')) STORED,
  ADD COLUMN ramdisk_id text NOT NULL GENERATED ALWAYS AS (coalesce(image->'properties'->>'ramdisk_id', '')) STORED;`,
  },
  {
    name: '0008-what-sagas-wait-for',
    sql: `ALTER TABLE sagas ADD COLUMN waiting jsonb;`,
  },
];
