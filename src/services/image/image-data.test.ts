import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createImageClient } from '../../clients/image-http.ts';
import { randomIds } from '../../lib/ids.ts';
import { silentLog } from '../../lib/log.ts';
import { openContentStore } from './content-store.ts';
import { testImageService, type Answer, type TestImageService } from './test-support/image-service.ts';

vi.setConfig({ testTimeout: 20_000 });
const run = promisify(execFile);
const MiB = 1_048_576;
let service: TestImageService;
let directory: string;
beforeAll(async () => {
  service = await testImageService({ imageSizeCap: 400 * MiB });
  directory = await mkdtemp(join(tmpdir(), 'image-data-'));
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const token = 'alpha.member';
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
const sha512 = (bytes: Uint8Array): string => createHash('sha512').update(bytes).digest('hex');
async function create(given: Record<string, unknown> = {}, on = service): Promise<string> {
  const { body } = await on.ask(token, 'POST', '/v2/images', {
    name: 'an image',
    disk_format: 'raw',
    container_format: 'bare',
    visibility: 'private',
    ...given,
  });
  return body.id;
}
const show = async (id: string): Promise<Answer['body']> => (await service.ask(token, 'GET', `/v2/images/${id}`)).body;
const filesIn = async (below: string, on = service): Promise<string[]> =>
  (await readdir(join(on.directory, below), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

describe('upload and download', () => {
  it('carries bytes there and back, hashes them, and makes the image active', async () => {
    const id = await create();
    const bytes = randomBytes(300_001);
    expect((await service.ask(token, 'PUT', `/v2/images/${id}/file`, bytes)).status).toBe(204);
    expect(await show(id)).toMatchObject({
      status: 'active',
      size: 300_001,
      virtual_size: 300_001,
      checksum: md5(bytes),
      os_hash_algo: 'sha512',
      os_hash_value: sha512(bytes),
    });
    const { status, headers, body } = await service.ask('alpha.member', 'GET', `/v2/images/${id}/file`);
    expect([status, headers.get('content-md5'), headers.get('content-type'), headers.get('content-length')]).toEqual([
      200,
      md5(bytes),
      'application/octet-stream',
      '300001',
    ]);
    expect(bytes.equals(body)).toBe(true);
  });

  it.each([
    ['bytes=0-9', 206, [0, 10]],
    ['bytes=100-', 206, [100, 1000]],
    ['bytes=-5', 206, [995, 1000]],
    ['bytes=990-5000', 206, [990, 1000]],
    ['bytes=1000-', 416, null],
    ['bytes=5-1', 416, null],
    ['bytes=0-1,5-6', 416, null],
    ['lines=1-2', 416, null],
  ] as const)('answers a range: %s', async (range, status, part) => {
    const id = await create();
    const bytes = randomBytes(1000);
    await service.ask(token, 'PUT', `/v2/images/${id}/file`, bytes);
    const answer = await service.ask(token, 'GET', `/v2/images/${id}/file`, undefined, { range });
    expect(answer.status).toBe(status);
    if (part === null) return;
    expect(answer.headers.get('content-range')).toBe(`bytes ${part[0]}-${part[1] - 1}/1000`);
    expect(bytes.subarray(...part).equals(answer.body)).toBe(true);
  });

  it('wants an octet stream, a format, and an image that waits for data', async () => {
    const unset = await create({ disk_format: null });
    expect((await service.ask(token, 'PUT', `/v2/images/${unset}/file`, new Uint8Array(3))).status).toBe(400);
    const id = await create();
    expect((await service.ask(token, 'PUT', `/v2/images/${id}/file`, new Uint8Array(3), { 'content-type': 'text/plain' })).status).toBe(
      415,
    );
    expect((await service.ask(token, 'PUT', `/v2/images/${id}/file`, new Uint8Array(3), { 'x-openstack-image-size': '4' })).status).toBe(
      400,
    );
    expect((await show(id)).status).toBe('queued');
    expect((await service.ask(token, 'PUT', `/v2/images/${id}/file`, new Uint8Array(3))).status).toBe(204);
    expect((await service.ask(token, 'PUT', `/v2/images/${id}/file`, new Uint8Array(3))).status).toBe(409);
    expect((await service.ask(token, 'PATCH', `/v2/images/${id}`, [{ op: 'replace', path: '/disk_format', value: 'qcow2' }])).status).toBe(
      403,
    );
  });

  it('answers 204 where there is no data, and takes an empty upload for a snapshot of volumes', async () => {
    const id = await create({ disk_format: 'qcow2' });
    expect((await service.ask(token, 'GET', `/v2/images/${id}/file`)).status).toBe(204);
    expect((await service.ask(token, 'PUT', `/v2/images/${id}/file`, new Uint8Array(0))).status).toBe(204);
    expect(await show(id)).toMatchObject({ status: 'active', size: 0 });
  });

  it('of two uploads at once, one is refused', async () => {
    const id = await create();
    const answers = await Promise.all([1, 2, 3].map((n) => service.ask(token, 'PUT', `/v2/images/${id}/file`, randomBytes(MiB * n))));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 409, 409]);
    expect((await show(id)).status).toBe('active');
  });

  it('a deactivated image is not downloaded until it is reactivated', async () => {
    const id = await create();
    expect((await service.ask(token, 'POST', `/v2/images/${id}/actions/deactivate`)).status).toBe(403);
    await service.ask(token, 'PUT', `/v2/images/${id}/file`, new Uint8Array(3));
    expect((await service.ask(token, 'POST', `/v2/images/${id}/actions/deactivate`)).status).toBe(204);
    expect((await service.ask(token, 'GET', `/v2/images/${id}/file`)).status).toBe(403);
    expect((await service.ask('ops.admin', 'GET', `/v2/images/${id}/file`)).status).toBe(200);
    expect((await service.ask(token, 'POST', `/v2/images/${id}/actions/reactivate`)).status).toBe(204);
    expect((await service.ask(token, 'GET', `/v2/images/${id}/file`)).status).toBe(200);
  });

  it('a sender that goes away leaves a queued image and no file', async () => {
    const id = await create();
    const cut = request(`${service.url}/v2/images/${id}/file`, {
      method: 'PUT',
      headers: { 'x-auth-token': token, 'content-type': 'application/octet-stream', 'content-length': String(50 * MiB) },
    });
    cut.on('error', () => undefined);
    cut.write(randomBytes(MiB));
    await vi.waitFor(async () => expect((await show(id)).status).toBe('saving'));
    cut.destroy();
    await vi.waitFor(async () => expect((await show(id)).status).toBe('queued'));
    await vi.waitFor(async () => expect(await filesIn('incoming')).toEqual([]));
  });

  it('an image deleted while its data comes in answers 410 and leaves nothing', async () => {
    const id = await create();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(randomBytes(1000));
        await released;
        controller.close();
      },
    });
    const uploading = service.ask(token, 'PUT', `/v2/images/${id}/file`, body);
    await vi.waitFor(async () => expect((await show(id)).status).toBe('saving'));
    expect((await service.ask(token, 'DELETE', `/v2/images/${id}`)).status).toBe(204);
    release();
    expect((await uploading).status).toBe(410);
    expect(await filesIn('incoming')).toEqual([]);
  });

  it('equal data is stored once, and goes with the last image that has it', async () => {
    const bytes = randomBytes(2000);
    const [first, second] = [await create(), await create()];
    for (const id of [first, second]) await service.ask(token, 'PUT', `/v2/images/${id}/file`, bytes);
    const stored = async (): Promise<number> => (await filesIn('data')).filter((name) => name === sha512(bytes)).length;
    expect(await stored()).toBe(1);
    await service.ask(token, 'DELETE', `/v2/images/${first}`);
    expect(await stored()).toBe(1);
    expect((await service.ask(token, 'GET', `/v2/images/${second}/file`)).body.equals(bytes)).toBe(true);
    await service.ask(token, 'DELETE', `/v2/images/${second}`);
    expect(await stored()).toBe(0);
  });
});

