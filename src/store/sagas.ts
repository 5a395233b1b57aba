import { sql, type Selectable } from 'kysely';
import type { Executor } from '../lib/sql/database.ts';
import { activeStates, type NewSaga, type SagaProgress, type SagaRecord, type SagaState, type SagaStore } from '../lib/saga/store.ts';
import type { CellDatabase } from './stores.ts';
import type { CellTables } from './tables.ts';

const toRecord = (row: Selectable<CellTables['sagas']>): SagaRecord => ({
  id: row.id,
  name: row.name,
  subject: row.subject,
  params: row.params,
  state: row.state as SagaState,
  position: row.position,
  results: row.results,
  failure: row.failure,
  cancelRequested: row.cancel_requested,
  fence: row.fence,
  owner: row.owner,
  leaseUntil: Date.parse(row.lease_until),
  log: row.log,
  waiting: row.waiting,
  createdAt: Date.parse(row.created_at),
  updatedAt: Date.parse(row.updated_at),
});

/** Writes sagas down in the caller's transaction: from its commit on they will be run, whatever dies. One that is known already is left alone. */
export async function insertSagas(tx: Executor<CellTables>, sagas: readonly NewSaga[]): Promise<void> {
  await tx
    .insertInto('sagas')
    .values(sagas.map(({ id, name, subject, params }) => ({ id, name, subject, params: JSON.stringify(params) })))
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

/** Asks the running sagas about a subject to stop and undo themselves, those of `except`'s name and newer ones excluded. */
export async function cancelSagas(tx: Executor<CellTables>, subject: string, options: { readonly exceptName: string }): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('sagas')
    .set({ cancel_requested: true })
    .where('subject', '=', subject)
    .where('state', '=', 'running')
    .where('name', '!=', options.exceptName)
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

/** Asks one saga to stop and undo itself; nothing, when it does not run. */
export async function cancelSaga(tx: Executor<CellTables>, id: string): Promise<void> {
  await tx.updateTable('sagas').set({ cancel_requested: true }).where('id', '=', id).where('state', '=', 'running').execute();
}

/** The sagas about a subject that have not ended. */
export async function activeSagas(
  tx: Executor<CellTables>,
  subject: string,
): Promise<readonly { readonly id: string; readonly name: string; readonly state: SagaState; readonly createdAt: string }[]> {
  const rows = await tx
    .selectFrom('sagas')
    .select(['id', 'name', 'state', 'created_at'])
    .where('subject', '=', subject)
    .where('state', 'in', activeStates)
    .orderBy('created_at')
    .execute();
  return rows.map((row) => ({ id: row.id, name: row.name, state: row.state as SagaState, createdAt: row.created_at }));
}

/** One saga, or the newest ones, for `kilonova inspect saga`. */
export async function findSaga(tx: Executor<CellTables>, id: string): Promise<SagaRecord | null> {
  const row = await tx.selectFrom('sagas').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : toRecord(row);
}

export async function newestSagas(tx: Executor<CellTables>, limit: number, states?: readonly SagaState[]): Promise<SagaRecord[]> {
  const rows = await tx
    .selectFrom('sagas')
    .selectAll()
    .$if(states !== undefined, (query) => query.where('state', 'in', states!))
    .orderBy('created_at', 'desc')
    .limit(limit)
    .execute();
  return rows.map(toRecord);
}

/** Passwords do not outlive the operation that needs them. */
export async function eraseAdminPass(tx: Executor<CellTables>, sagaId: string): Promise<void> {
  await tx
    .updateTable('sagas')
    .set({ params: sql`params - 'adminPass'` as never })
    .where('id', '=', sagaId)
    .execute();
}

/** Keeps a new saga from being run for some time: whoever began it has something to say yet. */
export async function holdSaga(tx: Executor<CellTables>, sagaId: string, ms: number): Promise<void> {
  await tx
    .updateTable('sagas')
    .set({ lease_until: sql<string>`now() + ${ms} * interval '1 millisecond'` })
    .where('id', '=', sagaId)
    .execute();
}

/** Lets a saga run that was held, with more parameters. Nothing, when it runs already: it was held no longer. */
export async function settleSaga(tx: Executor<CellTables>, sagaId: string, params: Readonly<Record<string, unknown>>): Promise<void> {
  await tx
    .updateTable('sagas')
    .set({ params: sql`params || ${JSON.stringify(params)}::jsonb` as never, lease_until: sql<string>`'epoch'` })
    .where('id', '=', sagaId)
    .where('owner', 'is', null)
    .where('state', '=', 'running')
    .execute();
}

/** Ended sagas older than this are forgotten. */
export async function forgetSagas(tx: Executor<CellTables>, endedBefore: Date): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('sagas')
    .where('state', 'not in', activeStates)
    .where('updated_at', '<', endedBefore.toISOString())
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** The sagas of one cell, as the engine uses them. Leases run on the database's clock, the one clock all conductors share. */
export function cellSagaStore(database: CellDatabase): SagaStore {
  const until = (ms: number) => sql<string>`now() + ${ms} * interval '1 millisecond'`;
  return {
    async claim(owner, leaseMs, limit) {
      const rows = await database
        .updateTable('sagas')
        .set((eb) => ({ owner, lease_until: until(leaseMs), fence: eb('fence', '+', 1) }))
        .where('id', 'in', (eb) =>
          eb
            .selectFrom('sagas')
            .select('id')
            .where('state', 'in', activeStates)
            .where('lease_until', '<=', sql<string>`now()`)
            .orderBy('lease_until')
            .limit(limit)
            .forUpdate()
            .skipLocked(),
        )
        .returningAll()
        .returning(sql<number>`(extract(epoch FROM now() - created_at) * 1000)::float8`.as('age_ms'))
        .execute();
      return rows.map((row) => ({ ...toRecord(row), ageMs: row.age_ms }));
    },
    async renew(owner, held, leaseMs) {
      const rows = await sql<{ id: string; cancel_requested: boolean }>`
        UPDATE sagas SET lease_until = ${until(leaseMs)}
        FROM unnest(${held.map(({ id }) => id)}::uuid[], ${held.map(({ fence }) => fence)}::bigint[]) AS mine (id, fence)
        WHERE sagas.id = mine.id AND sagas.fence = mine.fence AND sagas.owner = ${owner}
        RETURNING sagas.id, sagas.cancel_requested`.execute(database);
      return new Map(rows.rows.map((row) => [row.id, { cancelRequested: row.cancel_requested }]));
    },
    advance(id, fence, progress, alongside = []) {
      if (alongside.length === 0) return logProgress(database, id, fence, progress);
      return database.transaction().execute(async (tx) => {
        // the fence first: it locks the saga, so that no other conductor takes it over meanwhile
        if (!(await logProgress(tx, id, fence, progress))) return false;
        for (const write of alongside) await write(tx as never);
        return true;
      });
    },
    async note(id, fence, waiting) {
      await database
        .updateTable('sagas')
        .set({ waiting: JSON.stringify(waiting) })
        .where('id', '=', id)
        .where('fence', '=', fence)
        .execute();
    },
    async release(id, fence, afterMs) {
      await database
        .updateTable('sagas')
        .set({ owner: null, lease_until: until(afterMs) })
        .where('id', '=', id)
        .where('fence', '=', fence)
        .execute();
    },
  };
}

/** Writes progress and its log line where the fence still stands. */
async function logProgress(
  tx: Executor<CellTables>,
  id: string,
  fence: number,
  { state, position, results, failure, line }: SagaProgress,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('sagas')
    .set({
      state,
      position,
      results: sql`results || ${JSON.stringify(results ?? {})}::jsonb`,
      ...(failure === undefined ? {} : { failure: JSON.stringify(failure) }),
      log: sql`log || ${JSON.stringify([line])}::jsonb`,
      waiting: null,
      updated_at: sql`now()`,
    })
    .where('id', '=', id)
    .where('fence', '=', fence)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
