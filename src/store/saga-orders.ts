import { sql } from 'kysely';
import type { Executor } from '../lib/sql/database.ts';
import { activeStates, type SagaLogLine, type SagaProgress, type SagaRecord } from '../lib/saga/store.ts';
import type { CellTables } from './tables.ts';

/** Takes a saga from whoever holds it, so that it is tried anew at once; answers whether it was there to be taken. */
export async function takeSagaAway(tx: Executor<CellTables>, { id, fence }: SagaRecord): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('sagas')
    .set((eb) => ({ owner: null, lease_until: sql<string>`'epoch'`, fence: eb('fence', '+', 1), waiting: null }))
    .where('id', '=', id)
    .where('fence', '=', fence)
    .where('state', 'in', activeStates)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Has a saga undo itself, if it still is where it was seen. */
export async function askToUndo(tx: Executor<CellTables>, { id, position }: SagaRecord): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('sagas')
    .set({ cancel_requested: true })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .where('position', '=', position)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Writes an operator's will in the place of what its owner would have written, if it still is where it was seen. An ended one forgets its password. */
export async function overruleSaga(
  tx: Executor<CellTables>,
  { id, state, position }: SagaRecord,
  to: Pick<SagaProgress, 'state' | 'position' | 'results'> & { readonly line: SagaLogLine },
): Promise<boolean> {
  const ends = !activeStates.some((active) => active === to.state);
  const { numUpdatedRows } = await tx
    .updateTable('sagas')
    .set((eb) => ({
      state: to.state,
      position: to.position,
      results: sql`results || ${JSON.stringify(to.results ?? {})}::jsonb` as never,
      log: sql`log || ${JSON.stringify([to.line])}::jsonb` as never,
      ...(ends ? { params: sql`params - 'adminPass'` as never } : {}),
      waiting: null,
      owner: null,
      lease_until: sql<string>`'epoch'`,
      fence: eb('fence', '+', 1),
      updated_at: sql<string>`now()`,
    }))
    .where('id', '=', id)
    .where('state', '=', state)
    .where('position', '=', position)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
