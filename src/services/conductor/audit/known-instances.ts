import { sql } from 'kysely';
import { isUuid } from '../../../lib/ids.ts';
import type { CellDatabase, Stores } from '../../../store/stores.ts';

/** As much of an instance as audits compare. */
export interface KnownInstance {
  readonly id: string;
  readonly cellId: string;
  readonly host: string | null;
  readonly node: string | null;
  readonly vmState: string;
  readonly taskState: string | null;
  readonly reservationId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly epoch: number;
  /** Deleted ones are known, too, until their rows are purged. */
  readonly live: boolean;
}

/** Rows one statement reads. */
const pageSize = 5000;
const columns = [
  'uuid',
  'host',
  'node',
  'vm_state',
  'task_state',
  'reservation_id',
  'project_id',
  'user_id',
  'epoch',
  'deleted_at',
] as const;

const rowsOf = (database: CellDatabase) => database.selectFrom('instances').select(columns);
type Row = Awaited<ReturnType<ReturnType<typeof rowsOf>['execute']>>[number];

const toKnown = (row: Row, cellId: string): KnownInstance => ({
  id: row.uuid,
  cellId,
  host: row.host,
  node: row.node,
  vmState: row.vm_state,
  taskState: row.task_state,
  reservationId: row.reservation_id,
  projectId: row.project_id,
  userId: row.user_id,
  epoch: row.epoch,
  live: row.deleted_at === null,
});

/** The live instances of one cell, by id, page by page. */
export async function* liveInstances(cell: {
  readonly id: string;
  readonly database: CellDatabase;
}): AsyncGenerator<readonly KnownInstance[]> {
  for (let last = '00000000-0000-0000-0000-000000000000'; ;) {
    const rows = await rowsOf(cell.database)
      .where('deleted_at', 'is', null)
      .where('uuid', '>', last)
      .orderBy('uuid')
      .limit(pageSize)
      .execute();
    if (rows.length > 0) yield rows.map((row) => toKnown(row, cell.id));
    if (rows.length < pageSize) return;
    last = rows.at(-1)!.uuid;
  }
}

/** What the cells know of these ids: one entry for each cell that has one, deleted ones included. Words that are no ids are in no cell. */
export async function knownInstances(stores: Stores, ids: Iterable<string>): Promise<ReadonlyMap<string, readonly KnownInstance[]>> {
  const known = new Map<string, KnownInstance[]>();
  for (const page of pagesOf([...new Set(ids)].filter(isUuid))) {
    for (const { id: cellId, database } of stores.cells()) {
      const rows = await rowsOf(database)
        .where(sql<boolean>`uuid = ANY(${page}::uuid[])`)
        .execute();
      for (const row of rows) known.set(row.uuid, [...(known.get(row.uuid) ?? []), toKnown(row, cellId)]);
    }
  }
  return known;
}

/** Parts of a list that one statement takes. */
export function pagesOf<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / pageSize) }, (_, page) => all.slice(page * pageSize, (page + 1) * pageSize));
}
