import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSettings } from '../../../../config/index.ts';
import { runCommand } from '../../../../lib/command/run-command.ts';
import { readQcow2Header } from '../../qcow2-header.ts';
import { tinyGuest } from '../conformance.ts';
import type { DiskSpec, GuestSpec } from '../driver.ts';
import { makeConfigDrive, makeGuestDisks } from './guest-disks.ts';

const { settings } = readSettings('');
const { signal } = new AbortController();
const MiB = 1024 ** 2;
let top: string;
let directory: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'guest-disks-'));
  directory = join(top, 'guest');
  writeFileSync(join(top, 'base'), Buffer.alloc(MiB));
});
afterEach(() => rmSync(top, { recursive: true }));
const root = (changes: Partial<DiskSpec> = {}): DiskSpec => ({
  file: 'disk',
  device: 'disk',
  bus: null,
  content: { kind: 'image', base: { path: join(top, 'base'), format: 'raw', virtualBytes: MiB } },
  bytes: 4 * MiB,
  bootIndex: 1,
  ...changes,
});
const make = (changes: Partial<GuestSpec>) => makeGuestDisks(tinyGuest(changes), directory, settings, signal);

const makeDrive = async (changes: Partial<GuestSpec>): Promise<void> => {
  await make({ disks: [] });
  await makeConfigDrive(tinyGuest(changes), directory, () => Promise.resolve([]), signal);
};

describe('the disks of a guest', () => {
  it('are overlays of images, as large as the flavor says', async () => {
    await make({ disks: [root(), { ...root(), file: 'disk.eph0', content: { kind: 'blank' }, bytes: 2 * MiB }] });
    expect([await readQcow2Header(join(directory, 'disk')), await readQcow2Header(join(directory, 'disk.eph0'))]).toEqual([
      { virtualBytes: 4 * MiB, backingFile: join(top, 'base') },
      { virtualBytes: 2 * MiB, backingFile: null },
    ]);
  });

  it('are whole files where the operator wants it', async () => {
    const flat = readSettings('[libvirt]\nimages_type = raw\n').settings;
    await makeGuestDisks(
      tinyGuest({ disks: [root(), { ...root(), file: 'disk.eph0', content: { kind: 'blank' }, bytes: 2 * MiB }] }),
      directory,
      flat,
      signal,
    );
    expect([statSync(join(directory, 'disk')).size, statSync(join(directory, 'disk.eph0')).size]).toEqual([4 * MiB, 2 * MiB]);
  });

  it.each([
    ['ext4', 0x438, '53ef'],
    ['vfat', 0x1fe, '55aa'],
    ['xfs', 0, Buffer.from('XFSB').toString('hex')],
    ['swap', 0xff6, Buffer.from('SWAPSPACE2').toString('hex')],
  ] as const)('have a file system: %s', { timeout: 60_000 }, async (fileSystem, offset, magic) => {
    const bytes = (fileSystem === 'xfs' ? 512 : 8) * MiB;
    const disk = root({ file: 'disk.eph0', content: { kind: 'blank', format: { fileSystem, label: 'ephemeral0' } }, bytes });
    await make({ disks: [disk] });
    expect(readdirSync(directory)).toEqual(['disk.eph0']);
    const plain = join(top, 'plain');
    await runCommand({ program: 'qemu-img', args: ['convert', '-f', 'qcow2', '-O', 'raw', join(directory, 'disk.eph0'), plain] });
    expect([statSync(plain).size, readFileSync(plain).toString('hex', offset, offset + magic.length / 2)]).toEqual([bytes, magic]);
  });

  it('are a plain copy of an ISO image', async () => {
    await make({ disks: [root({ device: 'cdrom', bytes: null })] });
    await expect(readQcow2Header(join(directory, 'disk'))).rejects.toThrow('not a qcow2 file');
  });

  it('leave nothing when one cannot be made', async () => {
    await expect(make({ disks: [root(), root({ file: 'disk.eph0', content: { kind: 'blank' }, bytes: 2 ** 62 })] })).rejects.toThrow(
      'qemu-img',
    );
    expect(readdirSync(top)).toEqual(['base']);
  });

  it.each(['iso9660', 'vfat'] as const)('include a config drive as %s', async (format) => {
    const files = [
      { path: 'ec2/latest/meta-data.json', content: '{}' },
      { path: 'openstack/latest/user_data', content: Buffer.from([0, 255, 10]) },
    ];
    await makeDrive({ configDrive: { format, bus: null, files: () => files } });
    const path = join(directory, 'disk.config');
    expect(readdirSync(directory)).toEqual(['disk.config']);
    const copy = join(top, 'copy');
    if (format === 'vfat') await runCommand({ program: 'mcopy', args: ['-s', '-i', path, '::/openstack', copy] });
    else await runCommand({ program: 'xorriso', args: ['-osirrox', 'on', '-indev', path, '-extract', '/openstack', copy] });
    expect(readdirSync(join(copy, 'latest'))).toEqual(['user_data']);
    if (format === 'iso9660') {
      const { stderr } = await runCommand({ program: 'xorriso', args: ['-indev', path, '-pvd_info'] });
      expect(stderr).toContain("Volume id    : 'config-2'");
    }
  });

  it('refuse a config drive that reaches outside of itself', async () => {
    const files = [{ path: '../../evil', content: 'x' }];
    await expect(makeDrive({ configDrive: { format: 'iso9660', bus: null, files: () => files } })).rejects.toThrow('outside');
    expect(readdirSync(directory)).toEqual([]);
  });
});
