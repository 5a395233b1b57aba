import { sql } from 'kysely';
import type { Executor } from '../../../lib/sql/database.ts';

/** Notes are kept this long: who has not read for longer must read everything. */
const notesLastMs = 1_200_000;

/**
 * Everything that transactions changed which the snapshot `since` could not see; all there is when it is null. One statement, so one moment. Answers the
 * JSON of `ProviderChanges`, which a reader elsewhere is sent as it is.
 */
export async function readChanges<Tables>(database: Executor<Tables>, since: string | null): Promise<string> {
  const { rows } =
    since === null
      ? await everything(database)
      : await sql<{ changes: string }>`SELECT provider_changes_since(${since}::pg_snapshot) AS changes`.execute(database);
  return rows[0]!.changes;
}

const everything = <Tables>(database: Executor<Tables>) =>
  sql<{ changes: string }>`
    WITH listed AS MATERIALIZED (
      SELECT t.provider_id, string_agg(t.trait, ',' ORDER BY starts_with(t.trait, 'CUSTOM_'), t.trait COLLATE "C") AS list
      FROM provider_traits t GROUP BY t.provider_id
    ),
    lists AS MATERIALIZED (SELECT list, row_number() OVER () - 1 AS at FROM (SELECT DISTINCT list FROM listed) unlike)
    SELECT json_build_object(
      'snapshot', pg_current_snapshot()::text,
      'traits', (SELECT json_agg(list ORDER BY at) FROM lists),
      'changed', (SELECT json_agg(json_build_array(
          p.id, p.uuid, p.name, p.generation, p.parent_id, p.root_id, floor(extract(epoch FROM p.updated_at) * 1000), (
            SELECT json_object_agg(i.resource_class, json_build_array(i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.allocation_ratio, (
              SELECT coalesce(sum(a.used), 0) FROM allocations a WHERE a.provider_id = i.provider_id AND a.resource_class = i.resource_class
            ))) FROM inventories i WHERE i.provider_id = p.id
          ),
          l.at,
          (SELECT json_agg(g.aggregate ORDER BY g.aggregate) FROM provider_aggregates g WHERE g.provider_id = p.id)
        ) ORDER BY p.id)
        FROM resource_providers p LEFT JOIN listed h ON h.provider_id = p.id LEFT JOIN lists l ON l.list = h.list)
    )::text AS changes
  `.execute(database);

/** Removes notes that every reader has had. */
export async function forgetOldNotes<Tables>(database: Executor<Tables>): Promise<number> {
  const { numAffectedRows } =
    await sql`DELETE FROM provider_changes WHERE changed_at < now() - make_interval(secs => ${notesLastMs / 1000})`.execute(database);
  return Number(numAffectedRows ?? 0);
}
