import { sql } from 'kysely';
import type { Stores } from '../../../store/stores.ts';
import { knownInstances } from './known-instances.ts';

/** When something began, by the clock of each cell's database. */
export type Moments = ReadonlyMap<string, string>;

/** Now, or rather a second ago: a statement bears the time of its beginning. */
export async function nowIn(stores: Stores): Promise<Moments> {
  const entries = await Promise.all(
    stores.cells().map(async ({ id, database }) => {
      const { rows } = await sql<{ now: string }>`SELECT now() - interval '1 second' AS now`.execute(database);
      return [id, rows[0]!.now] as const;
    }),
  );
  return new Map(entries);
}

/** Which of these servers and reservations something was being done to at any time since, by other operations than `endedSaga`. */
export async function operationsUnderWay(
  stores: Stores,
  ids: readonly string[],
  since: Moments,
  endedSaga: string | null,
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const known = await knownInstances(stores, ids);
  const reservations = new Map([...known.values()].flat().map(({ id, reservationId }) => [id, reservationId]));
  const subjects = [...new Set([...ids, ...reservations.values()])];
  const busy = new Set<string>();
  for (const { id, database } of stores.cells()) {
    const { rows } = await sql<{ subject: string; instances: readonly string[] | null }>`
      SELECT subject, params->'instanceIds' AS instances FROM sagas WHERE state IN ('running', 'unwinding') AND id IS DISTINCT FROM ${endedSaga}
      UNION ALL
      SELECT subject, params->'instanceIds' FROM sagas WHERE subject = ANY(${subjects}) AND updated_at >= ${since.get(id) ?? 'epoch'} AND id IS DISTINCT FROM ${endedSaga}`.execute(
      database,
    );
    for (const { subject, instances } of rows) for (const word of [subject, ...(instances ?? [])]) busy.add(word);
  }
  return new Set(ids.filter((id) => busy.has(id) || busy.has(reservations.get(id) ?? '')));
}
