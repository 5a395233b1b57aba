import type { Clock } from '../../../lib/clock.ts';
import { followCommand } from '../../../lib/command/run-command.ts';
import type { Log } from '../../../lib/log.ts';

const form = /^(?:Deleted )?\d+: ([^\s:@]+)/;

/** Names every device of the host that comes, changes or goes, as the kernel tells it, until the signal aborts. */
export async function watchLinks(
  changed: (device: string) => void,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const line of followCommand({ program: 'ip', args: ['-oneline', 'monitor', 'link'] }, signal)) {
        const device = form.exec(line)?.[1];
        if (device !== undefined) changed(device);
      }
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, 'watching network devices failed and begins anew');
    }
    await clock.sleep(1000, signal).catch(() => undefined);
  }
}
