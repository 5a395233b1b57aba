import { sql } from 'kysely';
import type { Stores } from '../../../../store/stores.ts';
import type { Finding, Invariant } from '../invariant.ts';
import { liveInstances } from '../known-instances.ts';

export const oneCell: Invariant = {
  name: 'one-cell',
  says: 'A server is in one cell.',
  async check({ deps: { stores } }) {
    const found: Finding[] = [];
    const cells = stores.cells();
    for (const [index, cell] of cells.entries()) {
      const others = cells.filter(({ id }) => id !== cell.id);
      for await (const page of others.length === 0 ? [] : liveInstances(cell)) {
        const ids = page.map(({ id }) => id);
        for (const other of others) {
          const twice = await other.database
            .selectFrom('instances')
            .select(['uuid', 'deleted_at'])
            .where(sql<boolean>`uuid = ANY(${ids}::uuid[])`)
            .execute();
          for (const { uuid, deleted_at } of twice) {
            if (deleted_at === null && cells.indexOf(other) < index) continue; // found from the other side
            const left = [cell, other].find(({ id }) => id === stores.cell0.id);
            const stays = left === cell ? other : cell;
            found.push({
              subject: `server ${uuid}`,
              what: `It is in ${cell.name} and ${deleted_at === null ? '' : 'as a deleted one '}in ${other.name}.`,
              repair:
                left === undefined
                  ? 'Remove the row of the cell that its mapping does not name.'
                  : `Remove it from ${left.name}, which it has left, once its mapping says ${stays.name}.`,
              excusedBy: [uuid],
              ...(left === undefined ? {} : { mend: () => leaveCell0(stores, uuid, stays.id) }),
            });
          }
        }
      }
    }
    return found;
  },
};

/** Ends a move out of cell0 that stopped half-way: what is mapped to its new cell is in the old one no longer. */
async function leaveCell0(stores: Stores, id: string, cellId: string): Promise<void> {
  await stores.cell0.database.transaction().execute(async (tx) => {
    await tx.selectFrom('instances').select('uuid').where('uuid', '=', id).forUpdate().execute();
    await stores.api
      .updateTable('instance_mappings')
      .set({ cell_id: cellId })
      .where('instance_id', '=', id)
      .where('cell_id', '=', stores.cell0.id)
      .execute();
    await tx.deleteFrom('instance_actions').where('instance_id', '=', id).execute();
    await tx.deleteFrom('instances').where('uuid', '=', id).execute();
  });
}
