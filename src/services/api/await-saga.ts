import { fromWireError, internal } from '../../lib/errors.ts';
import { findSaga } from '../../store/sagas.ts';
import type { ApiDeps } from './deps.ts';

/** What Nova's API waits for an answer of a compute host. */
const patienceMs = 60_000;

/**
 * Waits for the end of an operation whose answer tells how it went. Throws why it failed; one that takes longer goes on, and the
 * caller is told so.
 */
export async function awaitSaga(deps: ApiDeps, cellId: string, sagaId: string): Promise<Readonly<Record<string, unknown>>> {
  const deadline = deps.clock.now() + patienceMs;
  for (let pause = 5; ; pause = Math.min(pause * 2, 200)) {
    const saga = await findSaga(deps.stores.cell(cellId), sagaId);
    if (saga === null) throw internal(`Operation ${sagaId} is not recorded any more.`);
    if (saga.state === 'done') return saga.results;
    if (saga.state === 'abandoned') throw internal('The operation was ended by an operator.', { code: 'abandoned' });
    if (saga.failure !== null && saga.state !== 'running') throw fromWireError(saga.failure);
    if (deps.clock.now() >= deadline) throw internal('The operation has not ended yet; it goes on.', { code: 'still-running' });
    await deps.clock.sleep(pause);
  }
}
