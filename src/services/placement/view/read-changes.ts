import { sql } from 'kysely';
import type { Executor } from '../../../lib/sql/database.ts';
import type { InventoryNumbers } from './inventory-column.ts';
import type { ProviderRecord } from './provider-view.ts';

export interface Changes {
  readonly changed: readonly ProviderRecord[];
  /** Ids of providers that are no more; unknown where everything was read. */
  readonly deleted: readonly number[];
  /** What this reading could see: the next one asks for all that it could not. */
  readonly snapshot: string;
}

/** Notes are kept for an hour: who has not read for longer must read everything. */
const notesLastMs = 3_600_000;
export const notesSufficeMs = notesLastMs / 2;

interface Row {
  readonly snapshot: string;
  readonly deleted: readonly number[] | null;
  readonly changed: readonly RowProvider[] | null;
}

interface RowProvider {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly generation: number;
  readonly parent: number | null;
  readonly root: number;
  readonly updated: number;
  readonly inventories: Readonly<Record<string, InventoryNumbers>> | null;
  readonly traits: readonly string[] | null;
  readonly aggregates: readonly string[] | null;
}

/** Everything that transactions changed which the snapshot `since` could not see; all there is when it is null. One statement, so one moment. */
export async function readChanges<Tables>(database: Executor<Tables>, since: string | null): Promise<Changes> {
  const noted =
    since === null
      ? sql`SELECT id AS provider_id FROM resource_providers`
      : sql`SELECT DISTINCT provider_id FROM provider_changes
            WHERE changed_in >= pg_snapshot_xmin(${since}::pg_snapshot) AND NOT pg_visible_in_snapshot(changed_in, ${since}::pg_snapshot)`;
  const { rows } = await sql<Row>`
    WITH noted AS MATERIALIZED (${noted})
    SELECT pg_current_snapshot()::text AS snapshot,
      (SELECT json_agg(provider_id) FROM noted WHERE NOT EXISTS (SELECT FROM resource_providers p WHERE p.id = provider_id)) AS deleted,
      (SELECT json_agg(json_build_object(
        'id', p.id, 'uuid', p.uuid, 'name', p.name, 'generation', p.generation, 'parent', p.parent_id, 'root', p.root_id,
        'updated', floor(extract(epoch FROM p.updated_at) * 1000),
        'inventories', (
          SELECT json_object_agg(i.resource_class, json_build_array(i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.allocation_ratio, (
            SELECT coalesce(sum(a.used), 0) FROM allocations a WHERE a.provider_id = i.provider_id AND a.resource_class = i.resource_class
          )))
          FROM inventories i WHERE i.provider_id = p.id),
        'traits', (SELECT json_agg(t.trait ORDER BY starts_with(t.trait, 'CUSTOM_'), t.trait) FROM provider_traits t WHERE t.provider_id = p.id),
        'aggregates', (SELECT json_agg(g.aggregate ORDER BY g.aggregate) FROM provider_aggregates g WHERE g.provider_id = p.id)
      ) ORDER BY p.id) FROM noted JOIN resource_providers p ON p.id = provider_id) AS changed
  `.execute(database);
  const { snapshot, deleted, changed } = rows[0]!;
  return { snapshot, deleted: deleted ?? [], changed: (changed ?? []).map(toRecord) };
}

/** Removes notes that every reader has had. */
export async function forgetOldNotes<Tables>(database: Executor<Tables>): Promise<number> {
  const { numAffectedRows } =
    await sql`DELETE FROM provider_changes WHERE changed_at < now() - make_interval(secs => ${notesLastMs / 1000})`.execute(database);
  return Number(numAffectedRows ?? 0);
}

const toRecord = ({ id, uuid, name, generation, parent, root, updated, inventories, traits, aggregates }: RowProvider): ProviderRecord => ({
  id,
  uuid,
  name,
  generation,
  parentId: parent,
  rootId: root,
  updatedAt: updated,
  inventories: inventories ?? {},
  traits: traits ?? [],
  aggregates: aggregates ?? [],
});
