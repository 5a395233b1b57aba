import type { NetworkInfo } from '../../../domain/network-info.ts';
import { isKind } from '../../../lib/errors.ts';
import { findInstance } from '../../../store/instances.ts';
import { isUp, listServices } from '../../../store/services.ts';
import type { ConductorDeps } from '../deps.ts';

/**
 * Has a host remove a guest. A host that is down is not waited for: it removes what it should not have when it comes back, before
 * it does anything else. Succeeds when the guest is already gone. What is done once more after a new beginning is really done: the
 * host does not answer it from its journal.
 */
export async function destroyOnHost(deps: ConductorDeps, instanceId: string, host: string, vifs: NetworkInfo, key: string): Promise<void> {
  const epoch = (await findInstance(deps.stores, instanceId))?.instance.epoch ?? 0;
  try {
    await deps.agentOn(host).destroy({ instanceId, vifs }, { key: `${key}/${epoch}`, epoch });
  } catch (error) {
    if (!isKind(error, 'unavailable')) throw error;
    const service = (await listServices(deps.stores)).find((candidate) => candidate.host === host && candidate.binary === 'nova-compute');
    if (service !== undefined && isUp(service, deps.clock.now(), deps.settings.DEFAULT.service_down_time)) throw error;
    deps.log.warn({ instanceId, host }, 'host is down; its guest is removed when it comes back');
  }
}
