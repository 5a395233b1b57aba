import type { GuestOrder } from '../../../domain/guest-order.ts';
import type { ComputeHost, State } from '../compute-host.ts';
import { guestState } from './guest-state.ts';
import { prepareGuest } from './prepare-guest.ts';

export const suspend = (host: ComputeHost, instanceId: string, signal: AbortSignal): Promise<State> =>
  host.locks.run(instanceId, signal, async () => {
    await host.driver.suspend(instanceId);
    return guestState(host, instanceId);
  });

export const resume = (host: ComputeHost, order: GuestOrder, signal: AbortSignal): Promise<State> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    await host.driver.resume(await prepareGuest(host, order, mine), mine);
    return guestState(host, order.instanceId);
  });
