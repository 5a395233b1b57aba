import { readdir, readFile, readlink } from 'node:fs/promises';

interface Process {
  readonly pid: number;
  readonly words: readonly string[];
}

/** The processes that live in our own mount namespace, or in one below it as guests do. */
async function processes(): Promise<readonly Process[]> {
  const found = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map(async (name): Promise<readonly Process[]> => {
        const text = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
        return text === '' ? [] : [{ pid: Number(name), words: text.split('\0') }];
      }),
  );
  return found.flat();
}

/** The process of a guest, or null. */
export async function guestPid(id: string): Promise<number | null> {
  return (await processes()).find(({ words }) => words.includes('-uuid') && words.includes(id))?.pid ?? null;
}

/** The daemons of this name that share our mounts: those of our own libvirt, and nobody else's. */
export async function daemonPids(program: string): Promise<readonly number[]> {
  const ours = await readlink('/proc/self/ns/mnt');
  const named = (await processes()).filter(({ words }) => words[0]?.split('/').at(-1) === program);
  const mine = await Promise.all(
    named.map(async ({ pid }) => ((await readlink(`/proc/${pid}/ns/mnt`).catch(() => '')) === ours ? [pid] : [])),
  );
  return mine.flat();
}

export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat !== null && !/\) Z /.test(stat);
}
