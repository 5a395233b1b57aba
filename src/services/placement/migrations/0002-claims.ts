import type { Migration } from '../../../lib/sql/database.ts';

/**
 * A claim in one round trip, right under any number of claimants.
 *
 * `replace_allocations` gives each consumer exactly what is wanted for it, or refuses without having written anything. Consumers are locked in the
 * order of their ids, then providers in the order of theirs, so two claims never wait for each other in a circle; each statement of the function
 * has a snapshot of its own, so what it counts after it holds the locks is what is there.
 *
 * `wanted_consumers`: [{consumer, project, user, type, generation, guarded}]: a null project, user or type keeps what is known; `guarded` compares
 * the generation, null meaning that the consumer must be new. `wanted_allocations`: [{consumer, provider, class, used}].
 * Answers null, or the refusal {reason, …facts} that claims/refusal-of-claim.ts puts in words.
 */
export const claims: Migration = {
  name: '0002-claims',
  sql: `
    CREATE FUNCTION replace_allocations(wanted_consumers jsonb, wanted_allocations jsonb, no_project text, no_user text) RETURNS jsonb
    LANGUAGE plpgsql
    -- plans are kept by each connection from when the tables were small: they must be those for large ones
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    AS $$
    DECLARE
      consumer_ids uuid[];
      provider_ids bigint[];
      claimed_ids bigint[];
      fresh_ids uuid[];
      claimed uuid[];
      keeping uuid[];
      refusal jsonb;
    BEGIN
      SELECT array_agg((c ->> 'consumer')::uuid ORDER BY (c ->> 'consumer')::uuid) INTO consumer_ids FROM jsonb_array_elements(wanted_consumers) c;

      -- a consumer that is being made by another claim is waited for here, and known below
      WITH made AS (
        INSERT INTO consumers (uuid, generation, project_id, user_id, type)
        SELECT c.consumer, 1, coalesce(c.project, no_project), coalesce(c."user", no_user), c.type
        FROM jsonb_to_recordset(wanted_consumers) AS c (consumer uuid, project text, "user" text, type text)
        ORDER BY c.consumer
        ON CONFLICT (uuid) DO NOTHING
        RETURNING uuid
      )
      SELECT coalesce(array_agg(uuid), '{}') INTO fresh_ids FROM made;
      PERFORM FROM consumers WHERE uuid = ANY (consumer_ids) AND uuid <> ALL (fresh_ids) ORDER BY uuid FOR NO KEY UPDATE;

      SELECT jsonb_build_object('reason', 'consumer-generation', 'consumer', c.consumer, 'given', c.generation,
          'expected', CASE WHEN c.consumer = ANY (fresh_ids) THEN NULL ELSE k.generation END)
        INTO refusal
        FROM jsonb_to_recordset(wanted_consumers) AS c (consumer uuid, generation bigint, guarded boolean)
        JOIN consumers k ON k.uuid = c.consumer
        WHERE k.uuid = ANY (consumer_ids) AND c.guarded AND c.generation IS DISTINCT FROM CASE WHEN c.consumer = ANY (fresh_ids) THEN NULL ELSE k.generation END
        ORDER BY c.consumer LIMIT 1;
      IF refusal IS NOT NULL THEN
        DELETE FROM consumers WHERE uuid = ANY (fresh_ids);
        RETURN refusal;
      END IF;

      SELECT array_agg(DISTINCT provider), coalesce(array_agg(DISTINCT consumer), '{}') INTO claimed, keeping
        FROM jsonb_to_recordset(wanted_allocations) AS a (consumer uuid, provider uuid);
      SELECT array_agg(id) INTO claimed_ids FROM resource_providers WHERE uuid = ANY (claimed);
      SELECT array_agg(id) INTO provider_ids FROM (
        SELECT unnest(claimed_ids) AS id UNION SELECT provider_id FROM allocations WHERE consumer = ANY (consumer_ids)
      ) touched;
      PERFORM FROM resource_providers WHERE id = ANY (provider_ids) ORDER BY id FOR NO KEY UPDATE;

      -- the first thing that is wrong, told in the order a client can do something about it
      SELECT CASE
          WHEN p.id IS NULL THEN jsonb_build_object('reason', 'no-provider', 'provider', a.provider)
          WHEN r.name IS NULL THEN jsonb_build_object('reason', 'no-class', 'class', a.class)
          WHEN i.provider_id IS NULL THEN jsonb_build_object('reason', 'no-inventory', 'provider', a.provider, 'class', a.class)
          WHEN a.used < i.min_unit OR a.used > i.max_unit OR a.used % i.step_size <> 0
            THEN jsonb_build_object('reason', 'unit', 'provider', a.provider, 'class', a.class, 'requested', a.used,
              'minUnit', i.min_unit, 'maxUnit', i.max_unit, 'stepSize', i.step_size)
          ELSE jsonb_build_object('reason', 'capacity', 'provider', a.provider, 'class', a.class, 'requested', a.needed,
            'free', (i.total - i.reserved) * i.allocation_ratio - others.used)
        END
        INTO refusal
        FROM (
          SELECT provider, class, used, sum(used) OVER (PARTITION BY provider, class) AS needed
          FROM jsonb_to_recordset(wanted_allocations) AS w (provider uuid, class text, used integer)
        ) a
        LEFT JOIN resource_providers p ON p.uuid = a.provider AND p.id = ANY (claimed_ids)
        LEFT JOIN resource_classes r ON r.name = a.class
        LEFT JOIN inventories i ON i.provider_id = p.id AND i.resource_class = a.class
        LEFT JOIN LATERAL (
          SELECT coalesce(sum(used), 0) AS used FROM allocations
          WHERE provider_id = p.id AND resource_class = a.class AND consumer <> ALL (consumer_ids)
        ) others ON true
        WHERE i.provider_id IS NULL
          OR a.used < i.min_unit OR a.used > i.max_unit OR a.used % i.step_size <> 0
          OR others.used + a.needed > (i.total - i.reserved) * i.allocation_ratio
        ORDER BY p.id IS NOT NULL, r.name IS NOT NULL, i.provider_id IS NOT NULL LIMIT 1;
      IF refusal IS NOT NULL THEN
        DELETE FROM consumers WHERE uuid = ANY (fresh_ids);
        RETURN refusal;
      END IF;

      DELETE FROM allocations WHERE consumer = ANY (consumer_ids);
      INSERT INTO allocations (consumer, provider_id, resource_class, used)
        SELECT a.consumer, p.id, a.class, a.used
        FROM jsonb_to_recordset(wanted_allocations) AS a (consumer uuid, provider uuid, class text, used integer)
        JOIN resource_providers p ON p.uuid = a.provider WHERE p.id = ANY (claimed_ids);
      UPDATE consumers k
        SET generation = k.generation + 1, project_id = coalesce(c.project, k.project_id), user_id = coalesce(c."user", k.user_id), type = coalesce(c.type, k.type)
        FROM jsonb_to_recordset(wanted_consumers) AS c (consumer uuid, project text, "user" text, type text)
        WHERE k.uuid = ANY (consumer_ids) AND k.uuid = c.consumer AND c.consumer = ANY (keeping) AND c.consumer <> ALL (fresh_ids);
      DELETE FROM consumers WHERE uuid = ANY (consumer_ids) AND uuid <> ALL (keeping);
      UPDATE resource_providers
        SET generation = generation + CASE WHEN id = ANY (claimed_ids) THEN 1 ELSE 0 END, updated_at = now()
        WHERE id = ANY (provider_ids);
      RETURN NULL;
    END $$;
  `,
};
