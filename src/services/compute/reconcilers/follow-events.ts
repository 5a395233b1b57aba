import type { GuestEvent } from '../../../domain/hosts.ts';
import { powerStates, type PowerState } from '../../../domain/instance.ts';
import type { ComputeHost } from '../compute-host.ts';

/** The power states a guest may have after an event; in any other one it has gone on since, and the event says nothing any more. */
const statesAfter: Readonly<Record<GuestEvent['event'], readonly PowerState[]>> = {
  started: [powerStates.running],
  resumed: [powerStates.running],
  paused: [powerStates.paused],
  stopped: [powerStates.shutdown, powerStates.crashed],
  crashed: [powerStates.crashed, powerStates.shutdown],
  suspended: [powerStates.shutdown, powerStates.suspended],
};

/** Tells the conductor what guests do by themselves; what an operation does is told by the operation. `missed` hears that word was lost. */
export async function followEvents(host: ComputeHost, signal: AbortSignal, missed: () => void): Promise<void> {
  for await (const event of host.driver.events(signal)) {
    const { instanceId } = event;
    try {
      if (host.locks.busy(instanceId)) continue;
      const guest = await host.driver.inspect(instanceId);
      if (guest === null || host.locks.busy(instanceId) || !statesAfter[event.event].includes(guest.powerState)) continue;
      await host.conductor.guestsChanged({ host: host.host, events: [event] });
    } catch (error) {
      if (signal.aborted) return;
      host.log.warn({ instanceId, err: error }, 'a guest changed and the conductor could not be told');
      missed();
    }
  }
}
