import type { Migration } from '../../../lib/sql/database.ts';

/**
 * A claim changes nothing of a provider but what is used of it, and claims are by far the most frequent changes: their notes say so, and readers
 * then leave inventories, traits and aggregates as they know them. A claim marks its transaction for as long as it touches providers.
 */
export const usageNotes: Migration = {
  name: '0003-usage-notes',
  sql: `
    ALTER TABLE provider_changes ADD COLUMN usage_only boolean NOT NULL DEFAULT false;
    CREATE OR REPLACE FUNCTION note_provider_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO provider_changes (provider_id, usage_only)
      VALUES (CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END, TG_OP = 'UPDATE' AND coalesce(current_setting('kilonova.usage_only', true), '') = 'yes');
      RETURN NULL;
    END $$;
    CREATE FUNCTION claim_allocations(wanted_consumers jsonb, wanted_allocations jsonb, no_project text, no_user text) RETURNS jsonb
    LANGUAGE plpgsql AS $$
    DECLARE
      refusal jsonb;
    BEGIN
      PERFORM set_config('kilonova.usage_only', 'yes', true);
      refusal := replace_allocations(wanted_consumers, wanted_allocations, no_project, no_user);
      PERFORM set_config('kilonova.usage_only', '', true);
      RETURN refusal;
    END $$;
  `,
};
