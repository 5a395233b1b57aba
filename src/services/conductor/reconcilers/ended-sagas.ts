import { forgetSagas } from '../../../store/sagas.ts';
import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import type { ConductorDeps } from '../deps.ts';

/** How long an ended saga can still be inspected. */
const keptMs = 7 * 86_400_000;

/** Keeps true: the saga tables hold what runs, and what ended lately. */
export const forgetEndedSagas = (deps: ConductorDeps): ReconcilerSpec => ({
  name: 'ended-sagas',
  everyMs: 3_600_000,
  run: async () => {
    const counts = await Promise.all(deps.stores.cells().map(({ database }) => forgetSagas(database, new Date(deps.clock.now() - keptMs))));
    return { forgotten: counts.reduce((sum, count) => sum + count, 0) };
  },
});
