import { connect } from 'node:net';
import { existsSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import { systemClock } from '../../lib/clock.ts';
import { runCommand } from '../../lib/command/run-command.ts';
import { KilonovaError, messageOf, unavailable } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { startReconciler, type Reconciler } from '../../lib/reconciler/reconciler.ts';
import { waitUntil } from '../../lib/retry.ts';

/** What guests need of libvirt: virtlogd keeps their console logs, virtlockd their disks' locks. Helpers first, for libvirtd connects to them. */
const daemons = [
  { program: 'virtlogd', socket: '/run/libvirt/virtlogd-sock' },
  { program: 'virtlockd', socket: '/run/libvirt/virtlockd-sock' },
  { program: 'libvirtd', socket: '/run/libvirt/libvirt-sock' },
] as const;
type Daemon = (typeof daemons)[number];

/** Starts libvirtd (and its helpers) where none runs. They outlive us, as the guests do. Answers what was started. */
export async function ensureLibvirtd(log: Log): Promise<readonly string[]> {
  const started: string[] = [];
  for (const daemon of daemons) if (!(await answers(daemon.socket)) && (await start(daemon, log))) started.push(daemon.program);
  return started;
}

/** Keeps true: libvirtd and its helpers run. Where a service manager watches over them that is its affair, and null is answered. */
export function keepLibvirtd({ clock, log }: { readonly clock: Clock; readonly log: Log }): Reconciler | null {
  if (existsSync('/run/systemd/system')) return null;
  return startReconciler(
    {
      name: 'libvirtd runs',
      everyMs: 1000,
      async run() {
        const started = await ensureLibvirtd(log);
        if (started.length > 0) log.error({ started }, 'libvirt daemons had died; they were started again');
        return { started };
      },
    },
    { clock, log },
  );
}

/** Whether the daemon runs now; only libvirtd's refusal is an error. */
async function start({ program, socket }: Daemon, log: Log): Promise<boolean> {
  if (!existsSync(`/usr/sbin/${program}`)) {
    if (program !== 'libvirtd') return false;
    throw new KilonovaError('unavailable', 'libvirtd is not installed. Install it with: apt-get install libvirt-daemon-system', {
      code: 'missing-packages',
    });
  }
  try {
    await runCommand({ program, args: ['-d'], timeoutMs: 20_000 });
    await waitUntil(async () => ((await answers(socket)) ? true : null), {
      clock: systemClock,
      timeoutMs: 20_000,
      everyMs: 50,
      what: `The start of ${program}`,
    });
    return true;
  } catch (error) {
    if (await answers(socket)) return false; // somebody else was faster
    if (program === 'libvirtd') throw unavailable('libvirtd could not be started; its own words are in the system log.', { cause: error });
    log.warn({ err: error, program, reason: messageOf(error) }, 'a helper of libvirtd was not started');
    return false;
  }
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
