import { sql } from 'kysely';
import type { StoredName } from './names.ts';
import type { PlacementDatabase, PlacementExecutor } from './tables.ts';

/** All classes, the standard ones first. */
export async function listResourceClasses(database: PlacementExecutor): Promise<readonly StoredName[]> {
  const { rows } = await sql<StoredName>`
    SELECT name, floor(extract(epoch FROM updated_at) * 1000)::float8 AS "updatedAt" FROM resource_classes ORDER BY position
  `.execute(database);
  return rows;
}

/** Renames a custom class with all inventories and allocations of it; answers false where there is none. */
export async function renameResourceClass(database: PlacementDatabase, from: string, to: string): Promise<boolean> {
  return database.transaction().execute(async (tx) => {
    const { rows } = await sql`UPDATE resource_classes SET name = ${to}, updated_at = now() WHERE name = ${from} RETURNING name`.execute(
      tx,
    );
    await sql`
      UPDATE resource_providers p SET updated_at = now() FROM inventories i WHERE i.provider_id = p.id AND i.resource_class = ${to}
    `.execute(tx);
    return rows.length === 1;
  });
}
