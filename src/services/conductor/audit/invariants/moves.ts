import { sql } from 'kysely';
import { endedMoves, restingMoves } from '../../../../domain/move.ts';
import { updateMove } from '../../../../store/moves.ts';
import type { Finding, Invariant } from '../invariant.ts';

/** A move without an operation would be under way for ever. */
export const moves: Invariant = {
  name: 'move-has-saga',
  says: 'A move has ended, waits for its end with its server, or has an operation that has not ended.',
  async check({ deps, endedSaga }) {
    const found: Finding[] = [];
    for (const { database } of deps.stores.cells()) {
      const rows = await database
        .selectFrom('migrations')
        .leftJoin('instances', (join) => join.onRef('instances.uuid', '=', 'migrations.instance_id').on('instances.deleted_at', 'is', null))
        .select(['migrations.uuid', 'migrations.status', 'migrations.type', 'migrations.instance_id', 'instances.vm_state'])
        .where('migrations.status', 'not in', [...endedMoves])
        .where((eb) =>
          eb.not(
            eb.exists(
              eb
                .selectFrom('sagas')
                .select('id')
                .where('subject', '=', sql<string>`migrations.instance_id::text`)
                .where('state', 'in', ['running', 'unwinding'])
                .where((saga) => (endedSaga === null ? saga.lit(true) : saga('id', '!=', endedSaga))),
            ),
          ),
        )
        .execute();
      const waiting: readonly string[] = restingMoves;
      for (const { uuid, status, type, instance_id: instanceId, vm_state: vmState } of rows) {
        if (!waiting.includes(status)) {
          found.push({
            subject: `move ${uuid}`,
            what: `The ${type} of server ${instanceId} is ${status}, and nothing is being done to the server.`,
            repair: 'Say that it failed; what it holds is found as such.',
            excusedBy: [uuid, instanceId],
            mend: async () => void (await updateMove(database, uuid, { status: 'error' })),
          });
        } else if (status === 'finished' && vmState !== 'resized') {
          found.push({
            subject: `move ${uuid}`,
            what: `The ${type} of server ${instanceId} waits for its end, and the server is ${vmState ?? 'deleted'}.`,
            repair: `See whether the server runs as it should; what was set aside of it goes with the server.`,
            excusedBy: [uuid, instanceId],
          });
        }
      }
    }
    return found;
  },
};
