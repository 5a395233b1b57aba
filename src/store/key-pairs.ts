import { sql, type Selectable } from 'kysely';
import { conflict } from '../lib/errors.ts';
import { isDuplicate } from '../lib/sql/database.ts';
import type { ApiDatabase } from './stores.ts';
import type { ApiTables } from './tables.ts';

/** A key pair of a user; the private half is never kept. */
export interface KeyPair {
  readonly id: number;
  readonly userId: string;
  readonly name: string;
  readonly type: 'ssh' | 'x509';
  readonly fingerprint: string;
  readonly publicKey: string;
  readonly createdAt: string;
}

const toKeyPair = (row: Selectable<ApiTables['key_pairs']>): KeyPair => ({
  id: row.id,
  userId: row.user_id,
  name: row.name,
  type: row.type as KeyPair['type'],
  fingerprint: row.fingerprint,
  publicKey: row.public_key,
  createdAt: row.created_at,
});

export async function findKeyPair(api: ApiDatabase, userId: string, name: string): Promise<KeyPair | null> {
  const row = await api.selectFrom('key_pairs').selectAll().where('user_id', '=', userId).where('name', '=', name).executeTakeFirst();
  return row === undefined ? null : toKeyPair(row);
}

export async function countKeyPairs(api: ApiDatabase, userId: string): Promise<number> {
  const row = await api
    .selectFrom('key_pairs')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** The key pairs of a user by name, after the marker; null when the marker is none of them. */
export async function listKeyPairs(
  api: ApiDatabase,
  userId: string,
  page: { readonly limit: number | null; readonly after: string | null },
): Promise<KeyPair[] | null> {
  if (page.after !== null && (await findKeyPair(api, userId, page.after)) === null) return null;
  const rows = await api
    .selectFrom('key_pairs')
    .selectAll()
    .where('user_id', '=', userId)
    .$if(page.after !== null, (query) => query.where('name', '>', page.after!))
    .orderBy('name')
    .$if(page.limit !== null, (query) => query.limit(page.limit!))
    .execute();
  return rows.map(toKeyPair);
}

/** Adds a key pair, unless the user has `atMost` already (-1: as many as they like): null then. One user's requests wait for each other. */
export async function createKeyPair(api: ApiDatabase, key: Omit<KeyPair, 'id' | 'createdAt'>, atMost: number): Promise<KeyPair | null> {
  try {
    return await api.transaction().execute(async (tx) => {
      if (atMost >= 0) {
        await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`key pairs of ${key.userId}`}, 0))`.execute(tx);
        if ((await countKeyPairs(tx, key.userId)) >= atMost) return null;
      }
      const row = await tx
        .insertInto('key_pairs')
        .values({ user_id: key.userId, name: key.name, type: key.type, fingerprint: key.fingerprint, public_key: key.publicKey })
        .returningAll()
        .executeTakeFirstOrThrow();
      return toKeyPair(row);
    });
  } catch (error) {
    if (isDuplicate(error)) throw conflict(`Key pair '${key.name}' already exists.`);
    throw error;
  }
}

/** Answers whether there was one. */
export async function deleteKeyPair(api: ApiDatabase, userId: string, name: string): Promise<boolean> {
  const { numDeletedRows } = await api.deleteFrom('key_pairs').where('user_id', '=', userId).where('name', '=', name).executeTakeFirst();
  return numDeletedRows > 0n;
}
