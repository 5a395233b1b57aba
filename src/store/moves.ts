import { sql, type ExpressionBuilder, type Selectable } from 'kysely';
import type { InstanceId } from '../domain/instance.ts';
import { endedMoves, type Move, type MoveProgress, type MoveStatus, type MoveType } from '../domain/move.ts';
import type { Executor } from '../lib/sql/database.ts';
import type { Stores } from './stores.ts';
import type { CellTables } from './tables.ts';

/** A move with the cell it is in. */
export interface LocatedMove extends Move {
  readonly cellId: string;
}

const toMove = (row: Selectable<CellTables['migrations']>): Move => ({
  rowId: row.id,
  id: row.uuid,
  instanceId: row.instance_id as InstanceId,
  projectId: row.project_id,
  userId: row.user_id,
  type: row.type as MoveType,
  status: row.status as MoveStatus,
  sourceHost: row.source_host,
  sourceNode: row.source_node,
  destHost: row.dest_host,
  destNode: row.dest_node,
  destIp: row.dest_ip,
  oldFlavorId: row.old_flavor_id,
  newFlavorId: row.new_flavor_id,
  hidden: row.hidden,
  progress:
    row.memory_total === null
      ? null
      : {
          memoryTotal: row.memory_total,
          memoryProcessed: row.memory_processed ?? 0,
          memoryRemaining: row.memory_remaining ?? 0,
          diskTotal: row.disk_total ?? 0,
          diskProcessed: row.disk_processed ?? 0,
          diskRemaining: row.disk_remaining ?? 0,
        },
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export type NewMove = Pick<Move, 'id' | 'instanceId' | 'projectId' | 'userId' | 'type' | 'status' | 'sourceHost' | 'sourceNode'> &
  Partial<Pick<Move, 'oldFlavorId' | 'newFlavorId'>>;

/** Writes a move down; one that is known already is left alone. Answers it as it is then. */
export async function insertMove(tx: Executor<CellTables>, move: NewMove): Promise<Move> {
  await tx
    .insertInto('migrations')
    .values({
      uuid: move.id,
      instance_id: move.instanceId,
      project_id: move.projectId,
      user_id: move.userId,
      type: move.type,
      status: move.status,
      source_host: move.sourceHost,
      source_node: move.sourceNode,
      old_flavor_id: move.oldFlavorId ?? null,
      new_flavor_id: move.newFlavorId ?? null,
    })
    .onConflict((conflict) => conflict.column('uuid').doNothing())
    .execute();
  return toMove(await tx.selectFrom('migrations').selectAll().where('uuid', '=', move.id).executeTakeFirstOrThrow());
}

/** What changes of a move. */
export interface MoveChanges {
  readonly status?: MoveStatus;
  readonly destHost?: string | null;
  readonly destNode?: string | null;
  readonly destIp?: string | null;
  readonly progress?: MoveProgress;
}

/** Changes a move; null when it is not there, or not in one of the expected statuses. */
export async function updateMove(
  tx: Executor<CellTables>,
  id: string,
  changes: MoveChanges,
  whileStatus?: readonly MoveStatus[],
): Promise<Move | null> {
  const { status, destHost, destNode, destIp, progress } = changes;
  const row = await tx
    .updateTable('migrations')
    .set({
      ...(status === undefined ? {} : { status }),
      ...(destHost === undefined ? {} : { dest_host: destHost }),
      ...(destNode === undefined ? {} : { dest_node: destNode }),
      ...(destIp === undefined ? {} : { dest_ip: destIp }),
      ...(progress === undefined
        ? {}
        : {
            memory_total: progress.memoryTotal,
            memory_processed: progress.memoryProcessed,
            memory_remaining: progress.memoryRemaining,
            disk_total: progress.diskTotal,
            disk_processed: progress.diskProcessed,
            disk_remaining: progress.diskRemaining,
          }),
      updated_at: new Date(),
    })
    .where('uuid', '=', id)
    .$if(whileStatus !== undefined, (query) => query.where('status', 'in', whileStatus!))
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : toMove(row);
}

export async function findMove(tx: Executor<CellTables>, by: { readonly id: string } | { readonly rowId: number }): Promise<Move | null> {
  const row = await tx
    .selectFrom('migrations')
    .selectAll()
    .where((eb) => ('id' in by ? eb('uuid', '=', by.id) : eb('id', '=', by.rowId)))
    .executeTakeFirst();
  return row === undefined ? null : toMove(row);
}

/** The moves of an instance in these statuses, oldest first; all that have not ended when left out. */
export async function movesOf(tx: Executor<CellTables>, instanceId: string, statuses?: readonly MoveStatus[]): Promise<Move[]> {
  const rows = await tx
    .selectFrom('migrations')
    .selectAll()
    .where('instance_id', '=', instanceId)
    .where((eb) => (statuses === undefined ? eb('status', 'not in', [...endedMoves]) : eb('status', 'in', statuses)))
    .orderBy('id')
    .execute();
  return rows.map(toMove);
}

/** The moves from or to a host that have not ended. */
export async function openMovesOfHost(tx: Executor<CellTables>, side: 'source' | 'dest', host: string): Promise<Move[]> {
  const rows = await tx
    .selectFrom('migrations')
    .selectAll()
    .where(side === 'source' ? 'source_host' : 'dest_host', '=', host)
    .where('status', 'not in', [...endedMoves])
    .orderBy('id')
    .execute();
  return rows.map(toMove);
}

/** All moves of a cell in these statuses; with `before`, those that have not changed since. */
export async function movesIn(tx: Executor<CellTables>, statuses: readonly MoveStatus[], before?: Date): Promise<Move[]> {
  const rows = await tx
    .selectFrom('migrations')
    .selectAll()
    .where('status', 'in', statuses)
    .$if(before !== undefined, (query) => query.where('updated_at', '<', before!.toISOString()))
    .orderBy('id')
    .execute();
  return rows.map(toMove);
}

/** The moves of a cell that have not ended, and so many that have, each newest first. */
export async function openAndEndedMoves(tx: Executor<CellTables>, limit: number): Promise<Move[]> {
  const rows = (ended: boolean) =>
    tx
      .selectFrom('migrations')
      .selectAll()
      .where('status', ended ? 'in' : 'not in', [...endedMoves])
      .orderBy(ended ? 'updated_at' : 'id', 'desc')
      .$if(ended, (query) => query.limit(limit))
      .execute();
  const [open, ended] = await Promise.all([rows(false), rows(true)]);
  return [...open, ...ended].map(toMove);
}

/** What a list of moves is narrowed to. */
export interface MoveQuery {
  readonly hidden: boolean | null;
  /** Its source or its destination. */
  readonly host: string | null;
  readonly sourceHost: string | null;
  readonly instanceId: string | null;
  readonly status: string | null;
  readonly type: string | null;
  readonly userId: string | null;
  readonly projectId: string | null;
  /** Bounds of the last change, ISO 8601. */
  readonly changedSince: string | null;
  readonly changedBefore: string | null;
}

export interface MovePage {
  readonly limit: number | null;
  /** The move before the page. */
  readonly after: string | null;
  /** Oldest first, as clients saw them before there were pages. */
  readonly oldestFirst: boolean;
}

/** Moves of all cells, newest first; null when the marker is none of them. */
export async function listMoves(stores: Stores, query: MoveQuery, page: MovePage): Promise<LocatedMove[] | null> {
  const cells = stores.cells();
  let marker: LocatedMove | null = null;
  if (page.after !== null) {
    for (const { id: cellId, database } of cells) {
      const found: Move | null = await findMove(database, { id: page.after });
      if (found !== null) marker = { ...found, cellId };
    }
    if (marker === null) return null;
  }
  const pages = await Promise.all(
    cells.map(async ({ id: cellId, database }) => {
      const rows = await database
        .selectFrom('migrations')
        .selectAll()
        .where((eb) => eb.and(conditionsOf(eb, query)))
        .$if(marker !== null, (rest) =>
          rest.where(sql<boolean>`(created_at, id, uuid) < (${marker!.createdAt}::timestamptz, ${marker!.rowId}, ${marker!.id}::uuid)`),
        )
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .orderBy('uuid', 'desc')
        .$if(page.limit !== null, (rest) => rest.limit(page.limit!))
        .execute();
      return rows.map((row): LocatedMove => ({ ...toMove(row), cellId }));
    }),
  );
  const newest = pages.flat().toSorted(newestFirst);
  const cut = page.limit === null ? newest : newest.slice(0, page.limit);
  return page.oldestFirst ? cut.toReversed() : cut;
}

const newestFirst = (a: Move, b: Move): number =>
  a.createdAt === b.createdAt ? b.rowId - a.rowId || (a.id < b.id ? 1 : -1) : a.createdAt < b.createdAt ? 1 : -1;

function conditionsOf(eb: ExpressionBuilder<CellTables, 'migrations'>, query: MoveQuery) {
  const equal = [
    ['source_host', query.sourceHost],
    ['instance_id', query.instanceId],
    ['status', query.status],
    ['type', query.type],
    ['user_id', query.userId],
    ['project_id', query.projectId],
  ] as const;
  return [
    ...equal.flatMap(([column, value]) => (value === null ? [] : [eb(column, '=', value)])),
    ...(query.hidden === null ? [] : [eb('hidden', '=', query.hidden)]),
    ...(query.host === null ? [] : [eb.or([eb('source_host', '=', query.host), eb('dest_host', '=', query.host)])]),
    ...(query.changedSince === null ? [] : [eb('updated_at', '>=', query.changedSince)]),
    ...(query.changedBefore === null ? [] : [eb('updated_at', '<=', query.changedBefore)]),
  ];
}
