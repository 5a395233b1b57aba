import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { unavailable } from '../../../lib/errors.ts';
import type { Log } from '../../../lib/log.ts';

export interface GuestImageOptions {
  /** Where images are kept between starts; made when missing. */
  readonly directory: string;
  readonly log: Log;
  /** Told what is being done, in a few words, for people who wait. */
  readonly progress?: (what: string) => void;
  readonly signal?: AbortSignal;
}

/** A small guest that boots by BIOS and UEFI. README.md beside this says what it does. */
export interface GuestImage {
  /** A qcow2 without a backing file. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly facts: GuestImageFacts;
}

export interface GuestImageFacts {
  readonly virtualSizeBytes: number;
  readonly minimumMemoryMib: number;
  /** For guests that are started from a kernel and a RAM disk of their own instead of a boot loader. */
  readonly kernelPath: string;
  readonly ramdiskPath: string;
  /** The password works on consoles only; the network wants a key, or the password of the instance. */
  readonly user: string;
  readonly consolePassword: string;
}

/** What was made last, and from what: while that stands, it is not asked again which packages there are. */
interface MadeBefore {
  readonly recipe: string;
  readonly packageListsChangedMs: number;
  readonly image: GuestImage;
}

const recipeDirectory = import.meta.dirname;

/** Makes the image, which takes some ten seconds and a download of 30 MB, or answers the one made before. Callers at the same time share one making. */
export async function makeGuestImage(options: GuestImageOptions): Promise<GuestImage> {
  const { directory, log, signal } = options;
  signal?.throwIfAborted();
  await mkdir(directory, { recursive: true });
  const state = { recipe: await hashRecipe(), packageListsChangedMs: await packageListsChangedMs() };
  const recordPath = join(directory, 'guest-image.json');
  const known = await knownImage(recordPath, state);
  if (known !== null) return known;

  const path = await runRecipe(options);
  const image = await describeImage(path);
  const record: MadeBefore = { ...state, image };
  await writeFile(`${recordPath}.${process.pid}`, `${JSON.stringify(record, undefined, 2)}\n`);
  await rename(`${recordPath}.${process.pid}`, recordPath);
  log.info({ path, sizeBytes: image.sizeBytes }, 'the guest image is ready');
  return image;
}

async function knownImage(recordPath: string, state: Omit<MadeBefore, 'image'>): Promise<GuestImage | null> {
  try {
    const { image, ...made }: MadeBefore = JSON.parse(await readFile(recordPath, 'utf8'));
    if (made.recipe !== state.recipe || made.packageListsChangedMs !== state.packageListsChangedMs) return null;
    return (await stat(image.path)).size === image.sizeBytes ? image : null;
  } catch {
    return null; // never made, or tampered with: the recipe finds out
  }
}

/** A hash of every file that makes the image. */
async function hashRecipe(): Promise<string> {
  const hash = createHash('sha256');
  const names = (await readdir(recipeDirectory, { recursive: true })).toSorted();
  for (const name of names) {
    if (!/^(make-guest-image\.sh$|initramfs\/|root\/)/.test(name)) continue;
    const path = join(recipeDirectory, name);
    if ((await stat(path)).isFile()) hash.update(`${name}\0`).update(await readFile(path));
  }
  return hash.digest('hex');
}

/** When apt last learned of new packages; 0 where there is no apt. */
const packageListsChangedMs = async (): Promise<number> =>
  stat('/var/lib/apt/lists').then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

/** Runs the recipe, one at a time in a directory, and answers the path of the image. */
async function runRecipe({ directory, log, progress, signal }: GuestImageOptions): Promise<string> {
  const child = spawn(
    'flock',
    ['--no-fork', join(directory, 'lock'), 'sh', join(recipeDirectory, 'make-guest-image.sh'), directory],
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true }, // in a group of its own, so that all of it can be stopped
  );
  const stop = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  };
  signal?.addEventListener('abort', stop, { once: true });
  let path: string | null = null;
  const complaints: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, word, rest] = /^(progress|image) (.*)$/.exec(line) ?? [];
    if (word === 'image' && rest !== undefined) path = rest;
    if (word !== 'progress' || rest === undefined) return;
    log.debug({ what: rest }, 'making the guest image');
    progress?.(rest);
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    complaints.push(line);
    if (complaints.length > 50) complaints.shift();
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const code = await ended.finally(() => signal?.removeEventListener('abort', stop));
  signal?.throwIfAborted();
  if (code !== 0 || path === null) {
    throw unavailable(`The guest image could not be made: ${complaints.at(-1) ?? `the recipe ended with status ${code}`}.`, {
      cause: new Error(complaints.join('\n')),
    });
  }
  return path;
}

async function describeImage(path: string): Promise<GuestImage> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const header = (await readFile(path)).subarray(0, 32);
  return {
    path,
    sizeBytes: (await stat(path)).size,
    sha256: hash.digest('hex'),
    facts: {
      virtualSizeBytes: Number(header.readBigUInt64BE(24)), // where a qcow2 says it
      minimumMemoryMib: 128,
      kernelPath: path.replace(/qcow2$/, 'vmlinuz'),
      ramdiskPath: path.replace(/qcow2$/, 'initrd'),
      user: 'root',
      consolePassword: 'kilonova',
    },
  };
}
