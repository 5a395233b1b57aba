import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { silentLog } from '../../../src/lib/log.ts';
import { makeGuestImage } from '../../../src/services/up/guest-image/make-guest-image.ts';
import { imageCachePath } from '../../../src/services/up/state-directory.ts';
import { chosenCells, nameOf, victimNames, type Cell } from './cells.ts';
import type { LaneLine } from './lane.ts';
import { inOwnLibvirt } from './own-libvirt.ts';
import type { CellReport } from './walk.ts';

export interface MatrixOptions {
  readonly cells: readonly Cell[];
  readonly seed: number;
  /** Clouds at the same time. */
  readonly atOnce: number;
  /** The program that runs one lane: it is given the directory, the cells and the seed. */
  readonly lane: readonly string[];
  readonly onReport: (report: CellReport) => void;
  readonly onKept: (where: string) => void;
}

/** Tries all cells: for each victim on a cloud of its own, and on another one after a cell that was broken. */
export async function runMatrix({ cells, seed, atOnce, lane, onReport, onKept }: MatrixOptions): Promise<readonly CellReport[]> {
  // what it is made of comes from the network, which the clouds do not reach
  await makeGuestImage({ directory: imageCachePath(), log: silentLog });
  const reports: CellReport[] = [];
  const waiting: (readonly Cell[])[] = victimNames
    .map((victim) => cells.filter((cell) => cell.victim === victim))
    .filter((some) => some.length > 0);
  const children = new Set<ChildProcess>();
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    waiting.length = 0;
    for (const child of children) child.kill('SIGTERM'); // it takes its cloud away
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  /** They start one after the other: a start takes all there is of the machine. */
  let started = Promise.resolve();

  const runOne = async (some: readonly Cell[]): Promise<readonly Cell[]> => {
    await started;
    const directory = await mkdtemp(join(tmpdir(), 'kilonova-crash-matrix-'));
    await chmod(directory, 0o711);
    const up = Promise.withResolvers<void>();
    started = started.then(() => up.promise);
    const [program, ...args] = inOwnLibvirt(join(directory), [...lane, directory, some.map(nameOf).join(','), String(seed)]);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    children.add(child);
    let ended: Extract<LaneLine, { readonly ended: true }> | null = null;
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as LaneLine;
      if ('up' in line) up.resolve();
      else if ('report' in line) {
        reports.push(line.report);
        onReport(line.report);
      } else ended = line;
    }
    up.resolve();
    children.delete(child);
    if (interrupted) {
      await rm(directory, { recursive: true, force: true });
      return [];
    }
    if (ended === null) throw new Error('a cloud’s lane ended before it was done');
    if (ended.kept === null) await rm(directory, { recursive: true, force: true });
    else onKept(ended.kept);
    return ended.left.length === 0 ? [] : chosenCells(ended.left);
  };
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const left = await runOne(next);
      if (left.length > 0) waiting.push(left);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return reports;
}
