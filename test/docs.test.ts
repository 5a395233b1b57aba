import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const pages = globSync(['README.md', 'docs/**/*.md', 'test/real/README.md'], { cwd: root });
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** Places to which a page links inside this repository, as paths from its root. */
const linksOf = (page: string): string[] =>
  [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => target.split('#')[0] ?? '')
    .filter((path) => path !== '')
    .map((path) => normalize(join(dirname(page), path)));

/** Files and folders that a page names: `src/…`, `test/…`, `scripts/…`, `docs/…`. What holds a placeholder (`<name>`, `…`, `*`) is no name. */
const pathsIn = (page: string): string[] =>
  [...textOf(page).matchAll(/(?<![\w/.-])(?:src|test|scripts|docs|openapi|bench)\/[\w./<>*{},…-]*/g)]
    .map(([path]) => path.replace(/[.,]+$/, ''))
    .filter((path) => !/[<>*{}…]/.test(path));

const missingOf = (paths: (page: string) => string[]): string[] =>
  pages.flatMap((page) =>
    paths(page)
      .filter((path) => !existsSync(join(root, path)))
      .map((path) => `${page}: ${path}`),
  );

test('every link leads somewhere', () => {
  expect(missingOf(linksOf)).toEqual([]);
});

test('every file that is named exists', () => {
  expect(missingOf(pathsIn)).toEqual([]);
});

test('every heading that is linked to exists', () => {
  const headings = (page: string): string[] =>
    [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .replaceAll(/\s/g, '-'),
    );
  const wrong = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\(([^)\s:#]*)#([^)\s]+)\)/g)]
      .filter(([, target = '', anchor = '']) => !headings(target === '' ? page : normalize(join(dirname(page), target))).includes(anchor))
      .map(([link]) => `${page}: ${link}`),
  );
  expect(wrong).toEqual([]);
});

test('every test that is said to show something on real guests exists', () => {
  const page = 'test/real/README.md';
  const shown = textOf(page)
    .split('\n')
    .flatMap((line) => [...line.matchAll(/([\w-]+\.test\.ts): ((?:“[^”]+”(?:, )?)+)/g)])
    .flatMap(([, file = '', titles = '']) => [...titles.matchAll(/“([^”]+)”/g)].map(([, title = '']) => ({ file, title })));
  expect(shown.length).toBeGreaterThan(30);
  const missing = shown.filter(({ file, title }) => !readFileSync(join(root, dirname(page), file), 'utf8').includes(`('${title}'`));
  expect(missing).toEqual([]);
});

test('the check reads links and names', () => {
  expect(linksOf('README.md')).toContain('docs/ARCHITECTURE.md');
  expect(pathsIn('docs/ARCHITECTURE.md')).toContain('test/architecture.test.ts');
});
