import type { Clock } from '../../../lib/clock.ts';
import { followCommand } from '../../../lib/command/run-command.ts';
import type { Log } from '../../../lib/log.ts';

const form = /^(?:Deleted )?\d+: ([^\s:@]+)(?:.* master (\S+))?/;

/** Names every device of the host that comes, changes or goes, and the bridge it is on, as the kernel tells it, until the signal aborts. */
export async function watchLinks(
  changed: (device: string, bridge: string | null) => void,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const line of followCommand({ program: 'ip', args: ['-oneline', 'monitor', 'link'] }, signal)) {
        const [, device, bridge] = form.exec(line) ?? [];
        if (device !== undefined) changed(device, bridge ?? null);
      }
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, 'watching network devices failed and begins anew');
    }
    await clock.sleep(1000, signal).catch(() => undefined);
  }
}
