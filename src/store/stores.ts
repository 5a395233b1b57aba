import { migrate, openDatabase, type Database } from '../lib/sql/database.ts';
import { internal } from '../lib/errors.ts';
import { apiMigrations } from './migrations/api.ts';
import { cellMigrations } from './migrations/cell.ts';
import type { ApiTables, CellTables } from './tables.ts';

export type ApiDatabase = Database<ApiTables>;
export type CellDatabase = Database<CellTables>;

export interface Cell {
  readonly id: string;
  readonly name: string;
  readonly disabled: boolean;
  readonly database: CellDatabase;
}

/** The control plane's databases: one for the cloud, one for each cell. */
export interface Stores {
  readonly api: ApiDatabase;
  /** The database of a cell; throws for an id that is none. */
  cell(id: string): CellDatabase;
  /** All cells, cell0 first. */
  cells(): readonly Cell[];
  /** The cells that hosts are in: all but cell0. */
  hostCells(): readonly Cell[];
  /** Holds instances that are not in any other cell: still to be scheduled, or never to be. */
  readonly cell0: Cell;
  /** Where new hosts go. */
  readonly defaultCell: Cell;
  close(): Promise<void>;
}

/** As Nova numbers it: the cell of what was never scheduled. */
export const cell0Id = '00000000-0000-0000-0000-000000000000';
export const cell1Id = '00000000-0000-0000-0000-000000000001';

/** Opens and migrates the databases. Cells that are named here and not yet known are added; others come from the API database. */
export async function openStores(urls: {
  readonly api: string;
  readonly cell0: string;
  readonly cell1: string;
  readonly maxConnections?: number;
  readonly onStatement?: (text: string) => void;
}): Promise<Stores> {
  const limit = {
    ...(urls.maxConnections === undefined ? {} : { maxConnections: urls.maxConnections }),
    ...(urls.onStatement === undefined ? {} : { onStatement: urls.onStatement }),
  };
  const api = openDatabase<ApiTables>(urls.api, { name: 'kilonova api', ...limit });
  await migrate(api, apiMigrations);
  for (const cell of [
    { id: cell0Id, name: 'cell0', database_url: urls.cell0 },
    { id: cell1Id, name: 'cell1', database_url: urls.cell1 },
  ]) {
    await api
      .insertInto('cells')
      .values(cell)
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ database_url: cell.database_url }))
      .execute();
  }
  const rows = await api.selectFrom('cells').selectAll().orderBy('id').execute();
  const cells: Cell[] = await Promise.all(
    rows.map(async (row) => {
      const database = openDatabase<CellTables>(row.database_url, { name: `kilonova ${row.name}`, ...limit });
      await migrate(database, cellMigrations);
      return { id: row.id, name: row.name, disabled: row.disabled, database };
    }),
  );
  return storesOver(api, cells);
}

/** The stores of databases that are open and migrated: that of the cloud, and those of the cells, cell0 first. */
export function storesOver(api: ApiDatabase, cells: readonly Cell[]): Stores {
  const hostCells = cells.filter(({ id }) => id !== cell0Id);
  const byId = new Map(cells.map((cell) => [cell.id, cell]));
  const named = (id: string): Cell => {
    const cell = byId.get(id);
    if (cell === undefined) throw internal(`There is no cell ${id}.`);
    return cell;
  };
  return {
    api,
    cell: (id) => named(id).database,
    cells: () => cells,
    hostCells: () => hostCells,
    cell0: named(cell0Id),
    defaultCell: hostCells.find(({ disabled }) => !disabled) ?? named(cell1Id),
    async close() {
      await Promise.all([api.destroy(), ...cells.map((cell) => cell.database.destroy())]);
    },
  };
}
