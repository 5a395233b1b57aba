import { execFile } from 'node:child_process';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRealCloud, type RealCloud, type RealServer } from '../support/real-cloud.ts';

/**
 * What becomes of a file that a user wrote in a guest, through everything that is done to the disk it lies on: snapshots, backups, rescues, shelving
 * and a rebuild of a real guest, by Debian's `openstack` client. The tests are one story: each goes on from where the one before has ended.
 */
const run = promisify(execFile);
let cloud: RealCloud;
let server: RealServer;
const inside = (script: string): Promise<string> => cloud.inside(server.address, script);
const filesOf = async (...pattern: readonly string[]): Promise<string> =>
  (await run('find', [join(cloud.state, 'instances'), ...pattern])).stdout.trim();

/** The disk of an image as a plain file, and where its second partition begins. */
async function plainDisk(image: string): Promise<{ readonly path: string; readonly offset: number }> {
  const path = join(cloud.state, `${image}.raw`);
  await cloud.openstack(`image save --file ${path}.saved ${image}`);
  await run('qemu-img', ['convert', '-O', 'raw', `${path}.saved`, path]);
  await using file = await open(path);
  const sector = Buffer.alloc(512);
  await file.read(sector, 0, sector.length, 0);
  return { path, offset: sector.readUInt32LE(470) * 512 };
}
/** What stands in a file of the file system in an image. */
async function fileIn(image: string, name: string): Promise<string> {
  const { path, offset } = await plainDisk(image);
  return (await run('debugfs', ['-c', '-R', `cat ${name}`, `${path}?offset=${offset}`])).stdout.trim();
}

beforeAll(async () => {
  cloud = await startRealCloud('disks', '10.78.0.0/24');
  await cloud.lines([
    'image set --property hw_qemu_guest_agent=yes --property os_require_quiesce=yes tiny',
    `keypair create --public-key ${join(cloud.state, 'key.pub')} other`,
  ]);
  server = await cloud.boot('first', '--image tiny --config-drive True');
  await inside('echo before >/root/marker && sync');
});
afterAll(() => cloud.stop());

test('a snapshot of the running guest holds the file as it was, and another server boots from it', async () => {
  await cloud.openstack('server image create --name copy --wait first');
  expect(await cloud.json('image show copy')).toMatchObject({ status: 'active', disk_format: 'qcow2', min_disk: 1 });
  expect(await cloud.openstack('console log show first')).toMatch(/file-systems=freeze[^]*file-systems=thaw/);
  expect(await inside('cat /root/marker && echo after >/root/marker && sync')).toBe('before');
  expect(await filesOf('-name', 'copy.*')).toBe('');
  const second = await cloud.boot('second', '--image copy');
  expect(await cloud.inside(second.address, 'cat /root/marker')).toBe('before');
  await cloud.openstack('server delete --wait second');
});

test('the agent inside sets a password', async () => {
  const before = await inside('grep ^root: /etc/shadow');
  expect(await cloud.act(server.id, { changePassword: { adminPass: 'a new secret' } })).toEqual({ status: 202, text: '' });
  expect(await inside('grep ^root: /etc/shadow')).not.toBe(before);
  const { stdout } = await run('grep', ['-rl', 'a new secret', cloud.state]).catch((error: { readonly stdout: string }) => error);
  expect(stdout).toBe('');
});

test('snapshot and backups of a guest that is off hold what it wrote last, and old backups go', async () => {
  await cloud.openstack('server stop first');
  await cloud.status('first', 'SHUTOFF');
  await cloud.openstack('server image create --name cold --wait first');
  for (const name of ['monday', 'tuesday', 'wednesday'])
    await cloud.openstack(`server backup create --name ${name} --type daily --rotate 2 --wait first`);
  await cloud.status('first', 'SHUTOFF');
  const names = ((await cloud.json('image list --property image_type=backup')) as { Name: string }[]).map(({ Name }) => Name);
  expect(names.toSorted()).toEqual(['tuesday', 'wednesday']);
  expect([await fileIn('cold', '/root/marker'), await fileIn('wednesday', '/root/marker')]).toEqual(['after', 'after']);
  await cloud.openstack('server start first');
  await cloud.status('first', 'ACTIVE');
});

test('a guest rescued with an image of one’s choice sees the file on its second disk', async () => {
  await cloud.openstack('server rescue --image copy first');
  await cloud.status('first', 'RESCUE');
  expect(await inside('cat /root/marker; mkdir -p /mnt && mount /dev/vdb2 /mnt && cat /mnt/root/marker && umount /mnt')).toBe(
    'before\nafter',
  );
  await cloud.openstack('server unrescue first');
  await cloud.status('first', 'ACTIVE');
  expect(await inside('cat /root/marker')).toBe('after');
  expect(await filesOf('-name', '*.rescue')).toBe('');
});

