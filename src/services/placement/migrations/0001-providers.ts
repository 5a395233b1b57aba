import type { Migration } from '../../../lib/sql/database.ts';

/**
 * Providers with what they have and are. Whatever a candidate depends on (inventory, usage, traits, aggregates, place in the tree) changes together
 * with its provider's row, and every change of that row is noted in `provider_changes` with its transaction. Readers ask for what transactions noted
 * that their last snapshot could not see (view/read-changes.ts), so no change is missed, whatever the order of commits. The row itself has no index on
 * what changes often, so that a claim need not touch them.
 */
export const providers: Migration = {
  name: '0001-providers',
  sql: `
    CREATE TABLE resource_classes (
      name text PRIMARY KEY,
      position integer GENERATED ALWAYS AS IDENTITY,
      updated_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE traits (
      name text PRIMARY KEY,
      updated_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE resource_providers (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      uuid uuid NOT NULL UNIQUE,
      name text NOT NULL CONSTRAINT resource_providers_name_unique UNIQUE,
      generation bigint NOT NULL DEFAULT 0,
      parent_id bigint REFERENCES resource_providers (id),
      root_id bigint NOT NULL REFERENCES resource_providers (id) DEFERRABLE INITIALLY DEFERRED,
      updated_at timestamptz NOT NULL DEFAULT now()
    ) WITH (fillfactor = 70);
    CREATE INDEX resource_providers_parent ON resource_providers (parent_id) WHERE parent_id IS NOT NULL;
    CREATE INDEX resource_providers_root ON resource_providers (root_id);
    CREATE TABLE provider_changes (
      changed_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
      provider_id bigint NOT NULL,
      changed_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX provider_changes_transaction ON provider_changes (changed_in) INCLUDE (provider_id);
    CREATE FUNCTION note_provider_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO provider_changes (provider_id) VALUES (CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END);
      RETURN NULL;
    END $$;
    CREATE TRIGGER provider_changed AFTER INSERT OR UPDATE OR DELETE ON resource_providers FOR EACH ROW EXECUTE FUNCTION note_provider_change();
    CREATE TABLE inventories (
      provider_id bigint NOT NULL REFERENCES resource_providers (id),
      resource_class text NOT NULL REFERENCES resource_classes (name) ON UPDATE CASCADE,
      total integer NOT NULL,
      reserved integer NOT NULL,
      min_unit integer NOT NULL,
      max_unit integer NOT NULL,
      step_size integer NOT NULL,
      allocation_ratio double precision NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (provider_id, resource_class)
    );
    CREATE INDEX inventories_class ON inventories (resource_class);
    CREATE TABLE provider_traits (
      provider_id bigint NOT NULL REFERENCES resource_providers (id) ON DELETE CASCADE,
      trait text NOT NULL REFERENCES traits (name),
      PRIMARY KEY (provider_id, trait)
    );
    CREATE INDEX provider_traits_trait ON provider_traits (trait);
    CREATE TABLE provider_aggregates (
      provider_id bigint NOT NULL REFERENCES resource_providers (id) ON DELETE CASCADE,
      aggregate uuid NOT NULL,
      PRIMARY KEY (provider_id, aggregate)
    );
    CREATE INDEX provider_aggregates_aggregate ON provider_aggregates (aggregate);
    CREATE TABLE consumers (
      uuid uuid PRIMARY KEY,
      generation bigint NOT NULL,
      project_id text NOT NULL,
      user_id text NOT NULL,
      type text
    ) WITH (fillfactor = 85);
    CREATE INDEX consumers_owner ON consumers (project_id, user_id);
    CREATE TABLE allocations (
      consumer uuid NOT NULL REFERENCES consumers (uuid),
      provider_id bigint NOT NULL,
      resource_class text NOT NULL,
      used integer NOT NULL CHECK (used > 0),
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (consumer, provider_id, resource_class),
      CONSTRAINT allocations_inventory FOREIGN KEY (provider_id, resource_class) REFERENCES inventories (provider_id, resource_class) ON UPDATE CASCADE
    );
    CREATE INDEX allocations_provider ON allocations (provider_id, resource_class) INCLUDE (used);
  `,
};
