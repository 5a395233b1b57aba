import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { programs } from '../src/lib/command/programs.ts';

/** Every Debian has the first; the second comes with qemu-system-x86. */
const comeAlong = ['util-linux', 'qemu-system-common'];

test('every program the product may run comes with a package that bootstrap.sh installs', async () => {
  const list = await readFile(join(import.meta.dirname, 'debian-packages.txt'), 'utf8');
  const cloud = /^\[cloud\]\n([^[]*)/m.exec(list)?.[1] ?? '';
  const listed = cloud.split('\n').map((line) => line.split(' ')[0] ?? '');
  const needed = Object.values(programs).map((program) => program.package);
  expect(needed.filter((name) => ![...listed, ...comeAlong].includes(name))).toEqual([]);
});
