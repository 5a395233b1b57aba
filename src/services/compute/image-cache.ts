import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Image, ImageClient } from '../../clients/image.ts';
import type { Session } from '../../clients/session.ts';
import type { Settings } from '../../config/index.ts';
import type { Clock } from '../../lib/clock.ts';
import { invalid, isKind, type KilonovaError, notFound, unavailable } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { retry } from '../../lib/retry.ts';
import type { BaseImage } from './drivers/driver.ts';
import { convertImage, examineImage } from './examine-image.ts';
import { readQcow2Header } from './qcow2-header.ts';
import { receiveImage } from './receive-image.ts';
import { errnoOf } from './errno.ts';

export interface ImageCacheDeps {
  /** `instances_path`: the cache lies in a directory of its own in it. */
  readonly directory: string;
  readonly images: Pick<ImageClient, 'show' | 'download'>;
  readonly session: Session;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
}

/** Images as files that disks are made from: each is fetched once, judged, and kept while a guest uses it and for some time after. */
export interface ImageCache {
  /** The file of an image; fetched when it is not there. Many who ask at the same time wait for one download. */
  base(image: { readonly id: string }, signal: AbortSignal): Promise<BaseImage>;
  /** Removes what has not been used for long. */
  clean(signal: AbortSignal): Promise<Readonly<Record<string, unknown>>>;
}

/** The least time a file is kept after it was asked for: a disk may be about to be made from it. */
const leastAgeMs = 300_000;
const gib = 1024 ** 3;

export function openImageCache(deps: ImageCacheDeps): ImageCache {
  const { settings, clock, log } = deps;
  const directory = join(deps.directory, settings.image_cache.subdirectory_name);
  const fetching = new Map<string, { readonly control: AbortController; waiting: number; readonly done: Promise<BaseImage> }>();
  let parts = 0;

  async function fetch(id: string, signal: AbortSignal): Promise<BaseImage> {
    await mkdir(directory, { recursive: true });
    const image = await deps.images.show(deps.session, id);
    if (image.status !== 'active') throw notFound(`Image ${id} is ${image.status}: its data cannot be read.`);
    await refuseWithoutRoom(directory, image);
    const part = join(directory, `${nameOf(id)}.${process.pid}-${parts++}.part`);
    const converted = `${part}.converted.part`;
    try {
      const inspection = await retry(
        () => receiveImage({ image, path: part, download: (s) => deps.images.download(deps.session, id, s), signal }),
        {
          clock,
          signal,
          attempts: settings.glance.num_retries + 1,
          delayMs: 500,
          when: (error) => isKind(error, 'unavailable') && error.code !== 'no-room',
        },
      );
      const format = await examineImage({ image, inspection, path: part, settings, signal });
      const kept: BaseImage['format'] = format === 'raw' || settings.DEFAULT.force_raw_images ? 'raw' : 'qcow2';
      const finished = kept === format ? part : converted;
      if (finished === converted) await convertImage({ from: part, fromFormat: format, to: converted, toFormat: kept, settings, signal });
      const path = join(directory, fileName(id, kept));
      await rename(finished, path);
      log.info({ imageId: id, bytes: inspection.size, format, kept }, 'image cached');
      return { path, format: kept, virtualBytes: await virtualBytes(path, kept) };
    } catch (error) {
      throw errnoOf(error) === 'ENOSPC' ? noRoom(id, error) : error;
    } finally {
      await Promise.all([part, converted].map((path) => rm(path, { force: true })));
    }
  }

  async function present(id: string): Promise<BaseImage | null> {
    for (const format of ['qcow2', 'raw'] as const) {
      const path = join(directory, fileName(id, format));
      try {
        await access(path, constants.R_OK);
        const now = clock.now() / 1000;
        await utimes(path, now, now);
        return { path, format, virtualBytes: await virtualBytes(path, format) };
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
    }
    return null;
  }

  return {
    async base({ id }, signal) {
      const found = await present(id);
      if (found !== null) return found;
      let entry = fetching.get(id);
      if (entry === undefined) {
        const control = new AbortController();
        const done = fetch(id, control.signal).finally(() => fetching.delete(id));
        done.catch(() => undefined); // those who wait hear it
        entry = { control, waiting: 0, done };
        fetching.set(id, entry);
      }
      entry.waiting++;
      const mine = entry;
      const { promise: gaveUp, reject } = Promise.withResolvers<never>();
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        signal.throwIfAborted();
        return await Promise.race([mine.done, gaveUp]);
      } finally {
        signal.removeEventListener('abort', onAbort);
        if (--mine.waiting === 0) mine.control.abort(signal.reason ?? new Error('nobody waits for the image any more'));
      }
    },
    async clean(signal) {
      const minimumMs = Math.max(settings.image_cache.remove_unused_original_minimum_age_seconds * 1000, leastAgeMs);
      const used = await basesInUse(deps.directory, directory);
      const removed: string[] = [];
      let bytes = 0;
      for (const name of await entriesOf(directory)) {
        signal.throwIfAborted();
        const path = join(directory, name);
        const { mtimeMs, size } = await stat(path);
        const unfinished = name.endsWith('.part');
        if (used.has(path)) await utimes(path, clock.now() / 1000, clock.now() / 1000);
        else if (
          clock.now() - mtimeMs > (unfinished ? leastAgeMs : minimumMs) &&
          (unfinished || settings.image_cache.remove_unused_base_images)
        ) {
          if ([...fetching.keys()].some((id) => name.startsWith(nameOf(id)))) continue;
          await rm(path, { force: true });
          removed.push(name);
          continue;
        }
        bytes += size;
      }
      if (removed.length > 0) log.info({ files: removed }, 'unused images removed from the cache');
      return { used: used.size, removed: removed.length, bytes };
    },
  };
}

/** Nova's name for the file of an image. */
const nameOf = (imageId: string): string => createHash('sha1').update(imageId).digest('hex');
/** The format is told by the name, never by looking into a file whose contents a user chose. */
const fileName = (imageId: string, format: BaseImage['format']): string => (format === 'raw' ? `${nameOf(imageId)}.raw` : nameOf(imageId));

const virtualBytes = async (path: string, format: BaseImage['format']): Promise<number> =>
  format === 'raw' ? (await stat(path)).size : (await readQcow2Header(path)).virtualBytes;

const noRoom = (imageId: string, cause?: unknown): KilonovaError =>
  unavailable(`There is no room on the host's disk for image ${imageId}.`, { code: 'no-room', cause });

async function refuseWithoutRoom(directory: string, image: Image): Promise<void> {
  if (image.size === null) throw invalid(`Image ${image.id} has no data.`);
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < image.size + gib / 16) throw noRoom(image.id);
}

/** Bases that a disk in a guest's directory is an overlay of. */
async function basesInUse(instancesPath: string, cacheDirectory: string): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  for (const entry of await entriesOf(instancesPath)) {
    if (entry === basename(cacheDirectory)) continue;
    for (const file of await entriesOf(join(instancesPath, entry))) {
      if (!file.startsWith('disk') || file.startsWith('disk.config')) continue;
      const header = await readQcow2Header(join(instancesPath, entry, file)).catch(() => null); // raw, or just removed
      if (header?.backingFile !== null && header !== null && dirname(header.backingFile) === cacheDirectory) used.add(header.backingFile);
    }
  }
  return used;
}

async function entriesOf(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}
