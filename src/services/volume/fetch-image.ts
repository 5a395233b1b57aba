import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Image } from '../../clients/image.ts';
import { invalid, unavailable, type KilonovaError } from '../../lib/errors.ts';
import { createFormatInspector, type ImageFormat } from '../../lib/image-format/format-inspector.ts';
import type { VolumeDeps } from './deps.ts';

/** What an image may turn out to be when it says that it is such a format, and what qemu-img calls it. */
const allowed: Readonly<Record<string, { readonly found: readonly ImageFormat[]; readonly format: string }>> = {
  raw: { found: ['raw', 'gpt'], format: 'raw' },
  iso: { found: ['iso'], format: 'raw' },
  qcow2: { found: ['qcow2'], format: 'qcow2' },
  vmdk: { found: ['vmdk'], format: 'vmdk' },
  vdi: { found: ['vdi'], format: 'vdi' },
  vhd: { found: ['vhd'], format: 'vpc' },
  vhdx: { found: ['vhdx'], format: 'vhdx' },
};

const refused = (image: Image, why: string): KilonovaError => invalid(`Image ${image.id} is unacceptable: ${why}`);

/** Fetches an image into a file of this machine, and refuses what is not what it says it is, or reaches for other files. */
export async function fetchImage(
  { image: client, session, scratch, ids }: Pick<VolumeDeps, 'image' | 'session' | 'scratch' | 'ids'>,
  imageId: string,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal },
): Promise<{ readonly path: string; readonly format: string; readonly image: Image }> {
  const image = await client.show(session, imageId);
  if (image.status !== 'active') throw refused(image, `it is ${image.status}.`);
  const declared = image.diskFormat ?? '';
  const expected = Object.hasOwn(allowed, declared) ? allowed[declared] : undefined;
  if (expected === undefined) throw refused(image, `disks of format '${declared}' cannot be used.`);

  const path = join(scratch, ids.uuid());
  const inspector = createFormatInspector();
  const algorithm = image.hash?.algorithm === 'sha512' || image.hash?.algorithm === 'sha256' ? image.hash.algorithm : null;
  const hash = algorithm === null ? null : createHash(algorithm);
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      inspector.push(chunk);
      hash?.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(await client.download(session, imageId, signal), watch, createWriteStream(path, { mode: 0o600 }), { signal });
  const { formats, problems, size, virtualSize } = inspector.finish();
  if (image.size !== null && size !== image.size) throw unavailable(`Image ${imageId} came with ${size} of ${image.size} bytes.`);
  if (hash !== null && hash.digest('hex') !== image.hash?.value) throw unavailable(`Image ${imageId} came with other bytes than it has.`);
  if (problems.length > 0) throw refused(image, problems.join('; '));
  const other = formats.find((format) => !expected.found.includes(format));
  if (other !== undefined) throw refused(image, `it says that it is ${declared} and is ${other}.`);
  const needed = expected.format === 'raw' ? size : (virtualSize ?? size);
  if (needed > maxBytes) throw refused(image, `its disk has ${needed} bytes and the volume ${maxBytes}.`);
  return { path, format: expected.format, image };
}