const made = async (name: string, args: string[]): Promise<Buffer> => {
  const path = join(directory, name);
  await run('qemu-img', ['create', ...args, path, '4M']);
  return readFile(path);
};

describe('data that is refused (F1–F8)', () => {
  it.each<[string, Record<string, unknown>, () => Promise<Uint8Array>, number, RegExp]>([
    [
      'qcow2 with a backing file',
      { disk_format: 'qcow2' },
      () => made('a', ['-u', '-f', 'qcow2', '-b', '/etc/shadow', '-F', 'raw']),
      400,
      /names a backing file/,
    ],
    [
      'qcow2 with a data file',
      { disk_format: 'qcow2' },
      () => made('b', ['-f', 'qcow2', '-o', `data_file=${join(directory, 'b.raw')}`]),
      400,
      /external data file/,
    ],
    [
      'a VMDK of several files',
      { disk_format: 'vmdk' },
      () => made('c', ['-f', 'vmdk', '-o', 'subformat=monolithicFlat']),
      400,
      /extents in other files/,
    ],
    ['qcow2 declared raw', {}, () => made('d', ['-f', 'qcow2']), 415, /data is qcow2, but the image's disk_format is raw/],
    ['VHDX declared raw', {}, () => made('e', ['-f', 'vhdx']), 415, /data is vhdx/],
    ['raw declared qcow2', { disk_format: 'qcow2' }, async () => randomBytes(5000), 415, /Allowed for qcow2: qcow2/],
    ['qcow2 declared ari', { disk_format: 'ari', container_format: 'ari' }, () => made('f', ['-f', 'qcow2']), 415, /data is qcow2/],
  ])('%s', async (_, given, bytes, status, message) => {
    const id = await create(given);
    const answer = await service.ask(token, 'PUT', `/v2/images/${id}/file`, await bytes());
    expect([answer.status, answer.body.message]).toEqual([status, expect.stringMatching(message)]);
    expect((await show(id)).status).toBe('queued');
    expect(await filesIn('incoming')).toEqual([]);
  });

  it('takes what is sound, with its virtual size', async () => {
    const id = await create({ disk_format: 'qcow2' });
    expect((await service.ask(token, 'PUT', `/v2/images/${id}/file`, await made('sound', ['-f', 'qcow2']))).status).toBe(204);
    expect(await show(id)).toMatchObject({ status: 'active', virtual_size: 4 * MiB });
  });

  it('more than the cap, announced or not', async () => {
    await using small = await testImageService({ imageSizeCap: 1000 });
    const id = await create({}, small);
    expect((await small.ask(token, 'PUT', `/v2/images/${id}/file`, new Uint8Array(1001))).status).toBe(413);
    const unannounced = new ReadableStream({ start: (controller) => (controller.enqueue(new Uint8Array(1001)), controller.close()) });
    expect((await small.ask(token, 'PUT', `/v2/images/${id}/file`, unannounced)).status).toBe(413);
    expect(await filesIn('incoming', small)).toEqual([]);
    expect((await small.ask(token, 'PUT', `/v2/images/${id}/file`, new Uint8Array(1000))).status).toBe(204);
  });

  it("more than the project's quota, uploads at once included", async () => {
    await using small = await testImageService({ userStorageQuota: 2500 });
    const images = await Promise.all([1, 2, 3, 4].map(() => create({}, small)));
    const answers = await Promise.all(images.map((id) => small.ask(token, 'PUT', `/v2/images/${id}/file`, randomBytes(1000))));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 204, 413, 413]);
    expect(await filesIn('data', small)).toHaveLength(2);
    await small.ask(token, 'DELETE', `/v2/images/${images[answers.findIndex(({ status }) => status === 204)]}`);
    expect(
      (await small.ask(token, 'PUT', `/v2/images/${images[answers.findIndex(({ status }) => status === 413)]}/file`, randomBytes(1000)))
        .status,
    ).toBe(204);
  });
});

