import type { Migration } from '../../lib/sql/database.ts';

/** The identity service's schema. Steps are only ever added. */
export const identityMigrations: readonly Migration[] = [
  {
    name: '0001-identity',
    sql: `
CREATE TABLE domains (
  id text PRIMARY KEY, name text NOT NULL UNIQUE, description text NOT NULL DEFAULT '', enabled boolean NOT NULL DEFAULT true,
  tags text[] NOT NULL DEFAULT '{}', options jsonb NOT NULL DEFAULT '{}', extra jsonb NOT NULL DEFAULT '{}');
CREATE TABLE projects (
  id text PRIMARY KEY, domain_id text NOT NULL REFERENCES domains ON DELETE CASCADE, parent_id text REFERENCES projects, name text NOT NULL,
  description text NOT NULL DEFAULT '', enabled boolean NOT NULL DEFAULT true,
  tags text[] NOT NULL DEFAULT '{}', options jsonb NOT NULL DEFAULT '{}', extra jsonb NOT NULL DEFAULT '{}', UNIQUE (domain_id, name));
CREATE INDEX projects_parent ON projects (parent_id);
CREATE TABLE users (
  id text PRIMARY KEY, domain_id text NOT NULL REFERENCES domains ON DELETE CASCADE, name text NOT NULL, enabled boolean NOT NULL DEFAULT true,
  default_project_id text, password_hash text, password_changed_at timestamptz,
  options jsonb NOT NULL DEFAULT '{}', extra jsonb NOT NULL DEFAULT '{}', UNIQUE (domain_id, name));
CREATE TABLE groups (
  id text PRIMARY KEY, domain_id text NOT NULL REFERENCES domains ON DELETE CASCADE, name text NOT NULL, description text NOT NULL DEFAULT '',
  extra jsonb NOT NULL DEFAULT '{}', UNIQUE (domain_id, name));
CREATE TABLE group_members (
  group_id text NOT NULL REFERENCES groups ON DELETE CASCADE, user_id text NOT NULL REFERENCES users ON DELETE CASCADE, PRIMARY KEY (user_id, group_id));
CREATE INDEX group_members_group ON group_members (group_id);
CREATE TABLE roles (
  id text PRIMARY KEY, domain_id text REFERENCES domains ON DELETE CASCADE, name text NOT NULL, description text NOT NULL DEFAULT '',
  options jsonb NOT NULL DEFAULT '{}', extra jsonb NOT NULL DEFAULT '{}');
CREATE UNIQUE INDEX roles_name ON roles (coalesce(domain_id, ''), lower(name));
CREATE TABLE role_implications (
  prior_id text NOT NULL REFERENCES roles ON DELETE CASCADE, implied_id text NOT NULL REFERENCES roles ON DELETE CASCADE, PRIMARY KEY (prior_id, implied_id));
CREATE TABLE role_assignments (
  actor_type text NOT NULL CHECK (actor_type IN ('user', 'group')), actor_id text NOT NULL,
  target_type text NOT NULL CHECK (target_type IN ('project', 'domain', 'system')), target_id text NOT NULL,
  role_id text NOT NULL REFERENCES roles ON DELETE CASCADE, inherited boolean NOT NULL DEFAULT false,
  PRIMARY KEY (actor_id, target_id, role_id, actor_type, target_type, inherited));
CREATE INDEX role_assignments_target ON role_assignments (target_id);
CREATE TABLE application_credentials (
  id text PRIMARY KEY, user_id text NOT NULL REFERENCES users ON DELETE CASCADE, project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
  name text NOT NULL, description text, secret_hash text NOT NULL, expires_at timestamptz, unrestricted boolean NOT NULL DEFAULT false, UNIQUE (user_id, name));
CREATE TABLE application_credential_roles (
  application_credential_id text NOT NULL REFERENCES application_credentials ON DELETE CASCADE, role_id text NOT NULL REFERENCES roles ON DELETE CASCADE,
  PRIMARY KEY (application_credential_id, role_id));
CREATE TABLE regions (
  id text PRIMARY KEY, parent_region_id text REFERENCES regions, description text NOT NULL DEFAULT '', extra jsonb NOT NULL DEFAULT '{}');
CREATE TABLE services (
  id text PRIMARY KEY, type text NOT NULL, name text NOT NULL DEFAULT '', description text, enabled boolean NOT NULL DEFAULT true, extra jsonb NOT NULL DEFAULT '{}');
CREATE TABLE endpoints (
  id text PRIMARY KEY, service_id text NOT NULL REFERENCES services ON DELETE CASCADE, region_id text REFERENCES regions,
  interface text NOT NULL CHECK (interface IN ('public', 'internal', 'admin')), url text NOT NULL, name text, enabled boolean NOT NULL DEFAULT true,
  extra jsonb NOT NULL DEFAULT '{}');
CREATE INDEX endpoints_service ON endpoints (service_id);
CREATE TABLE registered_limits (
  id text PRIMARY KEY, service_id text NOT NULL REFERENCES services ON DELETE CASCADE, region_id text REFERENCES regions ON DELETE CASCADE,
  resource_name text NOT NULL, default_limit bigint NOT NULL, description text, UNIQUE NULLS NOT DISTINCT (service_id, region_id, resource_name));
CREATE TABLE limits (
  id text PRIMARY KEY, registered_limit_id text NOT NULL REFERENCES registered_limits ON DELETE CASCADE, project_id text REFERENCES projects ON DELETE CASCADE,
  domain_id text REFERENCES domains ON DELETE CASCADE, resource_limit bigint NOT NULL, description text, CHECK (num_nonnulls(project_id, domain_id) = 1),
  UNIQUE NULLS NOT DISTINCT (registered_limit_id, project_id, domain_id));
CREATE TABLE signing_keys (
  id text PRIMARY KEY, private_key text NOT NULL, public_key text NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE revocation_events (
  id bigserial PRIMARY KEY, key text NOT NULL, event jsonb NOT NULL, issued_before timestamptz NOT NULL, revoked_at timestamptz NOT NULL);
CREATE INDEX revocation_events_key ON revocation_events (key, issued_before);
CREATE INDEX revocation_events_time ON revocation_events (revoked_at);`,
  },
];
