import type { GuestOrder } from '../../../domain/guest-order.ts';
import type { ComputeHost, State } from '../compute-host.ts';
import { prepareGuest } from './prepare-guest.ts';
import { build } from './spawn.ts';

/** Has everything on the host that a guest needs to be made, and judges whether it can be: nothing happens to the one that is there. */
export const prepare = (host: ComputeHost, order: GuestOrder, signal: AbortSignal): Promise<void> =>
  host.locks.run(order.instanceId, signal, async (mine) => void (await prepareGuest(host, order, mine)));

/** Makes a guest anew in the place of the one that is there, of which nothing is left. */
export const rebuild = (host: ComputeHost, order: GuestOrder, signal: AbortSignal): Promise<State> =>
  host.locks.run(order.instanceId, signal, (mine) =>
    host.builds.run(async () => {
      await host.driver.destroy(order.instanceId);
      return build(host, order, mine);
    }, mine),
  );
