import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { lockDirectory } from './directory-lock.ts';

const startOf = async (pid: number): Promise<string> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
};

test('a supervisor that was killed holds no directory, though its parent has not asked how it ended', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'directory-lock-'));
  // sleep never asks for the child that its shell has left to it; the child ends when the shell is sleep already, for a shell would ask
  const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
    const dead = Number(printed.toString());
    await vi.waitFor(async () => expect(await readFile(`/proc/${dead}/stat`, 'utf8')).toContain(') Z '), 5000);
    await writeFile(join(directory, 'supervisor.pid'), `${dead} ${await startOf(dead)}\n`);
    const lock = await lockDirectory(directory);
    expect(await readFile(join(directory, 'supervisor.pid'), 'utf8')).toBe(`${process.pid} ${await startOf(process.pid)}\n`);
    await lock.release();
  } finally {
    parent.kill();
    await rm(directory, { recursive: true });
  }
});

test('a supervisor that lives keeps its directory', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'directory-lock-'));
  const lock = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toThrow('already supervised');
  await lock.release();
  await rm(directory, { recursive: true });
});
