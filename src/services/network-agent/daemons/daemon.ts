import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { runCommand } from '../../../lib/command/run-command.ts';
import { unavailable } from '../../../lib/errors.ts';

/** A server process in a namespace. It outlives the agent, which finds it again by what it was started with. */
export interface Daemon {
  readonly program: 'dnsmasq' | 'haproxy';
  readonly namespace: string;
  /** Its configuration file, whose name changes with its contents: a process with another one is an old one. */
  readonly configPath: string;
  readonly args: readonly string[];
}

export interface RunningDaemon {
  readonly pid: number;
  readonly program: string;
  readonly words: readonly string[];
  /** The network namespace it is in, as the kernel numbers them. */
  readonly namespaceInode: string;
}

/** The processes of ours that run now: a known program that was started with a file of this directory. */
export async function readDaemons(directory: string): Promise<readonly RunningDaemon[]> {
  const found = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map(async (name): Promise<readonly RunningDaemon[]> => {
        try {
          const words = (await readFile(`/proc/${name}/cmdline`, 'utf8')).split('\0');
          const program = words[0]?.split('/').at(-1) ?? '';
          if ((program !== 'dnsmasq' && program !== 'haproxy') || !words.some((word) => word.includes(`${directory}/`))) return [];
          return [{ pid: Number(name), program, words, namespaceInode: (await readlink(`/proc/${name}/ns/net`)).replaceAll(/\D/g, '') }];
        } catch {
          return []; // it ended while we looked
        }
      }),
  );
  return found.flat();
}

/** Lets the daemon run: the one that fits is kept, others of its program in its directory end, and it is started when it is missing. Answers whether it was. */
export async function keepDaemon(
  daemon: Daemon,
  running: readonly RunningDaemon[],
  signal: AbortSignal,
): Promise<{ readonly pid: number | null; readonly started: boolean }> {
  const directory = daemon.configPath.slice(0, daemon.configPath.lastIndexOf('/'));
  const inode = String((await stat(`/run/netns/${daemon.namespace}`)).ino);
  const related = running.filter(
    (process) => process.program === daemon.program && process.words.some((word) => word.includes(`${directory}/`)),
  );
  const fitting = related.find(
    (process) => process.namespaceInode === inode && process.words.some((word) => word.endsWith(daemon.configPath)),
  );
  await endProcesses(
    related.filter((process) => process !== fitting).map(({ pid }) => pid),
    signal,
  );
  if (fitting !== undefined) return { pid: fitting.pid, started: false };
  await runCommand({ program: daemon.program, args: daemon.args, namespace: daemon.namespace, signal });
  return { pid: null, started: true };
}

/** Ends processes that were found to be ours, kindly first, and waits until they are gone. */
export async function endProcesses(pids: readonly number[], signal: AbortSignal): Promise<void> {
  await Promise.all(
    pids.map(async (pid) => {
      for (const [kind, patienceMs] of [
        ['SIGTERM', 2000],
        ['SIGKILL', 2000],
      ] as const) {
        if (!send(pid, kind)) return;
        for (let waited = 0; waited < patienceMs; waited += 20) {
          if (!(await isAlive(pid))) return;
          await new Promise((resolve) => setTimeout(resolve, 20));
          signal.throwIfAborted();
        }
      }
      throw unavailable(`The process ${pid} does not end.`);
    }),
  );
}

/** False when there is no such process. */
export function send(pid: number, kind: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, kind);
  } catch {
    return false;
  }
}

async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return status !== null && !/\) Z /.test(status);
}
