import type { Migration } from '../../../lib/sql/database.ts';

/**
 * Nearly every claim is the first of a new consumer. `claim_for_new` grants such a claim in a fraction of the statements that `replace_allocations`
 * needs, under the same locks in the same order: consumer, then providers by id. It answers false, having written nothing, where it cannot grant it;
 * the long way then says why. `provider_changes_since` is the change feed of view/read-changes.ts for a reader who has read before: a function's plan is made
 * once for each connection, and this plan takes longer to make than to run.
 */
export const shortClaims: Migration = {
  name: '0004-short-claims',
  sql: `
    CREATE FUNCTION claim_for_new(new_consumer uuid, project text, owner text, kind text, providers uuid[], classes text[], amounts integer[]) RETURNS boolean
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET kilonova.usage_only = 'yes'
    AS $$
    DECLARE
      granted integer;
    BEGIN
      INSERT INTO consumers (uuid, generation, project_id, user_id, type) VALUES (new_consumer, 1, project, owner, kind) ON CONFLICT (uuid) DO NOTHING;
      IF NOT FOUND THEN
        RETURN false;
      END IF;
      PERFORM FROM resource_providers WHERE uuid = ANY (providers) ORDER BY id FOR NO KEY UPDATE;
      INSERT INTO allocations (consumer, provider_id, resource_class, used)
        SELECT new_consumer, p.id, w.class, w.used
        FROM unnest(providers, classes, amounts) AS w (provider, class, used)
        JOIN resource_providers p ON p.uuid = w.provider
        JOIN inventories i ON i.provider_id = p.id AND i.resource_class = w.class
        WHERE w.used BETWEEN i.min_unit AND i.max_unit AND w.used % i.step_size = 0
          AND (SELECT coalesce(sum(a.used), 0) FROM allocations a WHERE a.provider_id = p.id AND a.resource_class = w.class) + w.used
            <= (i.total - i.reserved) * i.allocation_ratio;
      GET DIAGNOSTICS granted = ROW_COUNT;
      IF granted < cardinality(amounts) THEN
        DELETE FROM allocations WHERE consumer = new_consumer;
        DELETE FROM consumers WHERE uuid = new_consumer;
        RETURN false;
      END IF;
      UPDATE resource_providers SET generation = generation + 1, updated_at = now() WHERE uuid = ANY (providers);
      RETURN true;
    END $$;

    CREATE FUNCTION provider_changes_since(since pg_snapshot) RETURNS text
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    AS $$
    BEGIN
      RETURN (
        WITH noted AS MATERIALIZED (
          SELECT provider_id, bool_and(usage_only) AS usage_only FROM provider_changes
          WHERE changed_in >= pg_snapshot_xmin(since) AND NOT pg_visible_in_snapshot(changed_in, since)
          GROUP BY provider_id
        ),
        listed AS MATERIALIZED (
          SELECT n.provider_id, row_number() OVER () - 1 AS at,
            (SELECT string_agg(t.trait, ',' ORDER BY starts_with(t.trait, 'CUSTOM_'), t.trait COLLATE "C") FROM provider_traits t WHERE t.provider_id = n.provider_id) AS list
          FROM noted n WHERE NOT n.usage_only AND EXISTS (SELECT FROM provider_traits t WHERE t.provider_id = n.provider_id)
        )
        SELECT json_build_object(
          'snapshot', pg_current_snapshot()::text,
          'traits', (SELECT json_agg(list ORDER BY at) FROM listed),
          'deleted', (SELECT json_agg(provider_id) FROM noted WHERE NOT EXISTS (SELECT FROM resource_providers p WHERE p.id = provider_id)),
          'usages', (SELECT json_agg(json_build_array(p.id, p.generation, floor(extract(epoch FROM p.updated_at) * 1000), (
              SELECT json_object_agg(i.resource_class, (
                SELECT coalesce(sum(a.used), 0) FROM allocations a WHERE a.provider_id = i.provider_id AND a.resource_class = i.resource_class
              )) FROM inventories i WHERE i.provider_id = p.id
            ))) FROM noted n JOIN resource_providers p ON p.id = n.provider_id WHERE n.usage_only),
          'changed', (SELECT json_agg(json_build_array(
              p.id, p.uuid, p.name, p.generation, p.parent_id, p.root_id, floor(extract(epoch FROM p.updated_at) * 1000), (
                SELECT json_object_agg(i.resource_class, json_build_array(i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.allocation_ratio, (
                  SELECT coalesce(sum(a.used), 0) FROM allocations a WHERE a.provider_id = i.provider_id AND a.resource_class = i.resource_class
                ))) FROM inventories i WHERE i.provider_id = p.id
              ),
              (SELECT l.at FROM listed l WHERE l.provider_id = p.id),
              (SELECT json_agg(g.aggregate ORDER BY g.aggregate) FROM provider_aggregates g WHERE g.provider_id = p.id)
            ) ORDER BY p.id)
            FROM noted n JOIN resource_providers p ON p.id = n.provider_id WHERE NOT n.usage_only)
        )::text
      );
    END $$;
  `,
};
