import { sql } from 'kysely';
import { endedMoves } from '../domain/move.ts';
import { isUuid } from '../lib/ids.ts';
import type { Stores } from './stores.ts';

/** Which of these ids may hold resources: those of servers that are not deleted, and of moves that have not ended. */
export async function consumersThatAre(stores: Stores, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const uuids = ids.filter(isUuid);
  if (uuids.length === 0) return new Set();
  const pages = await Promise.all(
    stores.cells().map(async ({ database }) => {
      const { rows } = await sql<{ uuid: string }>`
        SELECT uuid FROM instances WHERE uuid = ANY (${uuids}::uuid[]) AND deleted_at IS NULL
        UNION SELECT uuid FROM migrations WHERE uuid = ANY (${uuids}::uuid[]) AND status <> ALL (${[...endedMoves]}::text[])
      `.execute(database);
      return rows.map(({ uuid }) => uuid);
    }),
  );
  return new Set(pages.flat());
}
