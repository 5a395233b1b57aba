import { spawn } from 'node:child_process';
import { join } from 'node:path';

/**
 * The one door: everything that must hold before a change is in. `npm run check` runs it all; names choose (`npm run check -- types lint`).
 * Each check runs whatever the others say; the exit code is 1 when one fails.
 */
const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Those of one stage run side by side. */
  readonly stage: number;
}

const checks: readonly Check[] = [
  { name: 'types', stage: 1, command: [bin('tsc'), '--noEmit'] },
  { name: 'lint', stage: 1, command: [bin('oxlint'), '--type-aware', '--deny-warnings'] },
  { name: 'format', stage: 1, command: [bin('oxfmt'), '--check', '.'] },
  { name: 'unused', stage: 1, command: [bin('knip')] },
  { name: 'generated', stage: 1, command: [process.execPath, join(root, 'scripts/generate.ts'), '--check'] },
  { name: 'unit', stage: 2, command: [bin('vitest'), 'run', '--project', 'unit'] },
  { name: 'system', stage: 3, command: [bin('vitest'), 'run', '--project', 'system'] },
  { name: 'real', stage: 4, command: [bin('vitest'), 'run', '--project', 'real'] },
];

async function run({ name, command: [program, ...args] }: Check): Promise<boolean> {
  const began = performance.now();
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: environment });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 1)));
  const text = Buffer.concat(output).toString();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? '✓' : '✗'} ${name} (${seconds} s)\n`);
  const summary = text.match(/^\s*(Test Files|Tests) .*$/gm)?.join('\n');
  if (code !== 0) process.stdout.write(`${text}\n`);
  else if (summary !== undefined) process.stdout.write(`${summary}\n`);
  for (const [line] of text.matchAll(/^\s*Tests .*$/gm)) {
    for (const [, count, kind] of line.matchAll(/(\d+) (passed|failed|skipped)/g)) totals[kind as keyof typeof totals] += Number(count);
  }
  return code === 0;
}

// a runner takes this variable for a wish to colour, whatever its value
const { FORCE_COLOR: _, ...uncoloured } = process.env;
// the project's own Node, whoever called us
const environment = { ...uncoloured, NO_COLOR: '1', PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}` };
const totals = { passed: 0, failed: 0, skipped: 0 };
const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !checks.some((check) => check.name === name));
if (unknown !== undefined) {
  process.stderr.write(`There is no check '${unknown}'; there are ${checks.map(({ name }) => name).join(', ')}.\n`);
  process.exit(2);
}
const chosen = wanted.length === 0 ? checks : checks.filter(({ name }) => wanted.includes(name));
let ok = true;
for (const [, stage] of Map.groupBy(chosen, ({ stage: number }) => number)) {
  // the first stage is quick and independent; tests after it have the machine to themselves
  for (const good of await Promise.all(stage.map(run))) ok &&= good;
}
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}\n`);
process.exitCode = ok ? 0 : 1;
