import type { Migration } from '../../lib/sql/database.ts';

/** The volume service's database. */
export const volumeMigrations: readonly Migration[] = [
  {
    name: '0001-volumes',
    sql: `
      CREATE TABLE qos_specs (
        id uuid PRIMARY KEY,
        name text NOT NULL UNIQUE,
        consumer text NOT NULL CHECK (consumer IN ('front-end', 'back-end', 'both')),
        specs jsonb NOT NULL,
        created_at timestamptz NOT NULL
      );
      CREATE TABLE volume_types (
        id uuid PRIMARY KEY,
        name text NOT NULL UNIQUE,
        description text,
        is_public boolean NOT NULL,
        extra_specs jsonb NOT NULL,
        encryption jsonb NOT NULL,
        qos_specs_id uuid REFERENCES qos_specs,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      );
      CREATE TABLE volume_type_projects (
        type_id uuid NOT NULL REFERENCES volume_types ON DELETE CASCADE,
        project_id text NOT NULL,
        PRIMARY KEY (type_id, project_id)
      );
      CREATE TABLE volumes (
        id uuid PRIMARY KEY,
        project_id text NOT NULL,
        user_id text NOT NULL,
        name text,
        description text,
        status text NOT NULL,
        previous_status text,
        size integer NOT NULL CHECK (size > 0),
        type_id uuid NOT NULL REFERENCES volume_types,
        availability_zone text NOT NULL,
        bootable boolean NOT NULL,
        multiattach boolean NOT NULL,
        readonly boolean,
        encryption_key_id uuid,
        encryption jsonb NOT NULL,
        snapshot_id uuid,
        source_volume_id uuid,
        metadata jsonb NOT NULL,
        image_metadata jsonb NOT NULL,
        idempotency_key text,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      );
      CREATE INDEX volumes_of_project ON volumes (project_id, created_at DESC, id DESC);
      CREATE INDEX volumes_newest ON volumes (created_at DESC, id DESC);
      CREATE UNIQUE INDEX volumes_asked_once ON volumes (idempotency_key) WHERE idempotency_key IS NOT NULL;
      CREATE TABLE snapshots (
        id uuid PRIMARY KEY,
        volume_id uuid NOT NULL REFERENCES volumes,
        project_id text NOT NULL,
        user_id text NOT NULL,
        name text,
        description text,
        status text NOT NULL,
        size integer NOT NULL,
        metadata jsonb NOT NULL,
        idempotency_key text,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      );
      CREATE INDEX snapshots_of_volume ON snapshots (volume_id);
      CREATE INDEX snapshots_of_project ON snapshots (project_id, created_at DESC, id DESC);
      CREATE UNIQUE INDEX snapshots_asked_once ON snapshots (idempotency_key) WHERE idempotency_key IS NOT NULL;
      CREATE TABLE attachments (
        id uuid PRIMARY KEY,
        volume_id uuid NOT NULL REFERENCES volumes ON DELETE CASCADE,
        server_id uuid,
        status text NOT NULL,
        mode text,
        wanted_mode text,
        connector jsonb,
        device text,
        idempotency_key text,
        attached_at timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      );
      CREATE INDEX attachments_of_volume ON attachments (volume_id);
      CREATE INDEX attachments_of_server ON attachments (server_id);
      CREATE UNIQUE INDEX attachments_asked_once ON attachments (idempotency_key) WHERE idempotency_key IS NOT NULL;
      CREATE TABLE quota_limits (
        scope text NOT NULL,
        resource text NOT NULL,
        hard_limit integer NOT NULL,
        PRIMARY KEY (scope, resource)
      );
      CREATE TABLE transfers (
        id uuid PRIMARY KEY,
        volume_id uuid NOT NULL UNIQUE REFERENCES volumes ON DELETE CASCADE,
        name text,
        project_id text NOT NULL,
        key_hash text NOT NULL,
        created_at timestamptz NOT NULL
      );
      -- work that was promised: a row goes when it is done or given up
      CREATE TABLE tasks (
        id bigserial PRIMARY KEY,
        kind text NOT NULL,
        subject text NOT NULL,
        params jsonb NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        not_before timestamptz NOT NULL,
        created_at timestamptz NOT NULL
      );
      CREATE INDEX tasks_of_subject ON tasks (subject, id);
    `,
  },
];
