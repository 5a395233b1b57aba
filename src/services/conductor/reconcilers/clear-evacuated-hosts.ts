import type { ReconcilerSpec } from '../../../lib/reconciler/reconciler.ts';
import { movesIn } from '../../../store/moves.ts';
import { clearEvacuated } from '../complete-evacuation.ts';
import type { ConductorDeps } from '../deps.ts';

const everyMs = 10_000;

/** Has hosts that were only silent, and answer again without having been started, remove what was evacuated from them. */
export const clearEvacuatedHosts = (deps: ConductorDeps): ReconcilerSpec => ({
  name: 'evacuated hosts',
  everyMs,
  run: async (signal) => {
    let cleared = 0;
    const silent = new Set<string>();
    for (const { database } of deps.stores.cells()) {
      for (const move of (await movesIn(database, ['done'])).filter(({ type }) => type === 'evacuation')) {
        signal.throwIfAborted();
        if (silent.has(move.sourceHost)) continue;
        const done = await clearEvacuated(deps, database, move, `${move.instanceId}/${move.id}/clear/${deps.ids.uuid()}`);
        if (done) cleared++;
        else silent.add(move.sourceHost);
      }
    }
    return { cleared, silent: [...silent] };
  },
});
