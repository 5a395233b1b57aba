import { sql } from 'kysely';
import type { Executor } from '../../../lib/sql/database.ts';

/** Notes are kept this long: who has not read for longer must read everything. */
const notesLastMs = 1_200_000;

/**
 * Everything that transactions changed which the snapshot `since` could not see; all there is when it is null. One statement, so one moment. Answers the
 * JSON of `ProviderChanges`, which a reader elsewhere is sent as it is.
 */
export async function readChanges<Tables>(database: Executor<Tables>, since: string | null): Promise<string> {
  const noted =
    since === null
      ? sql`SELECT id AS provider_id, false AS usage_only FROM resource_providers`
      : sql`SELECT provider_id, bool_and(usage_only) AS usage_only FROM provider_changes
            WHERE changed_in >= pg_snapshot_xmin(${since}::pg_snapshot) AND NOT pg_visible_in_snapshot(changed_in, ${since}::pg_snapshot)
            GROUP BY provider_id`;
  const { rows } = await sql<{ changes: string }>`
    WITH noted AS MATERIALIZED (${noted}),
    listed AS MATERIALIZED (
      SELECT n.provider_id, string_agg(t.trait, ',' ORDER BY starts_with(t.trait, 'CUSTOM_'), t.trait COLLATE "C") AS list
      FROM noted n JOIN provider_traits t ON t.provider_id = n.provider_id WHERE NOT n.usage_only GROUP BY n.provider_id
    ),
    lists AS MATERIALIZED (SELECT list, row_number() OVER () - 1 AS at FROM (SELECT DISTINCT list FROM listed) unlike)
    SELECT json_build_object(
      'snapshot', pg_current_snapshot()::text,
      'traits', (SELECT json_agg(list ORDER BY at) FROM lists),
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
          l.at,
          (SELECT json_agg(g.aggregate ORDER BY g.aggregate) FROM provider_aggregates g WHERE g.provider_id = p.id)
        ) ORDER BY p.id)
        FROM noted n JOIN resource_providers p ON p.id = n.provider_id
        LEFT JOIN listed h ON h.provider_id = p.id LEFT JOIN lists l ON l.list = h.list WHERE NOT n.usage_only)
    )::text AS changes
  `.execute(database);
  return rows[0]!.changes;
}

/** Removes notes that every reader has had. */
export async function forgetOldNotes<Tables>(database: Executor<Tables>): Promise<number> {
  const { numAffectedRows } =
    await sql`DELETE FROM provider_changes WHERE changed_at < now() - make_interval(secs => ${notesLastMs / 1000})`.execute(database);
  return Number(numAffectedRows ?? 0);
}
