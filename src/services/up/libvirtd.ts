import { connect } from 'node:net';
import { existsSync } from 'node:fs';
import { systemClock } from '../../lib/clock.ts';
import { runCommand } from '../../lib/command/run-command.ts';
import { KilonovaError, unavailable } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { waitUntil } from '../../lib/retry.ts';

const socket = '/run/libvirt/libvirt-sock';

/** Starts libvirtd (and virtlogd, which keeps console logs) where none runs. They outlive us, as the guests do. */
export async function ensureLibvirtd(log: Log): Promise<void> {
  if (await answers(socket)) return;
  if (!existsSync('/usr/sbin/libvirtd'))
    throw new KilonovaError('unavailable', 'libvirtd is not installed. Install it with: apt-get install libvirt-daemon-system', {
      code: 'missing-packages',
    });
  for (const [program, args] of [
    ['virtlogd', ['-d']],
    ['virtlockd', ['-d']],
    ['libvirtd', ['-d']],
  ] as const) {
    await runCommand({ program, args, timeoutMs: 20_000 }).catch((error: unknown) => {
      // virtlogd that runs already refuses a second one; libvirtd is judged by its socket
      if (program === 'libvirtd')
        throw unavailable('libvirtd could not be started; its own words are in the system log.', { cause: error });
      log.debug({ err: error, program }, 'a helper of libvirtd was not started');
    });
  }
  await waitUntil(async () => ((await answers(socket)) ? true : null), {
    clock: systemClock,
    timeoutMs: 20_000,
    everyMs: 100,
    what: 'The start of libvirtd',
  });
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const connection = connect(path);
  connection.once('connect', () => {
    connection.destroy();
    resolve(true);
  });
  connection.once('error', () => resolve(false));
  return promise;
}
