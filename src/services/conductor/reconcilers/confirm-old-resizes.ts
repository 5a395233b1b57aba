import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import { isKind } from '../../../lib/errors.ts';
import { instanceActions } from '../../../domain/instance-actions.ts';
import { recordAction } from '../../../store/actions.ts';
import { beginAction, findInstance } from '../../../store/instances.ts';
import { movesIn } from '../../../store/moves.ts';
import { insertSagas } from '../../../store/sagas.ts';
import type { ConductorDeps } from '../deps.ts';

/** Nova looks every minute. */
const everyMs = 60_000;

/** Confirms resizes that nobody has ended for so long as the operator waits for. */
export const confirmOldResizes = (deps: ConductorDeps): ReconcilerSpec => ({
  name: 'resizes nobody ends',
  everyMs,
  run: async () => {
    const { resize_confirm_window: seconds } = deps.settings.DEFAULT;
    if (seconds === 0) return { confirmed: 0 };
    let confirmed = 0;
    for (const { database } of deps.stores.cells()) {
      for (const move of await movesIn(database, ['finished'], new Date(deps.clock.now() - seconds * 1000))) {
        const found = await findInstance(deps.stores, move.instanceId);
        if (found?.instance.vmState !== 'resized' || found.instance.taskState !== null) continue;
        const { instance } = found;
        const requestId = `req-${deps.ids.uuid()}`;
        try {
          await database.transaction().execute(async (tx) => {
            await beginAction(tx, 'confirmResize', instance);
            const { recordedAs: action } = instanceActions.confirmResize;
            const { userId, projectId } = instance;
            await recordAction(tx, [{ instanceId: instance.id, action, requestId, userId, projectId }]);
            await insertSagas(tx, [
              {
                id: deps.ids.uuid(),
                name: 'confirm-resize',
                subject: instance.id,
                params: { instanceId: instance.id, requestId, startedAt: deps.clock.now(), moveId: move.id },
              },
            ]);
          });
          confirmed++;
        } catch (error) {
          if (!isKind(error, 'conflict', 'notFound')) throw error; // its user was faster
        }
      }
    }
    if (confirmed > 0) deps.wake();
    return { confirmed };
  },
});
