import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { runCommand, type Command } from '../../lib/command/run-command.ts';
import { messageOf } from '../../lib/errors.ts';

const prefix = 'kn-doctor';

/** Runs commands in a network namespace made for them and thrown away after. Answers null when all went well, else the words of the one that did not. */
export async function inNamespace(
  purpose: string,
  commands: readonly Pick<Command, 'program' | 'args' | 'input'>[],
  signal: AbortSignal,
): Promise<string | null> {
  const namespace = `${prefix}-${process.pid}-${purpose}`;
  try {
    await runCommand({ program: 'ip', args: ['netns', 'add', namespace], signal });
    for (const command of commands) await runCommand({ ...command, namespace, signal });
    return null;
  } catch (error) {
    const said = error instanceof Error && error.cause instanceof Error ? error.cause.message.trim().split('\n')[0] : '';
    return said === undefined || said === '' ? messageOf(error) : said;
  } finally {
    await remove(namespace);
  }
}

/** Takes away namespaces of a doctor that was killed in the middle of its work. */
export async function removeLeftovers(): Promise<void> {
  for (const name of await readdir('/run/netns').catch(() => [])) {
    const pid = new RegExp(`^${prefix}-(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await remove(name);
  }
}

async function remove(namespace: string): Promise<void> {
  if (existsSync(`/run/netns/${namespace}`)) await runCommand({ program: 'ip', args: ['netns', 'delete', namespace], answers: [1] });
}
