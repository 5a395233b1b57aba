import type { ComputeHost, State } from '../compute-host.ts';
import { guestState } from './guest-state.ts';

export const pause = (host: ComputeHost, instanceId: string, signal: AbortSignal): Promise<State> =>
  host.locks.run(instanceId, signal, async () => {
    await host.driver.pause(instanceId);
    return guestState(host, instanceId);
  });

export const unpause = (host: ComputeHost, instanceId: string, signal: AbortSignal): Promise<State> =>
  host.locks.run(instanceId, signal, async () => {
    await host.driver.unpause(instanceId);
    return guestState(host, instanceId);
  });
