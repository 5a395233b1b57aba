import { readFile } from 'node:fs/promises';
import { runCommand } from '../../../../lib/command/run-command.ts';
import { errnoOf } from '../../errno.ts';
import type { InterfaceSpec } from '../driver.ts';

/** Makes the bridges that interfaces are plugged into, where the network's agent has not made them yet; both may do it at the same time. */
export async function ensureBridges(interfaces: readonly InterfaceSpec[]): Promise<void> {
  for (const bridge of new Set(interfaces.map((port) => port.bridge))) {
    if (await isUp(bridge)) continue;
    if (!(await exists(bridge))) {
      const { exitCode } = await runCommand({
        program: 'ip',
        args: ['link', 'add', 'name', bridge, 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0'],
        answers: [2],
      });
      // 2 is any refusal of the kernel: only that somebody else was faster is fine
      if (exitCode !== 0 && !(await exists(bridge))) await runCommand({ program: 'ip', args: ['link', 'show', 'dev', bridge] });
    }
    await runCommand({ program: 'ip', args: ['link', 'set', 'dev', bridge, 'up'] });
  }
}

/** As most are: a process less for each guest. */
async function isUp(device: string): Promise<boolean> {
  if (!(await exists(device))) return false;
  const flags = Number(await readFile(`/sys/class/net/${device}/flags`, 'utf8'));
  return (flags & 1) === 1; // IFF_UP
}

async function exists(device: string): Promise<boolean> {
  try {
    await readFile(`/sys/class/net/${device}/bridge/bridge_id`);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}