test('a guest rescued by an image that is added keeps its disks where they are', async () => {
  const { path, offset } = await plainDisk('tiny');
  const boot = join(cloud.state, 'syslinux.cfg');
  await run('mcopy', ['-i', `${path}@@${1024 ** 2}`, '::syslinux.cfg', boot]);
  await run('sed', ['-i', 's/APPEND/& kilonova.root=rescuers/', boot]);
  await run('mcopy', ['-o', '-i', `${path}@@${1024 ** 2}`, boot, '::syslinux.cfg']);
  await run('tune2fs', ['-L', 'rescuers', `${path}?offset=${offset}`]);
  await cloud.openstack(
    `image create --disk-format raw --file ${path} --property hw_rescue_device=disk --property hw_rescue_bus=scsi rescuers`,
  );
  await cloud.openstack('server rescue --image rescuers first');
  await cloud.status('first', 'RESCUE');
  expect(await inside('mount | grep " on / "; mkdir -p /mnt && mount /dev/vda2 /mnt && cat /mnt/root/marker && umount /mnt')).toMatch(
    /^\/dev\/sda2 on \/ .*\nafter$/,
  );
  await cloud.openstack('server unrescue first');
  await cloud.status('first', 'ACTIVE');
  expect(await inside('cat /root/marker; ls /sys/block | grep -c ^sd')).toBe('after\n0');
  expect(await filesOf('-name', '*.rescue')).toBe('');
});

/** A CD-ROM that says on the first serial port who it is, and does no more. */
async function talkingDisc(says: string): Promise<string> {
  // cld; ds = 0; si = the words; while al = next letter: out 0x3f8, al; then halt
  const program = Buffer.from('fc31c08ed8be167cbaf803ac84c07403eeebf8f4ebfd', 'hex');
  const directory = join(cloud.state, 'disc');
  await mkdir(directory);
  await writeFile(join(directory, 'boot'), Buffer.concat([program, Buffer.from(says), Buffer.alloc(2048)]).subarray(0, 2048));
  await run('xorriso', [
    '-as',
    'mkisofs',
    '-quiet',
    '-b',
    'boot',
    '-no-emul-boot',
    '-boot-load-size',
    '4',
    '-o',
    `${directory}.iso`,
    directory,
  ]);
  return `${directory}.iso`;
}

test('a guest rescued by a disc starts from it, beside its own disks', async () => {
  const disc = await talkingDisc('\r\nSTARTED FROM THE DISC\r\n');
  await cloud.openstack(`image create --disk-format iso --file ${disc} --property hw_rescue_device=cdrom disc`);
  await cloud.openstack('server rescue --image disc first');
  await cloud.status('first', 'RESCUE');
  await cloud.console('first', /STARTED FROM THE DISC/);
  expect(await cloud.domain(server.id)).toMatch(/instances\/[^/]+\/disk'[^]*dev='vda'[^]*disk\.rescue'/);
  await cloud.openstack('server unrescue first');
  await cloud.status('first', 'ACTIVE');
  expect(await inside('cat /root/marker')).toBe('after');
});

test('a shelved server leaves nothing on its host, and has the file when it comes back where it is wanted', async () => {
  await inside('sync');
  await cloud.openstack('server shelve first');
  await cloud.status('first', 'SHELVED_OFFLOADED');
  expect([await cloud.domain(server.id), await filesOf('-name', server.id)]).toEqual([null, '']);
  const place = { availability_zone: 'nova', host: hostname() };
  expect(await cloud.act(server.id, { unshelve: place }, '2.91')).toMatchObject({ status: 202 });
  await cloud.status('first', 'ACTIVE');
  expect(await inside('cat /root/marker')).toBe('after');
  expect(await cloud.json('image list --name first-shelved')).toEqual([]);
});

test('a rebuilt server has lost the file and is all it was asked to be, with its address and its id', async () => {
  const userData = join(cloud.state, 'user-data');
  await writeFile(userData, '#!/bin/sh\necho "made anew as $(hostname)"\n');
  await cloud.openstack(
    `--os-compute-api-version 2.92 server rebuild --image tiny --name anew --description "made anew" --property kind=new --key-name other --user-data ${userData} --hostname made-anew --password "another secret" --wait first`,
  );
  expect(await inside('cat /root/marker 2>/dev/null || echo lost')).toBe('lost');
  const metadata = JSON.parse(await inside('cat /run/config/openstack/latest/meta_data.json')) as Record<string, unknown>;
  expect(metadata).toMatchObject({ uuid: server.id, name: 'anew', meta: { kind: 'new' }, admin_pass: 'another secret' });
  expect(Object.keys(metadata['public_keys'] as object)).toEqual(['other']);
  expect(await cloud.console('anew', /login:\s*$/)).toMatch(/^made anew as made-anew/m);
  expect(await cloud.json('--os-compute-api-version 2.92 server show anew')).toMatchObject({ id: server.id, description: 'made anew' });
});
