import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { array, assert, constantFrom, integer, nat, property, tuple, uint8Array } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createFormatInspector, type Inspection } from './format-inspector.ts';

const run = promisify(execFile);
const MiB = 1_048_576;
vi.setConfig({ testTimeout: 60_000 });
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'image-format-'));
});
afterAll(() => rm(directory, { recursive: true }));

function inspect(bytes: Uint8Array, chunk = 65_536): Inspection {
  const inspector = createFormatInspector();
  for (let at = 0; at < bytes.length; at += chunk) inspector.push(bytes.subarray(at, at + chunk));
  return inspector.finish();
}

async function inspectFile(path: string, highWaterMark = 65_536): Promise<Inspection> {
  const inspector = createFormatInspector();
  const stream: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark });
  for await (const chunk of stream) inspector.push(chunk);
  return inspector.finish();
}

/** A real image with some data in it, made by qemu-img. */
async function made(format: string, options: string[] = [], size = '16M'): Promise<string> {
  const source = join(directory, 'source.raw');
  await writeFile(source, Buffer.concat([Buffer.alloc(65_536), randomBytes(100_000)]));
  await run('truncate', ['-s', size, source]);
  const path = join(directory, `${format}-${randomBytes(4).toString('hex')}`);
  await run('qemu-img', ['convert', '-f', 'raw', '-O', format, ...options.flatMap((o) => ['-o', o]), source, path]);
  return path;
}

describe('images made by qemu-img', () => {
  it.each([
    ['qcow2', ['compat=0.10'], 'qcow2'],
    ['qcow2', ['compat=1.1'], 'qcow2'],
    ['qcow2', ['compat=1.1,cluster_size=512'], 'qcow2'],
    ['qcow2', ['extended_l2=on,cluster_size=128k'], 'qcow2'],
    ['qcow2', ['compression_type=zstd'], 'qcow2'],
    ['vmdk', ['subformat=monolithicSparse'], 'vmdk'],
    ['vmdk', ['subformat=streamOptimized'], 'vmdk'],
    ['vdi', [], 'vdi'],
    ['vpc', ['subformat=dynamic,force_size=on'], 'vhd'],
    ['vpc', ['subformat=fixed,force_size=on'], 'vhd'],
    ['vhdx', ['subformat=dynamic'], 'vhdx'],
    ['vhdx', ['subformat=fixed'], 'vhdx'],
    ['raw', [], 'raw'],
  ])('%s %j is %s, safe, and as large as its disk', async (format, options, expected) => {
    const path = await made(format, options);
    const found = await inspectFile(path);
    expect(found).toMatchObject({ format: expected, formats: [expected], virtualSize: 16 * MiB, problems: [] });
    expect(await inspectFile(path, 4099)).toEqual(found);
  });

  it.each([
    ['qed', [], /not supported/],
    ['parallels', [], /not supported/],
  ])('%s %j is refused', async (format, options, problem) => {
    const path = join(directory, `refused-${format}`);
    await run('qemu-img', ['create', '-f', format, ...options.flatMap((o) => ['-o', o]), path, '16M']);
    expect((await inspectFile(path)).problems.join()).toMatch(problem);
  });

  it.each(['monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat'])('a VMDK of type %s is refused', async (subformat) => {
    const path = join(directory, `${subformat}.vmdk`);
    await run('qemu-img', ['create', '-f', 'vmdk', '-o', `subformat=${subformat}`, path, '16M']);
    expect(await inspectFile(path)).toMatchObject({
      format: 'vmdk',
      problems: ['it is a VMDK descriptor that names extents in other files'],
    });
  });

  it('a qcow2 with a backing file is refused', async () => {
    const path = join(directory, 'backed.qcow2');
    await run('qemu-img', ['create', '-u', '-f', 'qcow2', '-b', '/etc/shadow', '-F', 'raw', path, '16M']);
    expect((await inspectFile(path)).problems).toEqual(['it names a backing file', 'it names the format of a backing file']);
  });

  it('a qcow2 with an external data file is refused', async () => {
    const path = join(directory, 'external.qcow2');
    await run('qemu-img', ['create', '-f', 'qcow2', '-o', `data_file=${join(directory, 'data.raw')},data_file_raw=on`, path, '16M']);
    expect((await inspectFile(path)).problems).toEqual(['it keeps its data in an external data file', 'it names an external data file']);
  });

  it('a VMDK with a parent is refused', async () => {
    const path = join(directory, 'child.vmdk');
    await run('qemu-img', ['create', '-f', 'vmdk', '-b', await made('vmdk'), '-F', 'vmdk', path]);
    expect((await inspectFile(path)).problems).toEqual(['it names a parent image']);
  });
});

const changed = (image: Buffer, change: (bytes: Buffer) => void): Buffer => {
  const copy = Buffer.from(image);
  change(copy);
  return copy;
};
const describeVmdk =
  (text: string): ((b: Buffer) => void) =>
  (b) => {
    b.fill(0, 512, 512 + 20 * 512);
    b.write(text, 512);
  };

