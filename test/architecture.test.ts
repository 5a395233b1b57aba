import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Who may import what, besides itself. The longest area a file lies in counts; what is not listed may import nothing of ours. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/lib': [],
  'src/domain': ['src/lib'],
  'src/config': ['src/lib', 'src/domain'],
  'src/contracts': ['src/lib', 'src/domain'],
  'src/clients': ['src/lib', 'src/domain'],
  'src/store': ['src/lib', 'src/domain'],
  ...Object.fromEntries(
    ['api', 'conductor', 'scheduler', 'consoles', 'metadata'].map((name) => [
      `src/services/${name}`,
      ['src/lib', 'src/domain', 'src/config', 'src/contracts', 'src/clients', 'src/store'],
    ]),
  ),
  ...Object.fromEntries(
    ['compute', 'placement', 'identity', 'image', 'network', 'volume', 'network-agent', 'doctor'].map((name) => [
      `src/services/${name}`,
      ['src/lib', 'src/domain', 'src/config', 'src/contracts', 'src/clients'],
    ]),
  ),
  'src/services/manage': ['src/lib', 'src/domain', 'src/config', 'src/contracts', 'src/clients', 'src/store'],
  'src/services/inspect': ['src/lib', 'src/domain', 'src/config', 'src/contracts', 'src/clients'],
  // what wires services together
  'src/services/up': ['src'],
  'src/main.ts': ['src'],
  test: ['src'],
  scripts: ['src', 'test'],
  bench: ['src'],
};

const areas = Object.keys(mayImport).toSorted((a, b) => b.length - a.length);
const areaOf = (path: string): string | null => areas.find((area) => path === area || path.startsWith(`${area}/`)) ?? null;

/** Tests beside the code may use the tests' own support. */
const isTest = (path: string): boolean =>
  path.endsWith('.test.ts') ||
  path.includes('/test-support/') ||
  path.endsWith('/conformance.ts') ||
  path.endsWith('-under-test.ts') ||
  path.includes('/testing/');

const importsOf = (path: string): string[] =>
  [
    ...readFileSync(join(root, path), 'utf8').matchAll(
      /(?:^|\s)(?:import|export)\b[^'"`;]*?from\s+'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'\s*\)|^import\s+'(\.[^']+)'/gm,
    ),
  ].map((match) => relative(root, join(root, dirname(path), match[1] ?? match[2] ?? match[3] ?? '')));

const files = globSync(['src/**/*.ts', 'test/**/*.ts', 'scripts/**/*.ts', 'bench/**/*.ts'], { cwd: root });

test('every file imports only what its area may', () => {
  const wrong = files.flatMap((path) => {
    const area = areaOf(path);
    return importsOf(path)
      .filter((target) => {
        if (area !== null && (target === area || target.startsWith(`${area}/`))) return false;
        if (isTest(path) && (target.startsWith('test/support/') || target.startsWith('src/'))) return false;
        return !(area !== null && mayImport[area]!.some((allowed) => target === allowed || target.startsWith(`${allowed}/`)));
      })
      .map((target) => `${path} imports ${target}`);
  });
  expect(wrong).toEqual([]);
});

test('the table speaks of files that exist, and the check reads imports', () => {
  expect(files.length).toBeGreaterThan(200);
  expect(importsOf('src/store/stores.ts')).toContain('src/lib/sql/database.ts');
});

test('lib knows no cloud', () => {
  const words = /\b(instance|flavor|tenant)s?\b/i;
  const wrong = files
    .filter((path) => path.startsWith('src/lib/') && !path.endsWith('.test.ts'))
    .filter((path) => words.test(readFileSync(join(root, path), 'utf8').replaceAll(/\binstanceof\b|\/instance-|instancePath/g, '')));
  expect(wrong).toEqual([]);
});

test('domain waits for nothing', () => {
  const wrong = files
    .filter((path) => path.startsWith('src/domain/') && !path.endsWith('.test.ts'))
    .filter((path) =>
      /\basync\b|\bawait\b|new Promise|from 'node:(fs|net|http|child_process)/.test(readFileSync(join(root, path), 'utf8')),
    );
  expect(wrong).toEqual([]);
});
