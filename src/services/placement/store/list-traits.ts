import { sql } from 'kysely';
import type { StoredName } from './names.ts';
import type { PlacementExecutor } from './tables.ts';

export interface TraitFilter {
  readonly names: readonly string[] | null;
  readonly prefix: string | null;
  /** Whether any provider has them. */
  readonly associated: boolean | null;
}

export async function listTraits(database: PlacementExecutor, { names, prefix, associated }: TraitFilter): Promise<readonly StoredName[]> {
  const { rows } = await sql<StoredName>`
    SELECT t.name, floor(extract(epoch FROM t.updated_at) * 1000)::float8 AS "updatedAt" FROM traits t
    WHERE (${names}::text[] IS NULL OR t.name = ANY (${names})) AND (${prefix}::text IS NULL OR starts_with(t.name, ${prefix}))
      AND (${associated}::boolean IS NULL OR ${associated} = EXISTS (SELECT FROM provider_traits p WHERE p.trait = t.name))
    ORDER BY t.name
  `.execute(database);
  return rows;
}
