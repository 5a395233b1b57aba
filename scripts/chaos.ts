import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { chaos, kilonova } from '../test/simulation/chaos.ts';
import { chosenCells } from '../test/simulation/crash-matrix/cells.ts';
import { runLane } from '../test/simulation/crash-matrix/lane.ts';
import { runMatrix } from '../test/simulation/crash-matrix/run-matrix.ts';
import { matrixTable } from '../test/simulation/crash-matrix/table.ts';
import type { CellReport } from '../test/simulation/crash-matrix/walk.ts';

/**
 * Kills whole clouds:
 *
 *     npm run chaos -- [clouds] [rounds] [seed]        clouds of fake hosts, killed at random moments for as long as you like
 *     npm run chaos -- real [--only resize/libvirtd]   the crash matrix: Kilonova, libvirtd and PostgreSQL at each step, with real guests
 *
 * What went wrong can be seen again: each cloud has its own seed, each cell of the matrix its name.
 */
const write = (text: string): void => void process.stdout.write(text);
const number =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least) throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    return value;
  };
const someSeed = (): number => Date.now() % 1_000_000;

const program = new Command('npm run chaos --').description('Kill whole clouds and see what survives.').showHelpAfterError();
program
  .command('fake', { isDefault: true })
  .description('clouds of fake hosts, killed at random moments')
  .argument('[clouds]', 'how many', number(1), 5)
  .argument('[rounds]', 'deaths of each', number(1), 20)
  .argument('[seed]', 'of the first; each further one has the next', number(0))
  .action(killFakes);
program
  .command('real')
  .description('the crash matrix: each victim at each step of each operation, with real guests (root; a libvirt of its own)')
  .option('--only <cells>', 'OPERATION[/VICTIM[/LINES]], separated by commas; * is any', (text) => text.split(','), [])
  .option('--seed <n>', 'of how far into a step the blow falls', number(0))
  .option('--at-once <n>', 'clouds at the same time, at most one for each victim', number(1), 2)
  .action(killReal);
program
  .command('lane', { hidden: true })
  .argument('<directory>')
  .argument('<cells>')
  .argument('<seed>', '', number(0))
  .action((directory: string, cells: string, seed: number) =>
    runLane(directory, chosenCells(cells.split(',')), seed, (line) => write(`${JSON.stringify(line)}\n`)),
  );
await program.parseAsync();

async function killReal({ only, seed = someSeed(), atOnce }: { only: string[]; seed?: number; atOnce: number }): Promise<void> {
  if (process.getuid?.() !== 0) program.error('The crash matrix needs root: it starts a libvirt of its own.');
  const cells = (() => {
    try {
      return chosenCells(only);
    } catch (error) {
      return program.error(String(error instanceof Error ? error.message : error));
    }
  })();
  const began = performance.now();
  write(
    `${cells.length} cells, seed ${seed}\n${'cell'.padEnd(26)}${'step under way'.padEnd(18)}${'after'.padEnd(10)}${'end'.padEnd(8)}took\n`,
  );
  const reports = await runMatrix({
    cells,
    seed,
    atOnce,
    lane: [process.execPath, import.meta.filename, 'lane'],
    onReport: (report) => write(lineOf(report)),
    onKept: (where) => write(`  its state is kept in ${where}\n`),
  });
  const survived = reports.filter(({ problems, ended }) => problems.length === 0 && ended !== null).length;
  const broken = reports.filter(({ problems }) => problems.length > 0);
  write(`\n${matrixTable(cells, reports)}\n\n+ done, - undone with a reason, X broken, . not tried\n`);
  for (const { cell } of broken) if (cell.includes('/')) write(`once more: npm run chaos -- real --only ${cell} --seed ${seed}\n`);
  write(`${survived} of ${cells.length} cells survived, in ${Math.round((performance.now() - began) / 1000)} s\n`);
  process.exitCode = broken.length === 0 && survived === cells.length ? 0 : 1;
}

function lineOf({ cell, step, afterMs, lines, ended, reason, ms, problems }: CellReport): string {
  const end = problems.length > 0 ? 'BROKEN' : (ended ?? '');
  const first = `${cell.padEnd(26)}${step.padEnd(18)}${`${lines}+${afterMs} ms`.padEnd(10)}${end.padEnd(8)}${(ms / 1000).toFixed(1)} s${reason === null ? '' : `  ${reason}`}\n`;
  return first + problems.map((problem) => `  ${problem}\n`).join('');
}

async function killFakes(clouds: number, rounds: number, firstSeed: number = someSeed()): Promise<void> {
  let survived = 0;
  write(
    `${'seed'.padEnd(9)}${'kills'.padEnd(7)}${'accepted'.padEnd(10)}${'unanswered'.padEnd(12)}${'taken over'.padEnd(12)}${'servers'.padEnd(32)}verdict\n`,
  );
  for (let cloud = 0; cloud < clouds; cloud++) if (await survives(rounds, firstSeed + cloud)) survived++;
  write(`${survived} of ${clouds} clouds survived\n`);
  process.exitCode = survived === clouds ? 0 : 1;
}

async function survives(rounds: number, seed: number): Promise<boolean> {
  const state = await mkdtemp(join(tmpdir(), 'kilonova-chaos-'));
  try {
    const { kills, acknowledged, unanswered, takenOver, servers, faults, problems, audits } = await chaos({ state, rounds, seed });
    const findings = audits.flatMap((audit) => [
      ...audit.findings.map(({ subject, what }) => `${subject}: ${what}`),
      ...audit.notAudited.map(({ what, why }) => `${what} was not audited: ${why}`),
    ]);
    const all = [...problems, ...findings];
    const counts = Object.entries(servers).map(([status, count]) => `${count} ${status}`);
    write(
      `${String(seed).padEnd(9)}${String(kills).padEnd(7)}${String(acknowledged).padEnd(10)}${String(unanswered).padEnd(12)}${String(takenOver).padEnd(12)}${counts.join(', ').padEnd(32)}${all.length === 0 ? 'survived' : `${all.length} broken`}\n`,
    );
    for (const line of faults) write(`  in ERROR, as it may: ${line}\n`);
    for (const line of all) write(`  ${line}\n`);
    if (all.length > 0) {
      write(`  its state is kept in ${state}\n`);
      return false;
    }
    await kilonova('reset', '--state', state);
    await rm(state, { recursive: true, force: true }).catch(() => undefined);
    return true;
  } catch (error) {
    write(`${String(seed).padEnd(9)}${String(error)}\n  its state is kept in ${state}\n`);
    return false;
  }
}
