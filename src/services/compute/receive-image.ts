import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Image } from '../../clients/image.ts';
import { KilonovaError, unavailable } from '../../lib/errors.ts';
import { createFormatInspector, type Inspection } from '../../lib/image-format/format-inspector.ts';
import { errnoOf } from './errno.ts';

export interface ReceiveImage {
  readonly image: Image;
  readonly path: string;
  readonly download: (signal: AbortSignal) => Promise<Readable>;
  readonly signal: AbortSignal;
}

/** Writes an image's data to a file, and answers what it turned out to be. Data of another size or hash than promised is refused, for another try. */
export async function receiveImage({ image, path, download, signal }: ReceiveImage): Promise<Inspection> {
  const inspector = createFormatInspector();
  const promised = promisedHash(image);
  const hash = promised === null ? null : createHash(promised.algorithm);
  await using file = await open(path, 'w', 0o644);
  const data = await download(signal);
  let size = 0;
  try {
    for await (const piece of data) {
      const chunk = piece as Buffer;
      size += chunk.length;
      if (image.size !== null && size > image.size) throw broken(image, `it is longer than the ${image.size} bytes it should have`);
      hash?.update(chunk);
      inspector.push(chunk);
      await file.writeFile(chunk);
      signal.throwIfAborted();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof KilonovaError || errnoOf(error) === 'ENOSPC') throw error;
    throw broken(image, 'the download broke off', error);
  } finally {
    data.destroy();
  }
  if (image.size !== null && size !== image.size) throw broken(image, `it has ${size} bytes instead of ${image.size}`);
  if (hash !== null && hash.digest('hex') !== promised?.value)
    throw broken(image, `its ${promised?.algorithm} is not the one it should have`);
  await file.datasync();
  return inspector.finish();
}

const broken = (image: Image, why: string, cause?: unknown): KilonovaError =>
  unavailable(`Image ${image.id} could not be read: ${why}.`, { code: 'image-data', cause });

/** The multihash, else Glance's old MD5; null where the image service promises nothing. */
function promisedHash({ hash, checksum }: Image): { readonly algorithm: string; readonly value: string } | null {
  if (hash !== null && ['sha256', 'sha384', 'sha512'].includes(hash.algorithm))
    return { algorithm: hash.algorithm, value: hash.value.toLowerCase() };
  return checksum === null ? null : { algorithm: 'md5', value: checksum.toLowerCase() };
}
