import type { Move } from '../../domain/move.ts';
import { isKind } from '../../lib/errors.ts';
import { findInstance } from '../../store/instances.ts';
import { updateMove } from '../../store/moves.ts';
import type { CellDatabase } from '../../store/stores.ts';
import { releaseMove } from './allocations.ts';
import type { ConductorDeps } from './deps.ts';

/** Ends an evacuation whose old host has nothing left of the server: what it held there is free. */
export async function completeEvacuation(deps: ConductorDeps, database: CellDatabase, moveId: string): Promise<void> {
  await releaseMove(deps, moveId);
  await updateMove(database, moveId, { status: 'completed' }, ['done']);
}

/** Has the old host of an evacuated server remove its copy, and ends the evacuation; answers whether the host did. One that does not answer does it when it starts. */
export async function clearEvacuated(
  deps: ConductorDeps,
  database: CellDatabase,
  { id, instanceId, sourceHost }: Pick<Move, 'id' | 'instanceId' | 'sourceHost'>,
  key: string,
): Promise<boolean> {
  const found = await findInstance(deps.stores, instanceId, { deleted: true });
  // a server that has come back since has its guest there
  if (found?.instance.host !== sourceHost) {
    try {
      const epoch = found?.instance.epoch ?? 0;
      await deps.agentOn(sourceHost).destroy({ instanceId, vifs: [] }, { key, epoch, timeoutMs: 5000 });
    } catch (error) {
      if (!isKind(error, 'unavailable')) throw error;
      return false;
    }
  }
  await completeEvacuation(deps, database, id);
  return true;
}
