import { sql } from 'kysely';
import type { Finding, Invariant } from '../invariant.ts';
import { liveInstances } from '../known-instances.ts';

export const mappedInstances: Invariant = {
  name: 'server-has-mapping',
  says: 'A server has a mapping, without which nobody would find it.',
  async check({ deps: { stores } }) {
    const found: Finding[] = [];
    for (const cell of stores.cells()) {
      for await (const page of liveInstances(cell)) {
        const ids = page.map(({ id }) => id);
        const mapped = await stores.api
          .selectFrom('instance_mappings')
          .select('instance_id')
          .where(sql<boolean>`instance_id = ANY(${ids}::uuid[])`)
          .execute();
        const known = new Set(mapped.map(({ instance_id }) => instance_id));
        for (const { id, projectId, userId } of page.filter((instance) => !known.has(instance.id))) {
          found.push({
            subject: `server ${id}`,
            what: `It is in ${cell.name} and has no mapping: the API does not find it.`,
            repair: `Map it to ${cell.name}.`,
            excusedBy: [id],
            mend: async () => {
              const mapping = { instance_id: id, project_id: projectId, user_id: userId, cell_id: cell.id };
              await stores.api
                .insertInto('instance_mappings')
                .values(mapping)
                .onConflict((conflict) => conflict.doNothing())
                .execute();
            },
          });
        }
      }
    }
    return found;
  },
};
