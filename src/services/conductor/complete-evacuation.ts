import { updateMove } from '../../store/moves.ts';
import type { CellDatabase } from '../../store/stores.ts';
import { releaseMove } from './allocations.ts';
import type { ConductorDeps } from './deps.ts';

/** Ends an evacuation whose old host has nothing left of the server: what it held there is free. */
export async function completeEvacuation(deps: ConductorDeps, database: CellDatabase, moveId: string): Promise<void> {
  await releaseMove(deps, moveId);
  await updateMove(database, moveId, { status: 'completed' }, ['done']);
}
