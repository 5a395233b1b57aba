import type { ComputeHost } from '../compute-host.ts';

/** What lies on this host's disks for guests that are not there, with its age by this host's clock. */
export async function leftFiles({
  driver,
  clock,
  locks,
}: ComputeHost): Promise<{ files: { instanceId: string; name: string; ageSeconds: number }[] }> {
  const files = (await driver.leftFiles?.list()) ?? [];
  const now = clock.now();
  return {
    files: files
      .filter(({ id }) => !locks.busy(id))
      .map(({ id, name, touchedAt }) => ({ instanceId: id, name, ageSeconds: Math.max(0, Math.floor((now - touchedAt) / 1000)) })),
  };
}

export const removeLeftFile = (host: ComputeHost, instanceId: string, name: string, signal: AbortSignal): Promise<void> =>
  host.locks.run(instanceId, signal, async () => {
    await host.driver.leftFiles?.remove({ id: instanceId, name });
    host.log.warn({ instanceId, file: name }, 'what was left of a guest is removed');
  });
