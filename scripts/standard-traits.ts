import { glob, readFile, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { standardTraits } from '../src/domain/standard-traits.ts';

/**
 * Compares the standard traits with those of a checkout of openstack/os-traits, and adds what is new; none is ever taken away.
 *
 *     node scripts/standard-traits.ts --checkout ../os-traits [--write]
 *
 * Exit code 1: some are missing and were not written.
 */
const { values } = parseArgs({ options: { checkout: { type: 'string' }, write: { type: 'boolean', default: false } } });
if (values.checkout === undefined) {
  process.stderr.write('Name a checkout of os-traits: --checkout DIR\n');
  process.exit(2);
}
const root = join(values.checkout, 'os_traits');

/** The names of one module: its path, and what stands in its list. */
function namesIn(path: string, text: string): string[] {
  const list = /^TRAITS = \[(.*?)^\]/ms.exec(text)?.[1] ?? '';
  const place = path.replace(/(\/__init__)?\.py$/, '').split(sep);
  const names = list.replaceAll(/#.*$/gm, '').matchAll(/['"]([A-Z0-9_]+)['"]/g);
  return [...names].map(([, name]) => [...place, name].join('_').toUpperCase());
}

const published: string[] = [];
for await (const path of glob('**/*.py', { cwd: root }))
  if (!path.startsWith('tests')) published.push(...namesIn(path, await readFile(join(root, path), 'utf8')));
if (published.length === 0) {
  process.stderr.write(`There are no traits in ${root}.\n`);
  process.exit(2);
}
const missing = published.filter((name) => !standardTraits.includes(name)).toSorted();
process.stdout.write(
  `${published.length} published, ${standardTraits.length} known, ${missing.length} missing\n${missing.map((name) => `  ${name}\n`).join('')}`,
);
if (missing.length > 0 && values.write) {
  const file = join(import.meta.dirname, '../src/domain/standard-traits.ts');
  const all = [...standardTraits, ...missing].toSorted();
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    text.replace(
      /(standardTraits: readonly string\[\] = \[\n).*?(^\];)/ms,
      (_, head: string, end: string) => `${head}${all.map((name) => `  '${name}',\n`).join('')}${end}`,
    ),
  );
} else if (missing.length > 0) process.exitCode = 1;
