import { sql } from 'kysely';
import type { Stores } from '../../../../store/stores.ts';
import type { Finding, Invariant } from '../invariant.ts';
import { liveInstances } from '../known-instances.ts';

export const oneCell: Invariant = {
  name: 'one-cell',
  says: 'A server is in one cell.',
  async check({ deps: { stores } }) {
    const found: Finding[] = [];
    for (const [index, cell] of stores.cells().entries()) {
      const others = stores.cells().slice(index + 1);
      for await (const page of others.length === 0 ? [] : liveInstances(cell)) {
        const ids = page.map(({ id }) => id);
        for (const other of others) {
          const twice = await other.database
            .selectFrom('instances')
            .select('uuid')
            .where(sql<boolean>`uuid = ANY(${ids}::uuid[])`)
            .execute();
          for (const { uuid } of twice) {
            const inCell0 = cell.id === stores.cell0.id;
            found.push({
              subject: `server ${uuid}`,
              what: `It is in ${cell.name} and in ${other.name}.`,
              repair: inCell0
                ? `Remove it from ${cell.name}, which it has left, once its mapping says ${other.name}.`
                : 'Remove the row of the cell that its mapping does not name.',
              excusedBy: [uuid],
              ...(inCell0 ? { mend: () => leaveCell0(stores, uuid, other.id) } : {}),
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