describe('hostile headers', () => {
  let qcow2: Buffer;
  let vmdk: Buffer;
  let streamed: Buffer;
  let dynamicVhd: Buffer;
  let vdi: Buffer;
  beforeAll(async () => {
    qcow2 = await readFile(await made('qcow2'));
    vmdk = await readFile(await made('vmdk'));
    streamed = await readFile(await made('vmdk', ['subformat=streamOptimized']));
    dynamicVhd = await readFile(await made('vpc'));
    vdi = await readFile(await made('vdi'));
  });

  it.each<[string, (b: Buffer) => void, RegExp]>([
    ['an unknown incompatible feature', (b) => b.writeBigUInt64BE(1n << 40n, 72), /unknown incompatible/],
    ['the corrupt bit', (b) => b.writeBigUInt64BE(2n, 72), /corrupt/],
    ['encryption', (b) => b.writeUInt32BE(2, 32), /encrypted/],
    ['version 1', (b) => b.writeUInt32BE(1, 4), /version 1/],
    ['version 9', (b) => b.writeUInt32BE(9, 4), /version 9/],
    ['an L1 table of 2^31 entries', (b) => b.writeUInt32BE(2 ** 31, 36), /L1 table/],
    ['an L1 table too small', (b) => b.writeBigUInt64BE(1n << 50n, 24), /L1 table is too small/],
    ['a refcount bomb', (b) => b.writeUInt32BE(2 ** 30, 56), /refcount table/],
    ['2^32-1 snapshots', (b) => b.writeUInt32BE(0xffffffff, 60), /internal snapshots/],
    ['a snapshot table outside', (b) => (b.writeUInt32BE(1, 60), b.writeBigUInt64BE(1n << 40n, 64)), /snapshot table lies outside/],
    ['an absurd header length', (b) => b.writeUInt32BE(0xfffffff8, 100), /header length/],
    ['cluster bits of 63', (b) => b.writeUInt32BE(63, 20), /cluster size/],
    ['8 EiB', (b) => b.writeBigUInt64BE(1n << 63n, 24), /absurd virtual size/],
    ['no size', (b) => b.writeBigUInt64BE(0n, 24), /virtual size of 0/],
    ['a size of 513', (b) => b.writeBigUInt64BE(513n, 24), /multiple of 512/],
    ['a backing file that is not looked for in v3 only', (b) => b.writeBigUInt64BE(1000n, 8), /backing file/],
    [
      'an extension longer than its cluster',
      (b) => (b.writeUInt32BE(0x1234, 112), b.writeUInt32BE(0xffffffff, 116), b.writeUInt32BE(112, 100)),
      /extensions is longer/,
    ],
  ])('qcow2 with %s', (_, change, problem) => {
    expect(inspect(changed(qcow2, change)).problems.join()).toMatch(problem);
  });

  it.each<[string, (b: Buffer) => void, RegExp]>([
    [
      'a flat extent',
      describeVmdk('# Disk DescriptorFile\nversion=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/passwd" 0\n'),
      /monolithicFlat.*extent in another file|extent in another file.*monolithicFlat/,
    ],
    [
      'an extent elsewhere',
      describeVmdk('version=1\nparentCID=ffffffff\ncreateType="monolithicSparse"\nRW 1 SPARSE "/etc/passwd"\n'),
      /extent in another file/,
    ],
    [
      'two extents',
      describeVmdk('version=1\nparentCID=ffffffff\ncreateType="monolithicSparse"\nRW 1 SPARSE "a"\nRW 1 SPARSE "b"\n'),
      /2 extents/,
    ],
    ['two types', describeVmdk('version=1\ncreateType="monolithicSparse"\ncreateType="vmfs"\nRW 1 SPARSE "a"\n'), /two types/],
    ['something behind its descriptor', (b) => b.write('createType="vmfs"', 512 + 5000), /after the end/],
    ['a descriptor elsewhere', (b) => b.writeBigUInt64LE(3n, 28), /not where it belongs/],
    ['a descriptor of 2^40 sectors', (b) => b.writeBigUInt64LE(1n << 40n, 36), /absurdly large/],
    ['no capacity, so that its descriptor rules', (b) => b.writeBigUInt64LE(0n, 12), /virtual size of 0/],
    ['a grain of 0', (b) => b.writeBigUInt64LE(0n, 20), /grain/],
  ])('VMDK with %s', (_, change, problem) => {
    expect(inspect(changed(vmdk, change)).problems.join()).toMatch(problem);
  });

  it('a streamOptimized VMDK whose footer says something else than its header', () => {
    const header = changed(streamed, (b) => b.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 56));
    const withFooter = (change: (footer: Buffer) => void): Buffer =>
      Buffer.concat([header, Buffer.alloc(512), changed(streamed.subarray(0, 512), change), Buffer.alloc(512)]);
    expect(inspect(withFooter(() => undefined)).problems).toEqual([]);
    expect(inspect(withFooter((footer) => footer.writeBigUInt64LE(3n, 28))).problems).toEqual([
      'its VMDK footer does not match its header',
    ]);
    expect(inspect(header).problems).toEqual(['its VMDK footer is missing']);
  });

  it.each(['# a comment\n\n  version=1\nRW 1 FLAT "/etc/passwd" 0\n', '#DISK DESCRIPTORFILE\n', '  # Disk DescriptorFile\n'])(
    'text that QEMU would take for a descriptor: %j',
    (text) => {
      expect(inspect(Buffer.from(text))).toMatchObject({
        format: 'vmdk',
        problems: ['it is a VMDK descriptor that names extents in other files'],
      });
    },
  );

  it('differencing VHD and VDI', () => {
    expect(inspect(changed(dynamicVhd, (b) => b.writeUInt32BE(4, 60))).problems.join()).toMatch(/parent image/);
    expect(inspect(changed(vdi, (b) => b.writeUInt32LE(4, 0x4c))).problems.join()).toMatch(/parent image/);
  });

  it('files that are two formats at once', () => {
    const iso = Buffer.alloc(65_536);
    iso.write('CD001', 32_769);
    expect(inspect(iso).formats).toEqual(['iso']);
    const both = changed(iso, (b) => qcow2.copy(b, 0, 0, 4096));
    expect(inspect(both).formats).toEqual(['qcow2', 'iso']);
    const withFooter = Buffer.concat([qcow2, dynamicVhd.subarray(0, 512)]);
    expect(inspect(withFooter).formats).toEqual(['qcow2', 'vhd']);
  });

  it('an ISO that is also a bootable disk is an ISO, a disk with a partition table is gpt, and neither is a problem', () => {
    const disk = Buffer.alloc(65_536);
    disk.writeUInt16LE(0xaa55, 510);
    disk[450] = 0xee;
    expect(inspect(disk)).toMatchObject({ format: 'gpt', formats: ['gpt'], problems: [], virtualSize: 65_536 });
    disk.write('CD001', 32_769);
    expect(inspect(disk)).toMatchObject({ format: 'iso', formats: ['iso'], problems: [] });
  });

  it('a LUKS volume is told as such', () => {
    const volume = Buffer.alloc(4096);
    volume.write('LUKS\xba\xbe\0\x02', 'latin1');
    expect(inspect(volume)).toMatchObject({ format: 'luks', formats: ['luks'], virtualSize: null, problems: [] });
  });

  it('nothing at all is raw', () => {
    expect(inspect(Buffer.alloc(0))).toEqual({ format: 'raw', formats: ['raw'], virtualSize: 0, problems: [], size: 0 });
  });

  it('decides early when the rest cannot change it', async () => {
    const inspector = createFormatInspector();
    expect(inspector.decided).toBe(false);
    inspector.push(Buffer.concat([qcow2, Buffer.alloc(65_536)]));
    expect(inspector.decided).toBe(true);
    expect(inspector.result().formats).toEqual(['qcow2']);
  });
});

