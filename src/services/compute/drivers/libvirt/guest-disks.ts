import { access, constants, copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../../../../config/index.ts';
import type { ProgramName } from '../../../../lib/command/programs.ts';
import { runCommand } from '../../../../lib/command/run-command.ts';
import { internal, unavailable } from '../../../../lib/errors.ts';
import { errnoOf } from '../../errno.ts';
import { convertImage, qemuImg } from '../../examine-image.ts';
import type { DiskSpec, FileSystem, GuestSpec } from '../driver.ts';
import type { PlacedDevice } from '../../../../domain/metadata/tagged-devices.ts';
import { writeConfigDrive } from './config-drive.ts';
import { configDriveFile } from './disk-layout.ts';
import { diskFormatOf } from './host-survey.ts';

/** Writes a guest's config drive, unless it is there. */
export async function makeConfigDrive(
  { configDrive }: GuestSpec,
  directory: string,
  placed: () => Promise<readonly PlacedDevice[]>,
  signal: AbortSignal,
): Promise<void> {
  if (configDrive === null) return;
  const path = join(directory, configDriveFile(configDrive));
  if (await exists(path)) return;
  try {
    await writeConfigDrive(configDrive, configDrive.files(await placed()), path, signal);
  } catch (error) {
    throw noRoom(error);
  }
}

/** Makes a guest's directory with all its disks, anew: what an interrupted try has left there is removed first. */
export async function makeGuestDisks(spec: GuestSpec, directory: string, settings: Settings, signal: AbortSignal): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o755 });
  try {
    for (const disk of spec.disks) await makeDisk(disk, join(directory, disk.file), settings, signal);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw noRoom(error);
  }
}

/** Makes what a guest has only while it is rescued, anew. */
export async function makeRescueDisks(spec: GuestSpec, directory: string, settings: Settings, signal: AbortSignal): Promise<void> {
  await removeRescueDisks(directory);
  for (const disk of spec.disks.filter(({ onlyForRescue }) => onlyForRescue === true))
    await makeDisk(disk, join(directory, disk.file), settings, signal);
}

const rescueDisks = async (directory: string): Promise<readonly string[]> =>
  (await readdir(directory)).filter((file) => file.endsWith('.rescue'));

export const hasRescueDisks = async (directory: string): Promise<boolean> => (await rescueDisks(directory)).length > 0;

export async function removeRescueDisks(directory: string): Promise<void> {
  for (const file of await rescueDisks(directory)) await rm(join(directory, file), { force: true });
}

export async function makeDisk({ device, content, bytes }: DiskSpec, path: string, settings: Settings, signal: AbortSignal): Promise<void> {
  const run = (...args: readonly string[]): Promise<unknown> => runCommand({ ...qemuImg(settings, signal), args });
  const format = diskFormatOf(settings);
  if (content.kind === 'blank') {
    if (bytes === null) throw internal('A blank disk must have a size.');
    if (content.format === undefined) await run('create', '-q', '-f', format, '--', path, String(bytes));
    else await makeFormatted({ ...content.format, bytes }, path, settings, signal);
    return;
  }
  if (content.base === null) throw internal('The image of a disk was not fetched.');
  const { base } = content;
  // a CD-ROM is only read: it needs no overlay, and keeps its own format
  if (device === 'cdrom') return copyFile(base.path, path, constants.COPYFILE_FICLONE);
  const size = String(Math.max(bytes ?? 0, base.virtualBytes));
  if (format === 'raw') {
    await convertImage({ from: base.path, fromFormat: base.format, to: path, toFormat: 'raw', settings, signal });
    await run('resize', '-q', '-f', 'raw', '--', path, size);
    return;
  }
  // the backing format stands in the overlay, so that nobody ever guesses it from the image's contents
  await run('create', '-q', '-f', 'qcow2', '-b', base.path, '-F', base.format, '--', path, size);
}

/** A disk with a file system. Programs that make one write files, which become what disks are here. */
async function makeFormatted(
  { fileSystem, label, bytes }: { readonly fileSystem: FileSystem; readonly label: string; readonly bytes: number },
  path: string,
  settings: Settings,
  signal: AbortSignal,
): Promise<void> {
  const plain = diskFormatOf(settings) === 'raw' ? path : `${path}.plain`;
  try {
    await runCommand({ ...qemuImg(settings, signal), args: ['create', '-q', '-f', 'raw', '--', plain, String(bytes)] });
    const { program, args } = makers[fileSystem](label);
    await runCommand({ program, args: [...args, plain], signal, timeoutMs: 60_000 });
    if (plain !== path) await convertImage({ from: plain, fromFormat: 'raw', to: path, toFormat: 'qcow2', settings, signal });
  } finally {
    if (plain !== path) await rm(plain, { force: true });
  }
}

const makers: Readonly<Record<FileSystem, (label: string) => { readonly program: ProgramName; readonly args: readonly string[] }>> = {
  ext4: (label) => ({ program: 'mkfs.ext4', args: ['-q', '-F', '-L', label, '--'] }),
  xfs: (label) => ({ program: 'mkfs.xfs', args: ['-q', '-f', '-L', label] }),
  vfat: (label) => ({ program: 'mkfs.vfat', args: ['-n', label] }),
  swap: () => ({ program: 'mkswap', args: [] }),
};

/** What went wrong, in our words where there was no room. */
const noRoom = (error: unknown): unknown =>
  noSpace(error) ? unavailable('There is no room on the host for the disks of the guest.', { code: 'no-room', cause: error }) : error;

const exists = (path: string): Promise<boolean> =>
  access(path, constants.F_OK).then(
    () => true,
    () => false,
  );

const noSpace = (error: unknown): boolean =>
  errnoOf(error) === 'ENOSPC' ||
  (error instanceof Error && error.cause instanceof Error && error.cause.message.includes('No space left on device'));
