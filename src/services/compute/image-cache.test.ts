import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Image } from '../../clients/image.ts';
import { systemClock } from '../../lib/clock.ts';
import { runCommand } from '../../lib/command/run-command.ts';
import { silentLog } from '../../lib/log.ts';
import { openImageCache, type ImageCache } from './image-cache.ts';
import { world, type World } from './test-support/world.ts';
import { sampleImage } from '../../../test/support/samples.ts';

let directory: string;
let around: World;
let cache: ImageCache;
const { signal } = new AbortController();

const open = async (conf = ''): Promise<void> => {
  around = await world(`[glance]\nnum_retries = 1\n${conf}`);
  cache = openImageCache({
    directory,
    images: around.clients.image,
    session: around.identity.serviceSession,
    settings: around.settings,
    clock: systemClock,
    log: silentLog,
  });
};
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'image-cache-'));
  await open();
});
afterEach(() => rmSync(directory, { recursive: true }));

const qemuImg = (...args: readonly string[]) => runCommand({ program: 'qemu-img', args });
const sha1 = (id: string): string => createHash('sha1').update(id).digest('hex');
const cached = (): readonly string[] => readdirSync(join(directory, '_base')).toSorted();

/** An image in the image service; `data` may be asked for more than once. */
function offer(bytes: Buffer, changes: Partial<Image> = {}, data: () => Readable = () => Readable.from([bytes])): { readonly id: string } {
  const id = randomUUID();
  const image: Image = sampleImage({
    id,
    name: 'an image',
    owner: 'p',
    diskFormat: 'raw',
    size: bytes.length,
    hash: { algorithm: 'sha512', value: createHash('sha512').update(bytes).digest('hex') },
    createdAt: '',
    updatedAt: '',
    ...changes,
  });
  around.images.set(id, { image, data });
  return { id };
}
const raw = Buffer.alloc(64 * 1024, 7);
async function qcow2(...args: readonly string[]): Promise<Buffer> {
  const path = join(directory, 'made.qcow2');
  await qemuImg('create', '-q', '-f', 'qcow2', ...args, path, '8M');
  const bytes = readFileSync(path);
  rmSync(path);
  return bytes;
}