describe('any bytes whatever', () => {
  const magics = [
    'QFI\xfb\0\0\0\x03',
    'KDMV\x01\0\0\0',
    'conectix',
    'vhdxfile',
    'LUKS\xba\xbe\0\x01',
    '# Disk DescriptorFile\n',
    'QED\0',
    '',
  ];
  const bytes = tuple(constantFrom(...magics), uint8Array({ maxLength: 3000 }), nat(300_000)).map(([magic, tail, padding]) =>
    Buffer.concat([Buffer.from(magic, 'latin1'), tail, Buffer.alloc(padding)]),
  );

  it('never throws, and finds the same however the stream is cut', () => {
    assert(
      property(bytes, integer({ min: 1, max: 70_000 }), (image, cut) => {
        const whole = inspect(image, image.length || 1);
        expect(inspect(image, Math.max(cut, Math.ceil(image.length / 500)))).toEqual(whole);
        expect(whole.size).toBe(image.length);
      }),
      { numRuns: 300 },
    );
  });

  it('holds for real headers with bytes flipped', async () => {
    const images = await Promise.all(['qcow2', 'vmdk', 'vdi', 'vpc', 'vhdx'].map(async (format) => readFile(await made(format))));
    assert(
      property(constantFrom(...images), array(tuple(nat(600), nat(255)), { maxLength: 8 }), nat(), (image, flips, cut) => {
        const copy = Buffer.from(image.subarray(0, image.length - (cut % image.length)));
        for (const [at, value] of flips) if (at < copy.length) copy[at] = value;
        expect(Array.isArray(inspect(copy).problems)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps no more than a bounded amount of a long stream', async () => {
    const path = join(directory, 'long.raw');
    await using file = await open(path, 'w');
    await file.truncate(300 * MiB);
    globalThis.gc?.();
    const before = process.memoryUsage().arrayBuffers;
    const inspector = createFormatInspector();
    const chunk = Buffer.alloc(MiB);
    for (let n = 0; n < 300; n++) inspector.push(chunk);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MiB);
    expect(inspector.finish()).toMatchObject({ format: 'raw', virtualSize: 300 * MiB });
  });
});
