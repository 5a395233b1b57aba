import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { runCommand } from '../../../../lib/command/run-command.ts';
import type { ConfigDriveFile } from '../../../../domain/metadata/config-drive-files.ts';
import { internal } from '../../../../lib/errors.ts';
import type { ConfigDriveSpec } from '../driver.ts';

/** Label by which guests find their config drive. */
const label = 'config-2';
const vfatKib = 64 * 1024;

/** Writes a config drive as one file. Nothing is mounted, and contents never stand in a program's arguments. */
export async function writeConfigDrive(
  { format }: Pick<ConfigDriveSpec, 'format'>,
  files: readonly ConfigDriveFile[],
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const tree = await mkdtemp(`${path}.tree-`);
  const unfinished = `${path}.new`;
  try {
    for (const file of files) {
      const inside = normalize(file.path);
      if (inside.startsWith('..') || inside.startsWith(sep) || inside.includes('\0'))
        throw internal('A file of the config drive lies outside of it.');
      const place = join(tree, inside);
      await mkdir(dirname(place), { recursive: true });
      await writeFile(place, file.content, { mode: 0o644 });
    }
    await rm(unfinished, { force: true });
    await (format === 'iso9660' ? writeIso(tree, unfinished, signal) : writeVfat(tree, unfinished, signal));
    await rename(unfinished, path);
  } finally {
    await rm(tree, { recursive: true, force: true });
    await rm(unfinished, { force: true });
  }
}

const writeIso = (tree: string, path: string, signal: AbortSignal): Promise<unknown> =>
  runCommand({
    program: 'xorriso',
    args: ['-as', 'mkisofs', '-quiet', '-o', path, '-ldots', '-allow-lowercase', '-allow-multidot', '-l', '-V', label, '-J', '-R', tree],
    signal,
    timeoutMs: 60_000,
  });

async function writeVfat(tree: string, path: string, signal: AbortSignal): Promise<void> {
  await runCommand({ program: 'mkfs.vfat', args: ['-n', label, '-C', path, String(vfatKib)], signal });
  for (const entry of await readdir(tree)) {
    await runCommand({ program: 'mcopy', args: ['-s', '-Q', '-i', path, join(tree, entry), '::/'], signal });
  }
}
