import { findInstance } from '../../store/instances.ts';
import { movesOf, updateMove } from '../../store/moves.ts';
import { releaseMove } from './allocations.ts';
import type { ConductorDeps } from './deps.ts';
import { unlessDown } from './unless-down.ts';

/**
 * Ends the resizes a server waits in that goes, or is resized anew: what was set aside of it, and what that held. Evacuations stay open until their old host
 * is back, which then removes its copy; until then it holds what that takes.
 */
export async function endMoves(deps: ConductorDeps, instanceId: string, key: string, except?: string): Promise<void> {
  const found = await findInstance(deps.stores, instanceId);
  if (found === null) return;
  const database = deps.stores.cell(found.cellId);
  for (const move of await movesOf(database, instanceId)) {
    if ((move.type !== 'resize' && move.type !== 'migration') || move.id === except) continue;
    await unlessDown(deps, move.sourceHost, () =>
      deps.agentOn(move.sourceHost).discardAside({ instanceId }, { key: `${key}/${move.id}`, epoch: found.instance.epoch }),
    );
    await releaseMove(deps, move.id);
    await updateMove(database, move.id, { status: move.status === 'finished' ? 'confirmed' : 'error' });
  }
}
