import type { Migration } from '../../lib/sql/database.ts';

/** The image service's database. */
export const imageMigrations: readonly Migration[] = [
  {
    name: '0001-images',
    sql: `
      CREATE TABLE images (
        id uuid PRIMARY KEY,
        name text,
        status text NOT NULL CHECK (status IN ('queued', 'saving', 'uploading', 'importing', 'active', 'deactivated')),
        visibility text NOT NULL CHECK (visibility IN ('public', 'private', 'shared', 'community')),
        owner text,
        protected boolean NOT NULL,
        os_hidden boolean NOT NULL,
        disk_format text,
        container_format text,
        min_disk integer NOT NULL,
        min_ram integer NOT NULL,
        size bigint,
        virtual_size bigint,
        checksum text,
        os_hash_value text,
        properties jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        -- data and status go together: what is active has been stored whole
        CHECK ((status IN ('active', 'deactivated')) = (os_hash_value IS NOT NULL AND size IS NOT NULL))
      );
      CREATE INDEX images_newest ON images (created_at DESC, id DESC);
      CREATE INDEX images_of_owner ON images (owner);
      CREATE INDEX images_of_data ON images (os_hash_value) WHERE os_hash_value IS NOT NULL;
      CREATE TABLE image_tags (
        image_id uuid NOT NULL REFERENCES images ON DELETE CASCADE,
        tag text NOT NULL,
        PRIMARY KEY (image_id, tag)
      );
      CREATE INDEX image_tags_by_tag ON image_tags (tag);
      CREATE TABLE image_members (
        image_id uuid NOT NULL REFERENCES images ON DELETE CASCADE,
        member_id text NOT NULL,
        status text NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (image_id, member_id)
      );
      CREATE INDEX image_members_by_member ON image_members (member_id);
    `,
  },
];
