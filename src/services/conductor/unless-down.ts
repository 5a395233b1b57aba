import { isKind } from '../../lib/errors.ts';
import { findService, isUp } from '../../store/services.ts';
import type { ConductorDeps } from './deps.ts';

type Deps = Pick<ConductorDeps, 'stores' | 'clock' | 'settings'>;

/** Whether a compute host counts as up; one that nobody knows does not. */
async function isHostUp(deps: Deps, host: string): Promise<boolean> {
  const service = await findService(deps.stores, { host, binary: 'nova-compute' });
  return service !== null && isUp(service, deps.clock.now(), deps.settings.DEFAULT.service_down_time);
}

/** Asks a host for something that is not waited for while it is down: null then. The host does it when it comes back, before anything else. */
export async function unlessDown<T>(deps: Deps, host: string, ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (!isKind(error, 'unavailable') || (await isHostUp(deps, host))) throw error;
    return null;
  }
}
