import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Clock } from '../clock.ts';

/** How long a server may take for each way of stopping, from polite to not: finish cleanly, leave at once, be killed. */
const escalation = [
  { signal: 'SIGINT', forMs: 10_000 },
  { signal: 'SIGQUIT', forMs: 5_000 },
  { signal: 'SIGKILL', forMs: 5_000 },
] as const;

interface ServerProcess {
  readonly pid: number;
  /** True for the one that started the others and stops them; orphaned helpers lead themselves. */
  readonly leads: boolean;
}

/** Stops whatever server still works on this data after its supervisor was killed. Answers how many processes there were. */
export async function stopOrphans(dataDirectory: string, clock: Clock): Promise<number> {
  const found = await serverProcesses(dataDirectory);
  for (const { signal, forMs } of escalation) {
    const deadline = clock.now() + forMs;
    let left = await serverProcesses(dataDirectory);
    for (const { pid, leads } of left) if (leads || signal === 'SIGKILL') kill(pid, signal);
    while (left.length > 0 && clock.now() < deadline) {
      await clock.sleep(20);
      left = await serverProcesses(dataDirectory);
    }
    if (left.length === 0) return found.length;
  }
  throw new Error(`PostgreSQL processes of an earlier run do not end: ${found.map(({ pid }) => pid).join(', ')}`);
}

/** All processes of PostgreSQL that work in this directory, which must be spelled without symbolic links. */
export async function serverProcesses(dataDirectory: string): Promise<ServerProcess[]> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const pids = (await Promise.all(numbers.map((pid) => worksIn(dataDirectory, pid)))).filter((pid) => pid !== null);
  return Promise.all(pids.map(async (pid) => ({ pid, leads: !pids.includes(await parentOf(pid)) })));
}

async function worksIn(dataDirectory: string, pid: number): Promise<number | null> {
  try {
    if ((await readlink(`/proc/${pid}/cwd`)) !== dataDirectory) return null;
    const program = (await readlink(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, ''); // upgraded while it ran
    return basename(program) === 'postgres' ? pid : null;
  } catch {
    return null; // gone meanwhile, or not ours
  }
}

async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone meanwhile
  }
}
