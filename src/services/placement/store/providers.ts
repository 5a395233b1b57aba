import { sql } from 'kysely';
import { conflict, invalid, notFound } from '../../../lib/errors.ts';
import { normalizeUuid } from '../../../lib/ids.ts';
import { isDuplicate, sqlState } from '../../../lib/sql/database.ts';
import { providerGenerationConflict, providerNotFound } from '../errors.ts';
import type { PlacementDatabase, PlacementExecutor } from './tables.ts';

export interface Provider {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly generation: number;
  readonly parentUuid: string | null;
  readonly rootUuid: string;
  /** Milliseconds since the epoch. */
  readonly updatedAt: number;
}

/** Finds a provider by any spelling of its uuid; 404 where there is none. */
export async function findProvider(database: PlacementExecutor, uuid: string): Promise<Provider> {
  const normal = normalizeUuid(uuid);
  const { rows } = await sql<Provider>`
    SELECT p.id, p.uuid, p.name, p.generation, parent.uuid AS "parentUuid", root.uuid AS "rootUuid", floor(extract(epoch FROM p.updated_at) * 1000)::float8 AS "updatedAt"
    FROM resource_providers p JOIN resource_providers root ON root.id = p.root_id LEFT JOIN resource_providers parent ON parent.id = p.parent_id
    WHERE p.uuid = ${normal}
  `.execute(database);
  const [provider] = rows;
  if (provider === undefined) throw providerNotFound(normal ?? uuid);
  return provider;
}

/** The providers of some uuids that exist, by uuid. */
export async function findProviders(
  database: PlacementExecutor,
  uuids: readonly string[],
): Promise<ReadonlyMap<string, Pick<Provider, 'id' | 'uuid' | 'generation'>>> {
  const { rows } = await sql<Pick<Provider, 'id' | 'uuid' | 'generation'>>`
    SELECT id, uuid, generation FROM resource_providers WHERE uuid = ANY (${uuids}::uuid[])
  `.execute(database);
  return new Map(rows.map((row) => [row.uuid, row]));
}

/** Adds a provider, as a root or as a child of another. */
export async function insertProvider(
  database: PlacementDatabase,
  { uuid, name, parentUuid }: { readonly uuid: string; readonly name: string; readonly parentUuid: string | null },
): Promise<void> {
  if (parentUuid === uuid) {
    throw invalid(
      `Unable to create resource provider "${name}", ${uuid}: parent provider UUID cannot be same as UUID. Please set parent provider UUID to None to make it a root.`,
    );
  }
  const insert = async (tx: PlacementExecutor): Promise<unknown> => {
    const { rows } = await sql`
      WITH parent AS (SELECT id, root_id FROM resource_providers WHERE uuid = ${parentUuid}::uuid),
      next AS (SELECT nextval(pg_get_serial_sequence('resource_providers', 'id')) AS id)
      INSERT INTO resource_providers (id, uuid, name, parent_id, root_id)
      OVERRIDING SYSTEM VALUE
      SELECT next.id, ${uuid}, ${name}, parent.id, coalesce(parent.root_id, next.id)
      FROM next LEFT JOIN parent ON true
      WHERE ${parentUuid}::uuid IS NULL OR parent.id IS NOT NULL
      RETURNING id
    `.execute(tx);
    if (rows.length > 0) return;
    throw invalid(`Unable to create resource provider "${name}", ${uuid}: parent provider UUID does not exist: ${parentUuid ?? ''}.`);
  };
  try {
    if (parentUuid === null) await insert(database);
    else await database.transaction().execute(async (tx) => lockTrees(tx).then(() => insert(tx))); // its parent must not move meanwhile
  } catch (error) {
    throw isDuplicate(error) ? duplicate(error, name, uuid) : error;
  }
}

const duplicate = (error: unknown, name: string, uuid: string): Error =>
  error instanceof Error && 'constraint' in error && error.constraint === 'resource_providers_name_unique'
    ? conflict(`Conflicting resource provider name: ${name} already exists.`, { code: 'placement.duplicate_name', cause: error })
    : conflict(`Conflicting resource provider uuid: ${uuid} already exists.`, { cause: error });

export interface ProviderChanges {
  readonly name: string;
  /** Left out keeps the parent; null makes the provider a root. */
  readonly parentUuid?: string | null;
  /** Whether a parent may be exchanged or taken away, not only given. */
  readonly mayReparent: boolean;
}

