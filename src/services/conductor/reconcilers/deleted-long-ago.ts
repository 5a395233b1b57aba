import { isKind } from '../../../lib/errors.ts';
import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import { beginAction, instancesInState } from '../../../store/instances.ts';
import { insertSagas } from '../../../store/sagas.ts';
import type { ConductorDeps } from '../deps.ts';
import { softDeletedKeys } from '../soft-deleted.ts';

/**
 * Keeps true: a server that was deleted for a time is gone when that time is over ([DEFAULT] reclaim_instance_interval). Where nothing
 * is deleted for a time any more, those that were stay until somebody restores or deletes them, as in Nova.
 */
export function deletedLongAgo(deps: ConductorDeps): readonly ReconcilerSpec[] {
  const { reclaim_instance_interval: seconds } = deps.settings.DEFAULT;
  if (seconds === 0) return [];
  return [
    {
      name: 'deleted-long-ago',
      everyMs: Math.min(seconds, 60) * 1000,
      run: async () => {
        let reclaimed = 0;
        for (const { database } of deps.stores.cells()) {
          for (const instance of await instancesInState(database, 'soft-delete')) {
            const since = Date.parse(instance.systemMetadata[softDeletedKeys.at] ?? instance.updatedAt);
            if (instance.taskState !== null || deps.clock.now() - since < seconds * 1000) continue;
            try {
              await database.transaction().execute(async (tx) => {
                await beginAction(tx, 'delete', instance);
                const params = { instanceId: instance.id, requestId: `req-${deps.ids.uuid()}`, startedAt: deps.clock.now() };
                await insertSagas(tx, [{ id: deps.ids.uuid(), name: 'delete-instance', subject: instance.id, params }]);
              });
              deps.log.info({ instanceId: instance.id }, 'a deleted server is removed: the time to restore it is over');
              reclaimed++;
            } catch (error) {
              if (!isKind(error, 'conflict', 'notFound')) throw error; // its user was faster
            }
          }
        }
        if (reclaimed > 0) deps.wake();
        return { reclaimed };
      },
    },
  ];
}
