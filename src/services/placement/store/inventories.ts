import { sql } from 'kysely';
import { sqlState } from '../../../lib/sql/database.ts';
import { inventoryInUse } from '../errors.ts';
import type { PlacementExecutor } from './tables.ts';

export interface StoredInventory {
  readonly total: number;
  readonly reserved: number;
  readonly min_unit: number;
  readonly max_unit: number;
  readonly step_size: number;
  readonly allocation_ratio: number;
}

export type StoredInventories = Readonly<Record<string, StoredInventory>>;

/** All inventories of a provider by class. */
export async function inventoriesOf(database: PlacementExecutor, providerId: number): Promise<StoredInventories> {
  const { rows } = await sql<StoredInventory & { resource_class: string }>`
    SELECT i.resource_class, i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.allocation_ratio
    FROM inventories i JOIN resource_classes c ON c.name = i.resource_class WHERE i.provider_id = ${providerId} ORDER BY c.position
  `.execute(database);
  return Object.fromEntries(rows.map(({ resource_class, ...inventory }) => [resource_class, inventory]));
}

/** Adds or replaces inventories; the provider must be held (`advanceProvider`). */
export async function putInventories(tx: PlacementExecutor, providerId: number, inventories: StoredInventories): Promise<void> {
  const records = Object.entries(inventories).map(([resource_class, inventory]) => ({ resource_class, ...inventory }));
  if (records.length === 0) return;
  await sql`
    INSERT INTO inventories (provider_id, resource_class, total, reserved, min_unit, max_unit, step_size, allocation_ratio)
    SELECT ${providerId}, r.* FROM jsonb_to_recordset(${JSON.stringify(records)}::jsonb)
      AS r (resource_class text, total integer, reserved integer, min_unit integer, max_unit integer, step_size integer, allocation_ratio float8)
    ON CONFLICT (provider_id, resource_class) DO UPDATE SET total = excluded.total, reserved = excluded.reserved, min_unit = excluded.min_unit,
      max_unit = excluded.max_unit, step_size = excluded.step_size, allocation_ratio = excluded.allocation_ratio, updated_at = now()
  `.execute(tx);
}

/** Removes all inventories but those of some classes, none of which may be used. Answers how many went; the provider must be held. */
export async function dropInventories(
  tx: PlacementExecutor,
  provider: { readonly id: number; readonly uuid: string },
  keep: readonly string[],
): Promise<number> {
  const { rows: used } = await sql<{ resource_class: string }>`
    SELECT c.name AS resource_class FROM resource_classes c
    WHERE c.name <> ALL (${keep}) AND EXISTS (SELECT FROM allocations a WHERE a.provider_id = ${provider.id} AND a.resource_class = c.name)
    ORDER BY c.position
  `.execute(tx);
  if (used.length > 0)
    throw inventoryInUse(
      used.map((row) => row.resource_class),
      provider.uuid,
    );
  try {
    const { numAffectedRows } =
      await sql`DELETE FROM inventories WHERE provider_id = ${provider.id} AND resource_class <> ALL (${keep})`.execute(tx);
    return Number(numAffectedRows ?? 0);
  } catch (error) {
    throw sqlState(error) === '23503' ? inventoryInUse([], provider.uuid) : error;
  }
}

/** What is used of a provider by class: every class it has inventory of. */
export async function usagesOf(database: PlacementExecutor, providerId: number): Promise<Readonly<Record<string, number>>> {
  const { rows } = await sql<{ resource_class: string; used: number }>`
    SELECT i.resource_class, coalesce(sum(a.used), 0)::float8 AS used FROM inventories i JOIN resource_classes c ON c.name = i.resource_class
    LEFT JOIN allocations a ON a.provider_id = i.provider_id AND a.resource_class = i.resource_class
    WHERE i.provider_id = ${providerId} GROUP BY i.resource_class, c.position ORDER BY c.position
  `.execute(database);
  return Object.fromEntries(rows.map((row) => [row.resource_class, row.used]));
}