describe('staged import', () => {
  it('stages, imports, and is active', async () => {
    const id = await create();
    const bytes = randomBytes(5000);
    expect((await service.ask(token, 'POST', `/v2/images/${id}/import`, { method: { name: 'glance-direct' } })).status).toBe(409);
    expect((await service.ask(token, 'PUT', `/v2/images/${id}/stage`, bytes)).status).toBe(204);
    expect(await show(id)).toMatchObject({ status: 'uploading', size: null });
    expect(
      (await service.ask(token, 'POST', `/v2/images/${id}/import`, { method: { name: 'web-download', uri: 'http://169.254.169.254/' } }))
        .status,
    ).toBe(400);
    expect((await service.ask(token, 'POST', `/v2/images/${id}/import`, { method: { name: 'glance-direct' } })).status).toBe(202);
    await vi.waitFor(async () => expect(await show(id)).toMatchObject({ status: 'active', checksum: md5(bytes) }));
    await vi.waitFor(async () => expect(await filesIn('staged')).toEqual([]));
  });

  it('inspects what is staged, and drops it with its image', async () => {
    const id = await create({ disk_format: 'qcow2' });
    expect((await service.ask(token, 'PUT', `/v2/images/${id}/stage`, randomBytes(100))).status).toBe(415);
    expect((await show(id)).status).toBe('queued');
    const raw = await create();
    await service.ask(token, 'PUT', `/v2/images/${raw}/stage`, randomBytes(100));
    expect(await filesIn('staged')).toEqual([raw]);
    await service.ask(token, 'DELETE', `/v2/images/${raw}`);
    expect(await filesIn('staged')).toEqual([]);
  });
});

