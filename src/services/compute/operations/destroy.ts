import type { ComputeHost } from '../compute-host.ts';

/** Removes a guest and all it has on the host. What goes on with it is given up first. */
export const destroy = (host: ComputeHost, instanceId: string, signal: AbortSignal): Promise<void> =>
  host.locks.interrupt(instanceId, signal, async () => {
    await host.driver.destroy(instanceId);
    host.holdings.release(instanceId);
    host.log.info({ instanceId }, 'guest destroyed');
  });
