import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../../src/lib/errors.ts';
import { kilonova, randomOf } from '../chaos.ts';
import { nameOf, type Cell } from './cells.ts';
import { startCrashCloud, tailOf } from './crash-cloud.ts';
import { daemonPids } from './processes.ts';
import { walk, type CellReport } from './walk.ts';

/** What one cloud tells of itself while its cells are tried, one line of JSON each. */
export type LaneLine =
  | { readonly up: true }
  | { readonly report: CellReport }
  /** Cells that another cloud must try, for this one is broken. */
  | { readonly ended: true; readonly left: readonly string[]; readonly kept: string | null };

/** Tries cells on a cloud of its own in this directory, which goes when all have survived and stays otherwise. */
export async function runLane(directory: string, cells: readonly Cell[], seed: number, say: (line: LaneLine) => void): Promise<void> {
  const state = join(directory, 'state');
  let left = cells;
  let whole = true;
  const interrupted = async (): Promise<never> => {
    say = () => undefined;
    await kilonova('reset', '--state', state);
    await endLibvirt();
    process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void interrupted());
  const report = (one: CellReport): void => {
    if (one.problems.length > 0) whole = false;
    left = left.filter((cell) => nameOf(cell) !== one.cell);
    say({ report: one });
  };
  const alone = (problem: string): CellReport => ({
    cell: 'the cloud',
    step: '',
    afterMs: 0,
    lines: 0,
    ended: null,
    reason: null,
    ms: 0,
    problems: [problem],
  });
  try {
    const cloud = await startCrashCloud(state);
    say({ up: true });
    try {
      left = await walk({ cloud, cells, random: randomOf(seed), report });
    } finally {
      await cloud.stop();
    }
    if (whole) for (const problem of await takenAway(state, directory)) report(alone(problem));
  } catch (error) {
    report(alone(messageOf(error)));
    if (left.length === cells.length) left = []; // another cloud would do no better
  }
  if (!whole) {
    process.stderr.write(`${await tailOf(join(state, 'kilonova.log'))}\n`);
    await kilonova('down', '--state', state);
    const [libvirtd] = await daemonPids('libvirtd');
    say({
      ended: true,
      left: left.map(nameOf),
      kept: `${state}${libvirtd === undefined ? '' : ` (its libvirt: nsenter --mount --target ${libvirtd})`}`,
    });
    return;
  }
  await endLibvirt();
  say({ ended: true, left: left.map(nameOf), kept: null });
}

async function endLibvirt(): Promise<void> {
  for (const program of ['libvirtd', 'virtlockd', 'virtlogd']) for (const pid of await daemonPids(program)) process.kill(pid, 'SIGTERM');
}

/** After a reset nothing of the cloud is on the host. */
async function takenAway(state: string, directory: string): Promise<readonly string[]> {
  const { readSecrets, stateDirectory } = await import('../../../src/services/up/state-directory.ts');
  const cloudId = (await readSecrets(stateDirectory(state)))?.cloudId ?? '';
  const earlier = join(directory, 'earlier.json');
  await writeFile(earlier, (await kilonova('inspect', 'audit', '--host', '--json', '--state', state)).out);
  const gone = await kilonova('reset', '--state', state);
  if (gone.code !== 0 || existsSync(state)) return [`reset ended with ${gone.code}: ${gone.error}`];
  const after = await kilonova('inspect', 'audit', '--host', '--state', state, '--cloud-id', cloudId, '--earlier', earlier);
  return after.code === 0 ? [] : [`after the reset: ${after.out}`];
}
