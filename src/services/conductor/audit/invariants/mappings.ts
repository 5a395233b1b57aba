import type { Stores } from '../../../../store/stores.ts';
import type { Finding, Invariant } from '../invariant.ts';
import { knownInstances } from '../known-instances.ts';

/** A mapping is written before its server; so old, it should have one. */
export const mappingGraceMs = 300_000;
const pageSize = 5000;

export const mappings: Invariant = {
  name: 'mapping-has-server',
  says: 'A mapping older than five minutes names the cell its server is in.',
  async check({ deps }) {
    const { stores } = deps;
    const before = new Date(deps.clock.now() - mappingGraceMs).toISOString();
    const names = new Map(stores.cells().map(({ id, name }) => [id, name]));
    const found: Finding[] = [];
    for (let last = '00000000-0000-0000-0000-000000000000', full = true; full;) {
      const page = await stores.api
        .selectFrom('instance_mappings')
        .select(['instance_id', 'cell_id'])
        .where('instance_id', '>', last)
        .where('created_at', '<', before)
        .orderBy('instance_id')
        .limit(pageSize)
        .execute();
      const known = await knownInstances(
        stores,
        page.map(({ instance_id }) => instance_id),
      );
      for (const { instance_id: id, cell_id } of page) {
        const cells = known.get(id) ?? [];
        if (cells.some(({ cellId }) => cellId === cell_id)) continue;
        const [place] = cells;
        found.push({
          subject: `mapping ${id}`,
          what:
            place === undefined
              ? 'Its server is in no cell.'
              : `It says ${names.get(cell_id)}; its server is in ${names.get(place.cellId)}.`,
          repair: place === undefined ? 'Remove it, with the request it was made for.' : 'Let it say where the server is.',
          excusedBy: [id],
          mend: () => (place === undefined ? removeMapping(stores, id) : pointTo(stores, id, { from: cell_id, to: place.cellId })),
        });
      }
      full = page.length === pageSize;
      last = page.at(-1)?.instance_id ?? last;
    }
    return found;
  },
};

async function removeMapping(stores: Stores, id: string): Promise<void> {
  await stores.api.transaction().execute(async (tx) => {
    await tx.deleteFrom('request_specs').where('instance_id', '=', id).execute();
    await tx.deleteFrom('server_group_members').where('instance_id', '=', id).execute();
    await tx.deleteFrom('instance_mappings').where('instance_id', '=', id).execute();
  });
}

async function pointTo(stores: Stores, id: string, { from, to }: { readonly from: string; readonly to: string }): Promise<void> {
  await stores.api
    .updateTable('instance_mappings')
    .set({ cell_id: to })
    .where('instance_id', '=', id)
    .where('cell_id', '=', from)
    .execute();
}
