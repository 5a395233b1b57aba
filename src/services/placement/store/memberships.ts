import { sql } from 'kysely';
import type { PlacementExecutor } from './tables.ts';

/** What a provider is: its traits. */
export async function traitsOf(database: PlacementExecutor, providerId: number): Promise<string[]> {
  const { rows } = await sql<{ trait: string }>`SELECT trait FROM provider_traits WHERE provider_id = ${providerId} ORDER BY trait`.execute(
    database,
  );
  return rows.map((row) => row.trait);
}

/** Replaces the traits of a provider that is held (`advanceProvider`). */
export async function replaceTraits(tx: PlacementExecutor, providerId: number, traits: readonly string[]): Promise<void> {
  await sql`
    WITH gone AS (DELETE FROM provider_traits WHERE provider_id = ${providerId} AND trait <> ALL (${traits}::text[]))
    INSERT INTO provider_traits (provider_id, trait) SELECT ${providerId}, t FROM unnest(${traits}::text[]) t ON CONFLICT DO NOTHING
  `.execute(tx);
}

/** Where a provider belongs: its aggregates. */
export async function aggregatesOf(database: PlacementExecutor, providerId: number): Promise<string[]> {
  const { rows } = await sql<{
    aggregate: string;
  }>`SELECT aggregate FROM provider_aggregates WHERE provider_id = ${providerId} ORDER BY aggregate`.execute(database);
  return rows.map((row) => row.aggregate);
}

/** Replaces the aggregates of a provider that is held. */
export async function replaceAggregates(tx: PlacementExecutor, providerId: number, aggregates: readonly string[]): Promise<void> {
  await sql`
    WITH gone AS (DELETE FROM provider_aggregates WHERE provider_id = ${providerId} AND aggregate <> ALL (${aggregates}::uuid[]))
    INSERT INTO provider_aggregates (provider_id, aggregate) SELECT ${providerId}, a FROM unnest(${aggregates}::uuid[]) a ON CONFLICT DO NOTHING
  `.execute(tx);
}
