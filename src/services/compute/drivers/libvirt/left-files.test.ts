import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { randomIds } from '../../../../lib/ids.ts';
import { libvirtLeftFiles } from './left-files.ts';

let instancesPath: string;
beforeEach(async () => void (instancesPath = await mkdtemp(join(tmpdir(), 'kilonova-left-files-'))));
afterEach(() => rm(instancesPath, { recursive: true, force: true }));

const long = new Date(1_000_000);
/** A directory with these files, which nothing has touched for long but the last of them. */
async function directory(name: string, ...files: readonly string[]): Promise<void> {
  const path = join(instancesPath, name);
  await mkdir(path);
  for (const [index, file] of files.entries()) {
    await writeFile(join(path, file), '');
    const at = index === files.length - 1 ? new Date(2_000_000) : long;
    await utimes(join(path, file), at, at);
  }
  await utimes(path, long, long);
}
const filesOf = (there: readonly string[], setAside: readonly string[] = []) =>
  libvirtLeftFiles({
    instancesPath,
    guests: () => Promise.resolve(new Set(there)),
    aside: () => Promise.resolve(new Set(setAside)),
  });

test('directories without a guest are left over, and what was copied of disks; nothing else is', async () => {
  const [guest, gone, moved, half] = Array.from({ length: 4 }, () => randomIds.uuid()) as [string, string, string, string];
  await directory(guest, 'disk', 'copy.image-1');
  await directory(gone, 'disk', 'disk.config');
  await directory(`${moved}_resize`, 'disk', 'set-aside');
  await directory(`${half}_resize`, 'disk');
  await directory('_base', 'an-image');
  await directory('locks');
  const files = filesOf([guest], [moved]);
  const left = [
    { id: guest, name: `${guest}/copy.image-1`, touchedAt: 2_000_000 },
    { id: gone, name: gone, touchedAt: 2_000_000 },
    { id: half, name: `${half}_resize`, touchedAt: 2_000_000 },
  ];
  const byName = (a: { readonly name: string }, b: { readonly name: string }): number => a.name.localeCompare(b.name);
  expect((await files.list()).toSorted(byName)).toEqual(left.toSorted(byName));
  for (const file of left) await files.remove(file);
  for (const file of left) await files.remove(file);
  expect(await files.list()).toEqual([]);
  expect((await readdir(instancesPath)).toSorted()).toEqual([guest, `${moved}_resize`, '_base', 'locks'].toSorted());
  expect(await readdir(join(instancesPath, guest))).toEqual(['disk']);
});

test('what is not left over is not removed, and nothing outside', async () => {
  const [guest, moved] = [randomIds.uuid(), randomIds.uuid()];
  await directory(guest, 'disk');
  const files = filesOf([guest], [moved]);
  await expect(files.remove({ id: guest, name: guest })).rejects.toMatchObject({ kind: 'conflict' });
  await expect(files.remove({ id: moved, name: `${moved}_resize` })).rejects.toMatchObject({ kind: 'conflict' });
  for (const [id, name] of [
    [guest, `${guest}/disk`],
    [guest, `${guest}/copy.../../x`],
    [guest, '_base'],
    ['..', '..'],
    [guest, moved],
  ] as const)
    await expect(files.remove({ id, name })).rejects.toMatchObject({ kind: 'invalid' });
});