/** Renames a provider and moves it, with all below it, to another place. Its generation stays. */
export async function updateProvider(
  database: PlacementDatabase,
  uuid: string,
  { name, parentUuid, mayReparent }: ProviderChanges,
): Promise<void> {
  const refuse = (why: string) => invalid(`Unable to save resource provider ${uuid}: ${why}`);
  await database.transaction().execute(async (tx) => {
    await lockTrees(tx);
    const before = await findProvider(tx, uuid);
    // in the order of ids, as claims hold providers
    await sql`
      WITH RECURSIVE below AS (
        SELECT id FROM resource_providers WHERE id = ${before.id}
        UNION ALL SELECT p.id FROM resource_providers p JOIN below ON p.parent_id = below.id
      )
      SELECT FROM resource_providers WHERE id IN (SELECT id FROM below) ORDER BY id FOR NO KEY UPDATE
    `.execute(tx);
    try {
      await sql`UPDATE resource_providers SET name = ${name}, updated_at = now() WHERE id = ${before.id}`.execute(tx);
    } catch (error) {
      throw isDuplicate(error) ? duplicate(error, name, before.uuid) : error;
    }
    if (parentUuid === undefined || parentUuid === before.parentUuid) return;
    if (parentUuid === null && !mayReparent) throw refuse('un-parenting a provider is not currently allowed.');
    if (before.parentUuid !== null && !mayReparent) throw refuse('re-parenting a provider is not currently allowed.');
    const { rows } = await sql<{ parent: number | null; root: number | null; loops: boolean }>`
      WITH RECURSIVE below AS (
        SELECT id FROM resource_providers WHERE id = ${before.id}
        UNION ALL SELECT p.id FROM resource_providers p JOIN below ON p.parent_id = below.id
      ), parent AS (SELECT id, root_id FROM resource_providers WHERE uuid = ${parentUuid}::uuid)
      SELECT (SELECT id FROM parent) AS parent, (SELECT root_id FROM parent) AS root, EXISTS (SELECT FROM parent JOIN below ON below.id = parent.id) AS loops
    `.execute(tx);
    const { parent, root, loops } = rows[0]!;
    if (parentUuid !== null && parent === null) throw refuse('parent provider UUID does not exist.');
    if (loops) throw refuse('creating loop in the provider tree is not allowed.');
    await sql`
      WITH RECURSIVE below AS (
        SELECT id FROM resource_providers WHERE id = ${before.id}
        UNION ALL SELECT p.id FROM resource_providers p JOIN below ON p.parent_id = below.id
      )
      UPDATE resource_providers p
      SET root_id = ${root ?? before.id}, parent_id = CASE WHEN p.id = ${before.id} THEN ${parent}::bigint ELSE p.parent_id END, updated_at = now()
      FROM below WHERE below.id = p.id
    `.execute(tx);
  });
}

/** One at a time changes the shape of trees, so that two moves cannot close a loop together. */
const lockTrees = async (tx: PlacementExecutor): Promise<unknown> => sql`SELECT pg_advisory_xact_lock(4242002)`.execute(tx);

/** Removes a provider that nobody uses and that has no children, with its inventories. */
export async function deleteProvider(database: PlacementDatabase, uuid: string): Promise<void> {
  const normal = normalizeUuid(uuid);
  await database.transaction().execute(async (tx) => {
    await lockTrees(tx);
    const { rows } = await sql<{ id: number; used: boolean; parent: boolean }>`
      SELECT id, EXISTS (SELECT FROM allocations a WHERE a.provider_id = p.id) AS used, EXISTS (SELECT FROM resource_providers c WHERE c.parent_id = p.id) AS parent
      FROM resource_providers p WHERE uuid = ${normal} FOR UPDATE
    `.execute(tx);
    const [found] = rows;
    if (found === undefined) throw notFound(`No resource provider with uuid ${normal ?? uuid} found for delete`);
    if (found.parent) {
      throw conflict(`Unable to delete parent resource provider ${normal ?? uuid}: It has child resource providers.`, {
        code: 'placement.resource_provider.cannot_delete_parent',
      });
    }
    try {
      if (found.used) throw providerInUse(normal ?? uuid);
      await sql`DELETE FROM inventories WHERE provider_id = ${found.id}`.execute(tx);
      await sql`DELETE FROM resource_providers WHERE id = ${found.id}`.execute(tx);
    } catch (error) {
      throw sqlState(error) === '23503' ? providerInUse(normal ?? uuid) : error;
    }
  });
}

const providerInUse = (uuid: string) =>
  conflict(`Unable to delete resource provider ${uuid}: Resource provider has allocations.`, { code: 'placement.resource_provider.inuse' });

/** Holds a provider for a change of what it has or is and counts its generation up; 409 where `expected` is not the generation. Answers the new one. */
export async function advanceProvider(
  tx: PlacementExecutor,
  provider: { readonly id: number; readonly uuid: string },
  expected: number | null,
): Promise<number> {
  const { rows } = await sql<{ generation: number }>`
    UPDATE resource_providers SET generation = generation + 1, updated_at = now()
    WHERE id = ${provider.id} AND (${expected}::bigint IS NULL OR generation = ${expected})
    RETURNING generation
  `.execute(tx);
  const [row] = rows;
  if (row === undefined) throw providerGenerationConflict();
  return row.generation;
}

/** Holds a provider for a change that its generation does not tell (aggregates before 1.19). */
export const touchProvider = async (tx: PlacementExecutor, id: number): Promise<unknown> =>
  sql`UPDATE resource_providers SET updated_at = now() WHERE id = ${id}`.execute(tx);
