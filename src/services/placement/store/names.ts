import { sql } from 'kysely';
import { standardResourceClasses } from '../standard-resource-classes.ts';
import { standardTraits } from '../../../domain/standard-traits.ts';
import type { PlacementExecutor } from './tables.ts';

const standard = { traits: new Set<string>(standardTraits), resource_classes: new Set<string>(standardResourceClasses) } as const;

/** The two lists of names that are partly standard, partly the operator's own. */
export type NameList = keyof typeof standard;

export const isStandard = (list: NameList, name: string): boolean => standard[list].has(name);

/** Makes sure that all standard names are there; those of newer releases that were there before stay. */
export async function insertStandardNames(database: PlacementExecutor): Promise<void> {
  for (const [list, names] of Object.entries(standard)) {
    await sql`
      INSERT INTO ${sql.table(list)} (name) SELECT n.name FROM unnest(${[...names]}::text[]) WITH ORDINALITY AS n (name, at)
      WHERE NOT EXISTS (SELECT FROM ${sql.table(list)} known WHERE known.name = n.name) ORDER BY n.at ON CONFLICT DO NOTHING
    `.execute(database);
  }
}

/** Which of these names do not exist. Asks the database for custom ones only. */
export async function unknownNames(database: PlacementExecutor, list: NameList, names: Iterable<string>): Promise<string[]> {
  const custom = [...new Set(names)].filter((name) => !isStandard(list, name));
  if (custom.length === 0) return [];
  const { rows } = await sql<{ name: string }>`SELECT name FROM ${sql.table(list)} WHERE name = ANY (${custom})`.execute(database);
  const known = new Set(rows.map((row) => row.name));
  return custom.filter((name) => !known.has(name));
}

export interface StoredName {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly updatedAt: number;
}

/** One name, or null. */
export async function findName(database: PlacementExecutor, list: NameList, name: string): Promise<StoredName | null> {
  const { rows } = await sql<StoredName>`
    SELECT name, floor(extract(epoch FROM updated_at) * 1000)::float8 AS "updatedAt" FROM ${sql.table(list)} WHERE name = ${name}
  `.execute(database);
  return rows[0] ?? null;
}

/** Adds a custom name; answers false where it was there. */
export async function insertName(database: PlacementExecutor, list: NameList, name: string): Promise<boolean> {
  const { rows } = await sql`INSERT INTO ${sql.table(list)} (name) VALUES (${name}) ON CONFLICT DO NOTHING RETURNING name`.execute(
    database,
  );
  return rows.length === 1;
}

/** Removes a custom name; answers false where it was not there. A name in use violates a foreign key (23503). */
export async function removeName(database: PlacementExecutor, list: NameList, name: string): Promise<boolean> {
  const { rows } = await sql`DELETE FROM ${sql.table(list)} WHERE name = ${name} RETURNING name`.execute(database);
  return rows.length === 1;
}
