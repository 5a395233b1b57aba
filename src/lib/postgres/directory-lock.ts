import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { conflict } from '../errors.ts';

/** Held while a process of ours supervises the directory; what a killed one leaves behind does not count. */
export interface DirectoryLock {
  release(): Promise<void>;
}

/** Makes this process the only one that supervises the PostgreSQL in `directory`. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, 'supervisor.pid');
  const draft = `${path}.${randomUUID()}`;
  const mine = await identity(process.pid);
  await writeFile(draft, `${mine}\n`, { mode: 0o600 });
  try {
    for (;;) {
      if (await linked(draft, path)) return { release: () => unlink(path).catch(ignoreMissing) };
      const holder = (await readFile(path, 'utf8').catch(ignoreMissing))?.trim();
      if (holder === undefined) continue; // released in between
      const pid = Number(holder.split(' ')[0]);
      if (holder !== '' && (await identity(pid)) === holder) {
        throw conflict(
          `The PostgreSQL in ${directory} is already supervised by process ${pid}: stop that one first, or use another directory.`,
        );
      }
      // left behind by a killed process. Of several that see this, one wins the rename; who takes a fresh lock by mistake puts it back
      const taken = `${draft}.stale`;
      await rename(path, taken).catch(ignoreMissing);
      const text = (await readFile(taken, 'utf8').catch(ignoreMissing))?.trim();
      if (text !== undefined && text !== holder) await linked(taken, path);
      await unlink(taken).catch(ignoreMissing);
    }
  } finally {
    await unlink(draft).catch(ignoreMissing);
  }
}

/** Which process this is: its number and when it started, for numbers are used again. Empty when there is none, or only what nobody has buried yet. */
async function identity(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(ignoreMissing);
  if (stat === undefined) return '';
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name may hold spaces and parentheses
  const memory = afterName[20]; // a killed process has none, though its parent may never ask how it ended
  return memory === '0' ? '' : `${pid} ${afterName[19]}`;
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return undefined;
  throw error;
}