describe('a restart', () => {
  it('removes files nobody refers to and keeps what images have', async () => {
    await using own = await testImageService();
    const [active, staged] = [await create({}, own), await create({}, own)];
    const bytes = randomBytes(1000);
    await own.ask(token, 'PUT', `/v2/images/${active}/file`, bytes);
    await own.ask(token, 'PUT', `/v2/images/${staged}/stage`, bytes);
    await mkdir(join(own.directory, 'data', 'ff'), { recursive: true });
    await writeFile(join(own.directory, 'data', 'ff', 'f'.repeat(128)), 'orphan');
    await writeFile(join(own.directory, 'incoming', 'half'), 'orphan');
    await writeFile(join(own.directory, 'staged', crypto.randomUUID()), 'orphan');
    await own.restart();
    expect(await filesIn('.', own)).toEqual(expect.arrayContaining([staged, sha512(bytes)]));
    expect(await filesIn('.', own)).toHaveLength(2);
    expect((await own.ask(token, 'GET', `/v2/images/${active}/file`)).body.equals(bytes)).toBe(true);
    expect((await own.ask(token, 'GET', `/v2/images/${staged}`)).body.status).toBe('uploading');
  });
});

describe('a large image', () => {
  it('passes through without being held in memory', async () => {
    const client = createImageClient({ endpoints: { url: async () => service.url }, log: silentLog });
    const session = { token: async () => token };
    const { id } = await client.create(session, { name: 'large', diskFormat: 'raw', containerFormat: 'bare' });
    const chunk = randomBytes(MiB);
    const hash = createHash('sha512');
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
    const before = process.memoryUsage().rss;
    async function* chunks(): AsyncGenerator<Buffer> {
      for (let n = 0; n < 200; n++) {
        hash.update(chunk);
        yield chunk;
      }
    }
    await client.upload(session, id, Readable.from(chunks()));
    const image = await client.show(session, id);
    expect(image).toMatchObject({ status: 'active', size: 200 * MiB, hash: { algorithm: 'sha512', value: hash.digest('hex') } });
    const back = createHash('sha512');
    const parts: AsyncIterable<Buffer> = await client.download(session, id);
    for await (const part of parts) back.update(part);
    clearInterval(watch);
    expect(back.digest('hex')).toBe(image.hash?.value);
    expect((peak - before) / MiB).toBeLessThan(120);
    await client.close();
  });
});

/** A file system of one MiB, where the machine lets us mount one. */
function smallFileSystem(): string | null {
  const path = join(tmpdir(), `image-full-${process.pid}`);
  try {
    execFileSync('mkdir', ['-p', path]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'image-test', path], { stdio: 'ignore' });
    return path;
  } catch {
    execFileSync('rmdir', [path]);
    return null;
  }
}

describe('a full disk', () => {
  const small = smallFileSystem();
  afterAll(() => {
    if (small === null) return;
    execFileSync('umount', [small]);
    execFileSync('rmdir', [small]);
  });
  it.skipIf(small === null)('refuses with 413 and leaves nothing half done', async () => {
    const store = await openContentStore(small!, randomIds);
    const tooMuch = store.receive(Readable.from([randomBytes(600_000), randomBytes(600_000)]), {
      limit: 10 * MiB,
      expected: undefined,
      judge: () => undefined,
    });
    await expect(tooMuch).rejects.toMatchObject({ status: 413, message: expect.stringContaining('full') });
    expect(await readdir(join(small!, 'incoming'))).toEqual([]);
  });
});
