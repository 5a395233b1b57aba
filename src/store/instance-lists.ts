import { sql, type ExpressionBuilder, type ExpressionWrapper, type Selectable, type SqlBool } from 'kysely';
import { instanceNotFound } from '../domain/faults.ts';
import type { Executor } from '../lib/sql/database.ts';
import { patiently } from '../lib/sql/patiently.ts';
import { toInstance, type LocatedInstance } from './instances.ts';
import type { Cell, Stores } from './stores.ts';
import type { CellTables, InstanceRow } from './tables.ts';

export type InstanceCondition = (eb: ExpressionBuilder<CellTables, 'instances'>) => ExpressionWrapper<CellTables, 'instances', SqlBool>;

/** Columns a list can be sorted by. */
export type InstanceSortColumn = keyof InstanceRow;

export interface InstanceQuery {
  readonly conditions: readonly InstanceCondition[];
  /** Deleted instances: left out, too, or alone. */
  readonly deleted: 'no' | 'yes' | 'only';
  readonly sort: readonly { readonly column: InstanceSortColumn; readonly direction: 'asc' | 'desc' }[];
  /** Null is no limit. */
  readonly limit: number | null;
  /** The last instance of the page before. */
  readonly after: string | null;
  /** Whether conditions match patterns that users wrote, some of which never end: PostgreSQL then gives up soon (57014). */
  readonly patterned?: boolean;
}

/** One page of instances over all cells, one statement a cell, merged by the sort keys; ends with the id so that the order is total. */
export async function listInstances(stores: Stores, query: InstanceQuery): Promise<LocatedInstance[]> {
  const sort = [...query.sort, { column: 'uuid' as const, direction: query.sort.at(-1)?.direction ?? ('desc' as const) }];
  const marker = query.after === null ? null : await markerRow(stores, query.after);
  const pages = await Promise.all(
    stores.cells().map(async (cell) => (await pageOfCell(cell, query, sort, marker)).map((row) => ({ row, cellId: cell.id }))),
  );
  const merged = pages.length === 1 ? pages[0]! : once(pages.flat(), stores.cell0.id).toSorted((a, b) => compareRows(a.row, b.row, sort));
  const page = query.limit === null ? merged : merged.slice(0, query.limit);
  return page.map(({ row, cellId }) => ({ instance: toInstance(row, cellId === stores.cell0.id), cellId }));
}

/** An instance that is just leaving cell0 may be in both cells for a moment; then the other one has the word. */
function once(found: readonly { readonly row: Row; readonly cellId: string }[], cell0: string) {
  const placed = new Set(found.flatMap(({ row, cellId }) => (cellId === cell0 ? [] : [row.uuid])));
  return found.filter(({ row, cellId }) => cellId !== cell0 || !placed.has(row.uuid));
}

type Sort = readonly { readonly column: InstanceSortColumn; readonly direction: 'asc' | 'desc' }[];
type Row = Selectable<InstanceRow>;

async function markerRow(stores: Stores, id: string): Promise<Row> {
  const mapping = await stores.api.selectFrom('instance_mappings').select('cell_id').where('instance_id', '=', id).executeTakeFirst();
  const row = mapping && (await stores.cell(mapping.cell_id).selectFrom('instances').selectAll().where('uuid', '=', id).executeTakeFirst());
  if (row === undefined) throw instanceNotFound(id);
  return row;
}

async function pageOfCell(cell: Cell, query: InstanceQuery, sort: Sort, marker: Row | null): Promise<Row[]> {
  if (query.patterned !== true) return selectPage(cell.database, query, sort, marker);
  return patiently(cell.database, (tx) => selectPage(tx, query, sort, marker));
}

function selectPage(database: Executor<CellTables>, query: InstanceQuery, sort: Sort, marker: Row | null): Promise<Row[]> {
  let select = database.selectFrom('instances').selectAll();
  if (query.deleted === 'no') select = select.where('deleted_at', 'is', null);
  if (query.deleted === 'only')
    select = select.where((eb) => eb.or([eb('deleted_at', 'is not', null), eb('vm_state', '=', 'soft-delete')]));
  for (const condition of query.conditions) select = select.where((eb) => condition(eb));
  if (marker !== null) select = select.where((eb) => afterMarker(eb, sort, marker));
  for (const { column, direction } of sort)
    select = select.orderBy(column, (order) => (direction === 'asc' ? order.asc().nullsFirst() : order.desc().nullsLast()));
  if (query.limit !== null) select = select.limit(query.limit);
  return select.execute();
}

/** Strictly after the marker in the sort order, nulls coming first in ascending order. */
function afterMarker(
  eb: ExpressionBuilder<CellTables, 'instances'>,
  sort: Sort,
  marker: Row,
): ExpressionWrapper<CellTables, 'instances', SqlBool> {
  const same = ({ column }: Sort[number]) => (marker[column] === null ? eb(column, 'is', null) : eb(column, '=', marker[column] as never));
  const beyond = ({ column, direction }: Sort[number]) => {
    const value = marker[column];
    if (direction === 'asc') return value === null ? eb(column, 'is not', null) : eb(column, '>', value as never);
    return value === null ? sql<SqlBool>`false` : eb.or([eb(column, '<', value as never), eb(column, 'is', null)]);
  };
  return eb.or(sort.map((key, index) => eb.and([...sort.slice(0, index).map(same), beyond(key)]))) as never;
}

function compareRows(a: Row, b: Row, sort: Sort): number {
  for (const { column, direction } of sort) {
    const [left, right] = [a[column], b[column]];
    if (left === right) continue;
    const order = left === null ? -1 : right === null ? 1 : left < right ? -1 : 1;
    return direction === 'asc' ? order : -order;
  }
  return 0;
}
