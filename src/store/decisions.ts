import { sql } from 'kysely';
import type { Decision } from '../domain/decision.ts';
import { isUuid } from '../lib/ids.ts';
import type { ApiDatabase } from './stores.ts';

/** Writes decisions down, many in one statement; one that is there already stays as it is. */
export async function insertDecisions(api: ApiDatabase, decisions: readonly Decision[]): Promise<void> {
  if (decisions.length === 0) return;
  await api
    .insertInto('decisions')
    .values(
      decisions.map((decision) => ({
        id: decision.id,
        at: decision.at,
        request_id: decision.requestId,
        instance_ids: [...decision.instanceIds],
        found: decision.found,
        decision: JSON.stringify(decision),
      })),
    )
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

/** The decision of this id, or the last one about a server or a request of it; null when there is none. */
export async function findDecision(api: ApiDatabase, id: string): Promise<Decision | null> {
  const row = await api
    .selectFrom('decisions')
    .select('decision')
    .where((eb) =>
      isUuid(id) ? eb.or([eb('id', '=', id), sql<boolean>`instance_ids @> ARRAY[${id}]::uuid[]`]) : eb('request_id', '=', id),
    )
    .orderBy('at', 'desc')
    .executeTakeFirst();
  return row?.decision ?? null;
}

/** The newest decisions; only those that found no place when `failed`. */
export async function newestDecisions(
  api: ApiDatabase,
  { limit, failed }: { readonly limit: number; readonly failed: boolean },
): Promise<readonly Decision[]> {
  const rows = await api
    .selectFrom('decisions')
    .select('decision')
    .$if(failed, (query) => query.where('found', '=', false))
    .orderBy('at', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ decision }) => decision);
}

/** Removes decisions older than a moment; answers how many. */
export async function forgetDecisions(api: ApiDatabase, before: Date): Promise<number> {
  const { numDeletedRows } = await api.deleteFrom('decisions').where('at', '<', before.toISOString()).executeTakeFirst();
  return Number(numDeletedRows);
}
