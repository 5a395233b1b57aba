import { readdir, readFile } from 'node:fs/promises';

const gone = (): string => '';

/** The command lines of these processes and of all they have started. */
export async function commandsUnder(roots: readonly number[]): Promise<string[]> {
  const commands: string[] = [];
  const pending = [...new Set(roots)];
  const seen = new Set<number>();
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    if (seen.has(pid)) continue;
    seen.add(pid);
    commands.push((await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(gone)).replaceAll('\0', ' '));
    for (const task of await readdir(`/proc/${pid}/task`).catch(() => [])) {
      const children = await readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(gone);
      pending.push(...children.split(' ').filter(Boolean).map(Number));
    }
  }
  return commands;
}
