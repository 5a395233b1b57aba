import { isKind } from '../../../lib/errors.ts';
import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import { beginAction, instancesInState } from '../../../store/instances.ts';
import { insertSagas } from '../../../store/sagas.ts';
import type { ConductorDeps } from '../deps.ts';
import { shelvedKeys } from '../shelved.ts';

/** Keeps true: a shelved server leaves its host when its time there is over ([DEFAULT] shelved_offload_time; 0 leaves at once, -1 never). */
export function shelvedTooLong(deps: ConductorDeps): readonly ReconcilerSpec[] {
  const { shelved_offload_time: seconds, shelved_poll_interval: interval } = deps.settings.DEFAULT;
  if (seconds <= 0 || interval <= 0) return [];
  return [
    {
      name: 'shelved-too-long',
      everyMs: interval * 1000,
      run: async () => {
        let offloaded = 0;
        for (const { database } of deps.stores.cells()) {
          for (const instance of await instancesInState(database, 'shelved')) {
            const since = Date.parse(instance.systemMetadata[shelvedKeys.at] ?? instance.updatedAt);
            if (instance.taskState !== null || deps.clock.now() - since < seconds * 1000) continue;
            try {
              await database.transaction().execute(async (tx) => {
                await beginAction(tx, 'shelveOffload', instance);
                const params = { instanceId: instance.id, requestId: `req-${deps.ids.uuid()}`, startedAt: deps.clock.now() };
                await insertSagas(tx, [{ id: deps.ids.uuid(), name: 'offload-instance', subject: instance.id, params }]);
              });
              offloaded++;
            } catch (error) {
              if (!isKind(error, 'conflict', 'notFound')) throw error; // its user was faster
            }
          }
        }
        if (offloaded > 0) deps.wake();
        return { offloaded };
      },
    },
  ];
}
