import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { servePlacement } from './serve.ts';

/**
 * Runs the declarative HTTP tests of the public placement project, from a checkout of it, against ours, and prints the count by file:
 *
 *     node test/conformance/placement/run.ts --checkout DIR [NAME…]
 *
 * It takes Debian's python3-gabbi. Ends with 1 when a test fails.
 */
const { values, positionals } = parseArgs({ options: { checkout: { type: 'string' }, json: { type: 'boolean' } }, allowPositionals: true });
const checkout = values.checkout ?? '';
if (!existsSync(join(checkout, 'placement/tests/functional/gabbits'))) {
  process.stderr.write('Name a checkout of openstack/placement with --checkout.\n');
  process.exit(2);
}

interface Result {
  readonly ran: number;
  readonly failed: number;
  readonly files: Readonly<
    Record<string, { readonly tests: number; readonly failed: readonly (readonly [name: string, trace: string])[] }>
  >;
}

const result = await run();
if (values.json === true) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
else {
  for (const [file, { tests, failed }] of Object.entries(result.files).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    process.stdout.write(`${file.padEnd(52)} ${String(tests - failed.length).padStart(4)} of ${tests}\n`);
    for (const [name, trace] of failed) process.stdout.write(`  ${name}\n${trace.replaceAll(/^/gm, '    ')}\n`);
  }
  process.stdout.write(`${result.ran - result.failed} of ${result.ran} pass\n`);
}
process.exitCode = result.failed === 0 ? 0 : 1;

async function run(): Promise<Result> {
  await using placement = await servePlacement();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn('/usr/bin/python3', [join(import.meta.dirname, 'gabbits.py'), checkout, String(placement.port), ...positionals], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.once('error', reject);
  child.once('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`gabbits.py ended with ${code}`))));
  return JSON.parse(await promise) as Result;
}
