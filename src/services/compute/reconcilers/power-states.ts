import type { InstanceOnHost } from '../../../contracts/conductor.ts';
import type { GuestEvent } from '../../../domain/hosts.ts';
import type { PowerState } from '../../../domain/instance.ts';
import type { ComputeHost } from '../compute-host.ts';
import { powerMending } from '../power-sync.ts';
import { forEachAtOnce } from '../slots.ts';

/** Keeps guests and what is recorded of them in agreement. */
export async function syncPowerStates(host: ComputeHost, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  const { instances } = await host.conductor.instancesOn({ host: host.host });
  const guests = new Map((await host.driver.guests()).map((guest) => [guest.id, guest.powerState]));
  const events: GuestEvent[] = [];
  const stopped: string[] = [];
  const lost: string[] = [];
  const failures = await forEachAtOnce(host.settings.DEFAULT.sync_power_state_pool_size, instances, async (instance) => {
    if (host.locks.busy(instance.instanceId)) return;
    const mending = powerMending(instance, guests.get(instance.instanceId) ?? null);
    switch (mending.kind) {
      case 'nothing':
        return;
      case 'lost':
        lost.push(instance.instanceId);
        return;
      case 'tell':
        events.push({ instanceId: instance.instanceId, event: mending.event, at: host.clock.now() });
        return;
      case 'powerOff':
        if (await powerOffUnlessChanged(host, instance, signal)) stopped.push(instance.instanceId);
    }
  });
  for (const { item, error } of failures) host.log.error({ instanceId: item.instanceId, err: error }, 'power state could not be mended');
  if (lost.length > 0) host.log.warn({ instanceIds: lost }, 'guests that should be on this host are not');
  if (stopped.length > 0) host.log.warn({ instanceIds: stopped }, 'guests ran although their servers are stopped; they were switched off');
  if (events.length > 0) {
    host.log.info({ events: events.map(({ instanceId, event }) => ({ instanceId, event })) }, 'guests are not as recorded');
    await host.conductor.guestsChanged({ host: host.host, events });
  }
  return { instances: instances.length, told: events.length, stopped, lost };
}

/** Looks once more when nothing else is going on with the guest: the list may be older than its last operation. */
const powerOffUnlessChanged = (host: ComputeHost, instance: InstanceOnHost, signal: AbortSignal): Promise<boolean> =>
  host.locks.run(instance.instanceId, signal, async (mine) => {
    const { instances } = await host.conductor.instancesOn({ host: host.host });
    const now = instances.find(({ instanceId }) => instanceId === instance.instanceId);
    const guest = await host.driver.inspect(instance.instanceId);
    const actual: PowerState | null = guest?.powerState ?? null;
    if (now === undefined || powerMending(now, actual).kind !== 'powerOff') return false;
    await host.driver.powerOff(instance.instanceId, { graceSeconds: host.settings.DEFAULT.shutdown_timeout, signal: mine });
    return true;
  });
