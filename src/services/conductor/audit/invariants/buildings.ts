import type { Invariant } from '../invariant.ts';
import { failLost } from './tasks.ts';

const hourMs = 3_600_000;

/** A build that nobody goes on with; those in a task state are found as such. */
export const buildings: Invariant = {
  name: 'build-goes-on',
  says: 'A server that has been building for an hour has an operation that has not ended.',
  async check({ deps }) {
    const before = new Date(deps.clock.now() - hourMs);
    const pages = await Promise.all(
      deps.stores.cells().map(async ({ id: cellId, database }) => {
        const rows = await database
          .selectFrom('instances')
          .select('uuid')
          .where('vm_state', '=', 'building')
          .where('task_state', 'is', null)
          .where('deleted_at', 'is', null)
          .where('created_at', '<', before.toISOString())
          .execute();
        return rows.map(({ uuid }) => ({ uuid, cellId }));
      }),
    );
    return pages.flat().map(({ uuid, cellId }) => ({
      subject: `server ${uuid}`,
      what: 'It has been building for more than an hour, and nothing is being done to it.',
      repair: 'Put it into ERROR.',
      excusedBy: [uuid],
      mend: () => failLost(deps, cellId, uuid),
    }));
  },
};
