import type { GuestOrder } from '../../../domain/guest-order.ts';
import type { ComputeHost, State } from '../compute-host.ts';
import { guestState } from './guest-state.ts';
import { prepareGuest } from './prepare-guest.ts';

export const powerOff = (host: ComputeHost, instanceId: string, graceSeconds: number, signal: AbortSignal): Promise<State> =>
  host.locks.run(instanceId, signal, async (mine) => {
    await host.driver.powerOff(instanceId, { graceSeconds, signal: mine });
    return guestState(host, instanceId);
  });

export const powerOn = (host: ComputeHost, order: GuestOrder, signal: AbortSignal): Promise<State> =>
  host.locks.run(order.instanceId, signal, async (mine) => {
    await host.driver.powerOn(await prepareGuest(host, order, mine), mine);
    return guestState(host, order.instanceId);
  });
