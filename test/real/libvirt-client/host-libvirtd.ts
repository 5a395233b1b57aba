import { execFile } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import * as libvirt from '../../../src/lib/libvirt/index.ts';
import type { LibvirtClient, Transport } from '../../../src/lib/libvirt/index.ts';

export const run = promisify(execFile);
export const virsh = (...args: string[]) => run('virsh', ['-q', '-c', 'qemu:///system', ...args]);
export const transport: Transport = { kind: 'unix', path: libvirt.defaultSocketPath };
/** What a test has to undo, the last first. */
export const cleanUp: (() => unknown)[] = [];
/** Polls for what an event or another process brings about. */
export const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 30_000, interval: 20 });

export async function undoAll(): Promise<void> {
  for (const undo of cleanUp.splice(0).toReversed()) await undo();
}

export async function connect(name: string): Promise<LibvirtClient> {
  const client = await libvirt.connectLibvirt({ transport, name });
  cleanUp.push(() => client.close());
  return client;
}

/** Dials until a daemon that is starting answers, or the process that should become one is gone. */
export async function untilItAnswers(to: Transport, name: string, process?: ChildProcess): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const client = await libvirt.connectLibvirt({ transport: to, name });
      return client.close();
    } catch (error) {
      if (attempt > 100 || (process !== undefined && process.exitCode !== null))
        throw new Error(`libvirtd does not answer (${name})`, { cause: error });
      await delay(100);
    }
  }
}

/** Uses the host's libvirtd, or starts one and leaves it to whoever comes next. */
export async function useHostLibvirtd(): Promise<void> {
  const answers = await libvirt.connectLibvirt({ transport, name: 'test:///default' }).then(
    (client) => (client.close(), true),
    () => false,
  );
  if (!answers) {
    if (!existsSync('/usr/sbin/libvirtd'))
      throw new Error('these tests need libvirtd: apt-get install libvirt-daemon-system qemu-system-x86');
    await run('virtlogd', ['-d', '-p', '/run/libvirt/virtlogd.pid']).catch(() => {}); // it may run already
    await run('libvirtd', ['-d', '-p', '/run/libvirt/libvirtd.pid']);
  }
  await untilItAnswers(transport, 'qemu:///system');
}
