import type { ComputeHost } from '../compute-host.ts';

/** The least time a guest must have been a stray, whatever the settings: a build may be ahead of the list it is compared with. */
const leastGraceMs = 60_000;

/** Keeps guests off the host whose instances should not be here. One is touched only when two scans, a grace apart, both found it so. */
export function strayGuests(host: ComputeHost): (signal: AbortSignal) => Promise<Readonly<Record<string, unknown>>> {
  const { running_deleted_instance_action: action, running_deleted_instance_timeout: timeoutSeconds } = host.settings.DEFAULT;
  const graceMs = Math.max(timeoutSeconds * 1000, leastGraceMs);
  const firstSeen = new Map<string, number>();
  return async (signal) => {
    if (action === 'noop') return { action };
    // the guests first: one that is made after this look cannot be taken for a stray
    const guests = await host.driver.guests();
    const { instances } = await host.conductor.instancesOn({ host: host.host });
    const wanted = new Set(instances.map(({ instanceId }) => instanceId));
    const strays = guests.filter(({ id }) => !wanted.has(id) && !host.locks.busy(id));
    const now = host.clock.now();
    for (const id of firstSeen.keys()) if (!strays.some((stray) => stray.id === id)) firstSeen.delete(id);
    const handled: string[] = [];
    for (const { id, name } of strays) {
      const since = firstSeen.get(id) ?? now;
      firstSeen.set(id, since);
      if (now - since < graceMs) continue;
      host.log.warn({ instanceId: id, guest: name, action }, 'a guest is on this host whose server is not');
      if (action === 'log') continue;
      await host.locks.run(id, signal, (mine) =>
        action === 'reap'
          ? host.driver.destroy(id)
          : host.driver.powerOff(id, { graceSeconds: host.settings.DEFAULT.shutdown_timeout, signal: mine }),
      );
      handled.push(id);
    }
    return { strays: strays.map(({ id }) => id), handled };
  };
}