describe('the image cache', () => {
  it('fetches an image once, however many ask for it at the same time', async () => {
    const image = offer(raw);
    const bases = await Promise.all(Array.from({ length: 8 }, () => cache.base(image, signal)));
    await cache.base(image, signal);
    expect(around.downloads).toEqual([image.id]);
    expect(new Set(bases.map(({ path }) => path))).toEqual(new Set([join(directory, '_base', `${sha1(image.id)}.raw`)]));
    expect([bases[0]?.format, bases[0]?.virtualBytes, readFileSync(bases[0]!.path).equals(raw)]).toEqual(['raw', raw.length, true]);
  });

  it('keeps qcow2 as it is, and knows its virtual size', async () => {
    const base = await cache.base(offer(await qcow2(), { diskFormat: 'qcow2' }), signal);
    expect([base.format, base.virtualBytes, cached().length]).toEqual(['qcow2', 8 * 1024 ** 2, 1]);
  });

  it('makes qcow2 raw where the operator wants it', async () => {
    await open('[DEFAULT]\nforce_raw_images = True\n');
    const base = await cache.base(offer(await qcow2(), { diskFormat: 'qcow2' }), signal);
    expect([base.format, base.virtualBytes, base.path.endsWith('.raw'), cached().length]).toEqual(['raw', 8 * 1024 ** 2, true, 1]);
  });

  it('converts what QEMU should not be given as a disk', async () => {
    const path = join(directory, 'made.vmdk');
    await qemuImg('create', '-q', '-f', 'vmdk', '-o', 'subformat=streamOptimized', path, '8M');
    const base = await cache.base(offer(readFileSync(path), { diskFormat: 'vmdk' }), signal);
    expect([base.format, base.virtualBytes]).toEqual(['qcow2', 8 * 1024 ** 2]);
  });

  it('refuses data that is not what was promised, and keeps nothing of it', async () => {
    const other = Buffer.alloc(raw.length, 8);
    await expect(
      cache.base(
        offer(raw, {}, () => Readable.from([other])),
        signal,
      ),
    ).rejects.toThrow('its sha512 is not the one it should have');
    await expect(
      cache.base(
        offer(raw, {}, () => Readable.from([raw, raw])),
        signal,
      ),
    ).rejects.toThrow('it is longer');
    await expect(
      cache.base(
        offer(raw, {}, () => Readable.from([raw.subarray(1)])),
        signal,
      ),
    ).rejects.toThrow('instead of');
    expect(around.downloads).toHaveLength(6);
    expect(cached()).toEqual([]);
  });

  it('tries again when the data broke off', async () => {
    let tries = 0;
    const image = offer(raw, {}, () => (tries++ === 0 ? Readable.from([raw.subarray(5)]) : Readable.from([raw])));
    expect((await cache.base(image, signal)).virtualBytes).toBe(raw.length);
  });

  it('refuses images that reach for other files, or are not what they say', async () => {
    writeFileSync(join(directory, 'secret'), raw);
    const backing = await qcow2('-b', join(directory, 'secret'), '-F', 'raw');
    const reaching = offer(backing, { diskFormat: 'qcow2' });
    await expect(cache.base(reaching, signal)).rejects.toMatchObject({ kind: 'invalid', code: 'image-unacceptable' });
    const external = await qcow2('-o', `data_file=${join(directory, 'secret')},data_file_raw=on`);
    await expect(cache.base(offer(external, { diskFormat: 'qcow2' }), signal)).rejects.toMatchObject({ code: 'image-unacceptable' });
    await expect(cache.base(offer(backing, { diskFormat: 'raw' }), signal)).rejects.toMatchObject({ code: 'image-unacceptable' });
    await expect(cache.base(offer(raw, { diskFormat: 'qcow2' }), signal)).rejects.toMatchObject({ code: 'image-unacceptable' });
    await expect(cache.base(offer(raw, { diskFormat: 'docker' }), signal)).rejects.toMatchObject({ code: 'image-unacceptable' });
    await expect(cache.base(offer(raw, { containerFormat: 'ova' }), signal)).rejects.toMatchObject({ code: 'image-unacceptable' });
    expect(cached()).toEqual([]);
  });

  it('refuses an image there is no room for before it fetches it', async () => {
    const image = offer(raw, { size: Number.MAX_SAFE_INTEGER });
    await expect(cache.base(image, signal)).rejects.toMatchObject({ code: 'no-room' });
    expect(around.downloads).toEqual([]);
  });

  it('says that an image is gone, or has no data', async () => {
    await expect(cache.base({ id: randomUUID() }, signal)).rejects.toMatchObject({ kind: 'notFound' });
    await expect(cache.base(offer(raw, { status: 'deactivated' }), signal)).rejects.toThrow('is deactivated');
  });

  it('goes on with a download for those who still wait when one gives up', async () => {
    const hold = Promise.withResolvers<void>();
    const image = offer(raw, {}, () =>
      Readable.from(
        (async function* () {
          yield raw.subarray(0, 10);
          await hold.promise;
          yield raw.subarray(10);
        })(),
      ),
    );
    const impatient = new AbortController();
    const first = cache.base(image, impatient.signal);
    const second = cache.base(image, signal);
    await expect.poll(() => around.downloads.length).toBe(1);
    impatient.abort(new Error('given up'));
    await expect(first).rejects.toThrow('given up');
    hold.resolve();
    expect((await second).virtualBytes).toBe(raw.length);
  });

  it('removes what no guest has used for long, and nothing else', async () => {
    const [unused, used, young] = [offer(raw), offer(raw), offer(raw)];
    const bases = new Map(await Promise.all([unused, used, young].map(async (image) => [image, await cache.base(image, signal)] as const)));
    const guest = join(directory, randomUUID());
    mkdirSync(guest);
    await qemuImg('create', '-q', '-f', 'qcow2', '-b', bases.get(used)!.path, '-F', 'raw', join(guest, 'disk'));
    const longAgo = Date.now() / 1000 - 90_000;
    for (const image of [unused, used]) utimesSync(bases.get(image)!.path, longAgo, longAgo);
    writeFileSync(join(directory, '_base', 'x.1-0.part'), '');
    utimesSync(join(directory, '_base', 'x.1-0.part'), longAgo, longAgo);
    expect(await cache.clean(signal)).toMatchObject({ used: 1, removed: 2 });
    expect(cached()).toEqual([used, young].map(({ id }) => `${sha1(id)}.raw`).toSorted());
    expect(await cache.clean(signal)).toMatchObject({ removed: 0 });
  });
});
