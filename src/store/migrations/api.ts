import type { Migration } from '../../lib/sql/database.ts';

/** The API database: what belongs to the cloud as a whole. */
export const apiMigrations: readonly Migration[] = [
  {
    name: '0001-flavors-keys-groups-quotas-aggregates-mappings',
    sql: `
CREATE TABLE flavors (
  id serial PRIMARY KEY, flavor_id text NOT NULL UNIQUE, name text NOT NULL UNIQUE,
  vcpus integer NOT NULL, memory_mb integer NOT NULL, root_gb integer NOT NULL, ephemeral_gb integer NOT NULL, swap_mb integer NOT NULL,
  rxtx_factor double precision NOT NULL, disabled boolean NOT NULL DEFAULT false, is_public boolean NOT NULL DEFAULT true,
  description text, extra_specs jsonb NOT NULL DEFAULT '{}', created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE TABLE flavor_projects (flavor_id integer NOT NULL REFERENCES flavors ON DELETE CASCADE, project_id text NOT NULL, PRIMARY KEY (flavor_id, project_id));
CREATE TABLE key_pairs (
  id serial PRIMARY KEY, user_id text NOT NULL, name text NOT NULL, type text NOT NULL, fingerprint text NOT NULL, public_key text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), UNIQUE (user_id, name));
CREATE TABLE server_groups (
  id serial PRIMARY KEY, uuid uuid NOT NULL UNIQUE, name text NOT NULL, project_id text NOT NULL, user_id text NOT NULL,
  policy text NOT NULL, rules jsonb NOT NULL DEFAULT '{}', created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE INDEX server_groups_by_project ON server_groups (project_id);
CREATE TABLE server_group_members (
  group_id integer NOT NULL REFERENCES server_groups ON DELETE CASCADE, instance_id uuid NOT NULL PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX server_group_members_by_group ON server_group_members (group_id);
CREATE TABLE quotas (project_id text NOT NULL, user_id text NOT NULL DEFAULT '', resource text NOT NULL, hard_limit integer NOT NULL, PRIMARY KEY (project_id, user_id, resource));
CREATE TABLE quota_classes (class_name text NOT NULL, resource text NOT NULL, hard_limit integer NOT NULL, PRIMARY KEY (class_name, resource));
CREATE TABLE aggregates (
  id serial PRIMARY KEY, uuid uuid NOT NULL UNIQUE, name text NOT NULL UNIQUE, metadata jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz);
CREATE TABLE aggregate_hosts (aggregate_id integer NOT NULL REFERENCES aggregates ON DELETE CASCADE, host text NOT NULL, PRIMARY KEY (aggregate_id, host));
CREATE INDEX aggregate_hosts_by_host ON aggregate_hosts (host);
CREATE TABLE cells (id uuid PRIMARY KEY, name text NOT NULL UNIQUE, database_url text NOT NULL, disabled boolean NOT NULL DEFAULT false);
CREATE TABLE host_mappings (host text PRIMARY KEY, cell_id uuid NOT NULL REFERENCES cells);
CREATE TABLE instance_mappings (
  instance_id uuid PRIMARY KEY, project_id text NOT NULL, user_id text NOT NULL, cell_id uuid NOT NULL REFERENCES cells,
  queued_for_delete boolean NOT NULL DEFAULT false, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX instance_mappings_by_project ON instance_mappings (project_id);
CREATE TABLE request_specs (instance_id uuid PRIMARY KEY, spec jsonb NOT NULL);`,
  },
  {
    name: '0002-decisions',
    sql: `
CREATE TABLE decisions (
  id uuid PRIMARY KEY, at timestamptz NOT NULL, request_id text, instance_ids uuid[] NOT NULL, found boolean NOT NULL, decision jsonb NOT NULL);
CREATE INDEX decisions_by_time ON decisions (at DESC);
CREATE INDEX decisions_by_request ON decisions (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX decisions_by_instance ON decisions USING gin (instance_ids);`,
  },
  {
    name: '0003-idempotency-keys',
    sql: `
CREATE TABLE idempotency_keys (
  key text PRIMARY KEY, fingerprint text NOT NULL, request_id text NOT NULL, intended bytea, answer bytea,
  held_until timestamptz NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);`,
  },
  {
    name: '0004-places-of-group-members',
    sql: `ALTER TABLE server_group_members ADD COLUMN claimed_host text;`,
  },
];
