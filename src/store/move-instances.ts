import type { Executor } from '../lib/sql/database.ts';
import type { Stores } from './stores.ts';
import type { CellTables } from './tables.ts';

/** Columns that hold lists of texts, not JSON. */
const textLists = new Set(['tags', 'addresses', 'security_groups']);

/** A row as it is written: JSON columns as text again. */
const rewritten = (row: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      value !== null && typeof value === 'object' && !textLists.has(key) ? JSON.stringify(value) : value,
    ]),
  );

/**
 * Moves live instances with their actions from cell0 to another cell. May be cut off anywhere and run again: the mapping names the new cell
 * before anything is there to be found, so that a row in the new cell is always the one that counts, and a row that was left in cell0 counts as
 * long as there is no other. `also` writes into the new cell in the same transaction. Rows are locked in cell0 until they are gone from it.
 */
export async function moveInstances(
  stores: Stores,
  move: {
    readonly ids: readonly string[];
    readonly to: string;
    readonly also: (tx: Executor<CellTables>) => Promise<void>;
  },
): Promise<void> {
  await stores.cell0.database.transaction().execute(async (old) => {
    const rows = await old
      .selectFrom('instances')
      .selectAll()
      .where('uuid', 'in', move.ids)
      .where('deleted_at', 'is', null)
      .forUpdate()
      .execute();
    const ids = rows.map((row) => row.uuid);
    const actions =
      ids.length === 0 ? [] : await old.selectFrom('instance_actions').selectAll().where('instance_id', 'in', ids).orderBy('id').execute();
    if (ids.length > 0)
      await stores.api.updateTable('instance_mappings').set({ cell_id: move.to }).where('instance_id', 'in', ids).execute();
    await stores
      .cell(move.to)
      .transaction()
      .execute(async (fresh) => {
        if (rows.length > 0) {
          const inserted = await fresh
            .insertInto('instances')
            .values(rows.map(({ id: _rowId, kernel_id: _kernel, ramdisk_id: _ramdisk, ...row }) => rewritten(row)) as never)
            .onConflict((conflict) => conflict.column('uuid').doNothing())
            .returning('uuid')
            .execute();
          const moved = new Set(inserted.map((row) => row.uuid));
          const theirs = actions.filter((action) => moved.has(action.instance_id)).map(({ id: _id, ...action }) => rewritten(action));
          if (theirs.length > 0)
            await fresh
              .insertInto('instance_actions')
              .values(theirs as never)
              .execute();
        }
        await move.also(fresh);
      });
    if (ids.length === 0) return;
    await old.deleteFrom('instance_actions').where('instance_id', 'in', ids).execute();
    await old.deleteFrom('instances').where('uuid', 'in', ids).execute();
  });
}
