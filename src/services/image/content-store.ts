import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { HttpError } from '../../lib/http/http-error.ts';
import type { IdSource } from '../../lib/ids.ts';
import { createFormatInspector, type Inspection } from '../../lib/image-format/format-inspector.ts';

/** Data that lies whole on disk, under a name that nobody else knows yet. */
export interface ReceivedData {
  readonly path: string;
  readonly size: number;
  readonly md5: string;
  readonly sha512: string;
  readonly inspection: Inspection;
}

export interface ReceiveOptions {
  /** Most bytes that are taken; one more is a refusal. */
  readonly limit: number;
  /** What the sender announced, where it did. */
  readonly expected: number | undefined;
  /** Asked as soon as the first bytes tell the format, and once more at the end; throws to refuse. */
  readonly judge: (inspection: Inspection) => void;
}

/**
 * The data of images, on disk by their hash: equal data is stored once. Below the directory: `incoming/` what is being received,
 * `staged/` what waits for an import, `data/ab/<sha512>` what images refer to. Whoever moves or removes data holds its lock in the database.
 */
export interface ContentStore {
  /** Writes a stream to disk. Fails with nothing left behind. */
  receive(source: Readable, options: ReceiveOptions): Promise<ReceivedData>;
  /** Makes received data the data of its hash. */
  keep(received: ReceivedData): Promise<void>;
  discard(received: ReceivedData): Promise<void>;
  stage(received: ReceivedData, imageId: string): Promise<void>;
  openStaged(imageId: string): Readable;
  unstage(imageId: string): Promise<void>;
  stagedIds(): Promise<string[]>;
  /** Bytes `start` to `end`, both included; the file stays readable when it is removed meanwhile. */
  open(sha512: string, range: { readonly start: number; readonly end: number }): Readable;
  remove(sha512: string): Promise<void>;
  hashes(): Promise<string[]>;
}

export async function openContentStore(directory: string, ids: IdSource): Promise<ContentStore> {
  const incoming = join(directory, 'incoming');
  const staged = join(directory, 'staged');
  const data = join(directory, 'data');
  for (const path of [directory, incoming, staged, data]) await mkdir(path, { recursive: true, mode: 0o700 });
  await rm(incoming, { recursive: true, force: true }); // what a stopped process was receiving is nobody's
  await mkdir(incoming, { mode: 0o700 });
  const pathOf = (sha512: string): string => join(data, sha512.slice(0, 2), sha512);

  return {
    async receive(source, { limit, expected, judge }) {
      if (expected !== undefined && expected > limit) throw tooLarge(limit);
      const path = join(incoming, ids.uuid());
      try {
        return await writeInspected(path, source, { limit, expected, judge });
      } catch (error) {
        await rm(path, { force: true });
        throw worded(error);
      }
    },
    async keep({ path, sha512, size }) {
      const target = pathOf(sha512);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      const there = await stat(target).catch(() => null);
      if (there?.size === size) {
        await rm(path);
        return;
      }
      await rename(path, target);
      await syncDirectory(dirname(target));
      await syncDirectory(data);
    },
    discard: ({ path }) => rm(path, { force: true }),
    async stage({ path }, imageId) {
      await rename(path, join(staged, imageId));
      await syncDirectory(staged);
    },
    openStaged: (imageId) => createReadStream(join(staged, imageId)),
    unstage: (imageId) => rm(join(staged, imageId), { force: true }),
    stagedIds: () => readdir(staged),
    open: (sha512, range) => createReadStream(pathOf(sha512), { ...range, highWaterMark: 262_144 }),
    remove: (sha512) => rm(pathOf(sha512), { force: true }),
    hashes: async () =>
      (await readdir(data, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name),
  };
}

async function writeInspected(path: string, source: Readable, { limit, expected, judge }: ReceiveOptions): Promise<ReceivedData> {
  const md5 = createHash('md5');
  const sha512 = createHash('sha512');
  const inspector = createFormatInspector();
  let size = 0;
  let judged = false;
  const file = await open(path, 'wx', 0o600);
  try {
    // a request that is refused halfway must stay open for its answer
    const chunks: AsyncIterable<Uint8Array> = source.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > limit) throw tooLarge(limit);
      md5.update(chunk);
      sha512.update(chunk);
      inspector.push(chunk);
      if (!judged && inspector.decided) {
        judge(inspector.result());
        judged = true;
      }
      for (let written = 0; written < chunk.length;) written += (await file.write(chunk, written)).bytesWritten;
    }
    if (expected !== undefined && size !== expected)
      throw new HttpError(400, `The image data has ${size} bytes, not the ${expected} that were announced.`);
    const inspection = inspector.finish();
    judge(inspection);
    await file.sync();
    return { path, size, md5: md5.digest('hex'), sha512: sha512.digest('hex'), inspection };
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

const tooLarge = (limit: number): HttpError =>
  new HttpError(413, `Image exceeds the storage quota: at most ${limit} bytes can be stored for it.`);

/** What a failure of the disk or of the sender means to whoever sent the data. */
function worded(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code))
    return new HttpError(413, 'Image storage media is full: there is not enough disk space on the image store.');
  if (['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes(code))
    return new HttpError(400, 'The connection was closed before all image data had come.');
  return error;
}
