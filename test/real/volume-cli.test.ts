import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createVolumeClient } from '../../src/clients/volume-http.ts';
import { isNbdConnection, type NbdConnection } from '../../src/clients/volume.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { runCommand } from '../../src/lib/command/run-command.ts';
import { silentLog } from '../../src/lib/log.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { password, startTestCloud, type TestCloud } from '../support/cloud.ts';
import type { WireBody } from '../support/wire-body.ts';

/** The openstack client against a volume service with real bytes: what is written through an export is what a guest would write. */
let cloud: TestCloud;
let home: string;
let client: ReturnType<typeof createVolumeClient>;
beforeAll(async () => {
  [cloud, home] = await Promise.all([startTestCloud('[kilonova]\nvolume_backend = qemu'), mkdtemp(join(tmpdir(), 'kilonova-volume-cli-'))]);
  const { endpoints, serviceSession } = cloud.cloud.identity;
  client = createVolumeClient({ endpoints, log: silentLog, serviceSession });
});
afterAll(async () => {
  await client.close();
  await cloud.stop();
  await rm(home, { recursive: true, force: true });
});

const run = promisify(execFile);

/** What `openstack …` prints, as JSON where there is any. */
async function openstack(...args: readonly string[]): Promise<WireBody> {
  const shows = /^(create|show|list)$/.test(args.find((word) => /^(create|show|list|set|unset|delete|add|remove)$/.test(word)) ?? '');
  const { stdout } = await run('openstack', ['--os-volume-api-version', '3.60', ...args, ...(shows ? ['-f', 'json'] : [])], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      OS_AUTH_URL: cloud.cloud.authUrl,
      OS_IDENTITY_API_VERSION: '3',
      OS_USERNAME: 'admin',
      OS_PASSWORD: password,
      OS_PROJECT_NAME: 'admin',
      OS_USER_DOMAIN_NAME: 'Default',
      OS_PROJECT_DOMAIN_NAME: 'Default',
      OS_REGION_NAME: cloud.cloud.region,
    },
  });
  return stdout.trim() === '' ? null : (JSON.parse(stdout) as unknown);
}

const nova = () => cloud.cloud.identity.serviceSession;
const settled = (id: string, status: string) =>
  waitUntil(
    async () => {
      const volume = await client.show(nova(), id);
      if (volume.status.startsWith('error') && volume.status !== status) throw new Error(`volume ${id} is in ${volume.status}`);
      return volume.status === status ? volume : null;
    },
    { clock: systemClock, timeoutMs: 60_000, everyMs: 50, what: `${status} of volume ${id}` },
  );

/** Attaches the volume as compute does, works on its export, and detaches it. */
async function attached<T>(id: string, work: (data: NbdConnection['data']) => Promise<T>): Promise<T> {
  const { id: attachmentId, connection } = await client.createAttachment(nova(), {
    volumeId: id,
    serverId: randomUUID(),
    connector: { host: 'fake', ip: '127.0.0.1' },
  });
  try {
    if (connection === null || !isNbdConnection(connection)) throw new Error('no NBD connection');
    await client.completeAttachment(nova(), attachmentId);
    return await work(connection.data);
  } finally {
    await client.deleteAttachment(nova(), attachmentId);
  }
}

const nbd = ({ transport, exportName }: NbdConnection['data']): string =>
  `driver=nbd,server.type=unix,server.path=${transport.kind === 'unix' ? transport.socket : ''},export=${exportName},reconnect-delay=30`;
const qemuIo = async (where: string, commands: readonly string[], more: readonly string[] = []) => {
  const { stdout, exitCode } = await runCommand({
    program: 'qemu-io',
    args: [...more, '--image-opts', ...commands.flatMap((command) => ['-c', command]), where],
    answers: [1],
  });
  return { ok: exitCode === 0 && !/failed|error/i.test(stdout), text: stdout };
};
const written = async (data: NbdConnection['data'], pattern: number, at: string) =>
  expect(await qemuIo(nbd(data), [`write -P ${pattern} ${at} 64k`, 'flush'])).toMatchObject({ ok: true });
const holds = async (data: NbdConnection['data'], pattern: number, at: string) =>
  (await qemuIo(`${nbd(data)},read-only=on`, [`read -P ${pattern} ${at} 64k`], ['-r'])).ok;

test('the openstack client manages volumes, snapshots and types, and their bytes are kept', async () => {
  const made = await openstack('volume', 'create', '--size', '1', '--description', 'mine', '--property', 'colour=blue', 'data');
  expect(made).toMatchObject({ name: 'data', size: 1, description: 'mine', type: '__DEFAULT__', bootable: 'false' });
  const { id } = made as { id: string };
  await settled(id, 'available');
  expect(await openstack('volume', 'list')).toEqual([{ ID: id, Name: 'data', Status: 'available', Size: 1, 'Attached to': [] }]);
  await openstack(
    'volume',
    'set',
    '--name',
    'facts',
    '--property',
    'shape=round',
    '--bootable',
    '--image-property',
    'hw_disk_bus=scsi',
    'data',
  );
  await openstack('volume', 'unset', '--property', 'colour', 'facts');
  expect(await openstack('volume', 'show', 'facts')).toMatchObject({
    id,
    properties: { shape: 'round' },
    bootable: 'true',
    volume_image_metadata: { hw_disk_bus: 'scsi' },
    status: 'available',
  });

  await attached(id, async (data) => {
    await written(data, 7, '0');
    expect(await openstack('volume', 'show', id)).toMatchObject({
      status: 'in-use',
      attachments: [expect.objectContaining({ host_name: 'fake' })],
    });
  });
  await openstack('volume', 'snapshot', 'create', '--volume', 'facts', '--description', 'seven', 'moment');
  const snapshots = (await openstack('volume', 'snapshot', 'list')) as { ID: string }[];
  expect(snapshots).toMatchObject([{ Name: 'moment', Size: 1 }]);
  const snapshotId = snapshots[0]!.ID;
  await waitUntil(async () => ((await client.snapshot(nova(), snapshotId)).status === 'available' ? true : null), {
    clock: systemClock,
    timeoutMs: 20_000,
    everyMs: 50,
    what: 'the snapshot',
  });
  // a guest goes on writing: what the snapshot holds stays
  await attached(id, async (data) => {
    await written(data, 9, '0');
    const later = await client.createSnapshot(nova(), { volumeId: id, name: 'while in use' });
    await waitUntil(async () => ((await client.snapshot(nova(), later.id)).status === 'available' ? true : null), {
      clock: systemClock,
      timeoutMs: 20_000,
      everyMs: 50,
      what: 'the snapshot of a volume in use',
    });
    await written(data, 11, '0');
    const [before, during] = await Promise.all(
      [snapshotId, later.id].map(
        async (of) => (await settled((await client.create(nova(), { size: 2, snapshotId: of })).id, 'available')).id,
      ),
    );
    expect(await attached(before!, (copy) => holds(copy, 7, '0'))).toBe(true);
    expect(await attached(during!, (copy) => holds(copy, 9, '0'))).toBe(true);
    expect(await holds(data, 11, '0')).toBe(true);
    await client.deleteSnapshot(nova(), later.id);
  });
  await openstack('volume', 'set', '--size', '2', 'facts');
  expect((await settled(id, 'available')).size).toBe(2);
  await attached(id, async (data) => {
    expect(data.bytes).toBe(2 * 1024 ** 3);
    await written(data, 5, '1500M');
  });

  await openstack('volume', 'snapshot', 'delete', 'moment');
  await waitUntil(async () => (((await openstack('volume', 'snapshot', 'list')) as unknown[]).length === 0 ? true : null), {
    clock: systemClock,
    timeoutMs: 30_000,
    everyMs: 200,
    what: 'the end of the snapshots',
  });
  await openstack('volume', 'delete', 'facts');
  await waitUntil(async () => ((await client.list(nova(), { all_tenants: '1', name: 'facts' })).length === 0 ? true : null), {
    clock: systemClock,
    timeoutMs: 20_000,
    everyMs: 50,
    what: 'the end of the volume',
  });
});

test('a volume of an image holds its bytes, and becomes an image that holds them too', async () => {
  const { id } = (await openstack('volume', 'create', '--size', '1', '--image', cloud.imageId, 'boots')) as { id: string };
  expect(await settled(id, 'available')).toMatchObject({ bootable: true, imageMetadata: { image_id: cloud.imageId } });
  await attached(id, (data) => written(data, 3, '512k'));
  const copy = (await openstack('volume', 'create', '--source', 'boots', '--size', '1', 'copy')) as { id: string };
  await settled(copy.id, 'available');
  expect(await attached(copy.id, (data) => holds(data, 3, '512k'))).toBe(true);
  const { body } = await cloud.admin.ask('volumev3', 'POST', `/volumes/${id}/action`, {
    'os-volume_upload_image': { image_name: 'kept', disk_format: 'qcow2' },
  });
  await settled(id, 'available');
  const again = await settled((await client.create(nova(), { size: 1, imageId: body['os-volume_upload_image'].image_id })).id, 'available');
  expect(await attached(again.id, (data) => holds(data, 3, '512k'))).toBe(true);
});

test('an encrypted volume is a LUKS container that only its key opens', async () => {
  expect(
    await openstack(
      'volume',
      'type',
      'create',
      '--encryption-provider',
      'luks',
      '--encryption-cipher',
      'aes-xts-plain64',
      '--encryption-key-size',
      '256',
      '--encryption-control-location',
      'front-end',
      'secret',
    ),
  ).toMatchObject({ name: 'secret', encryption: expect.anything() });
  const { id } = (await openstack('volume', 'create', '--size', '1', '--type', 'secret', 'hidden')) as { id: string };
  expect(await settled(id, 'available')).toMatchObject({ encrypted: true });
  const open = (data: NbdConnection['data'], key: string): [string, string[]] => [
    `driver=luks,key-secret=key,${nbd(data)
      .split(',')
      .map((part) => `file.${part}`)
      .join(',')}`,
    ['--object', `secret,id=key,data=${key}`],
  ];
  await attached(id, async (data) => {
    const { encryption } = data;
    expect(encryption).toMatchObject({ provider: 'luks', cipher: 'aes-xts-plain64', keySize: 256 });
    const [where, key] = open(data, encryption!.passphrase);
    expect(await qemuIo(where, ['write -P 42 0 64k', 'read -P 42 0 64k', 'length'], key)).toMatchObject({
      ok: true,
      text: expect.stringContaining('1 GiB'),
    });
    const [, wrong] = open(data, 'not-the-key');
    expect((await qemuIo(where, ['read -P 42 0 64k'], wrong)).ok).toBe(false);
    expect((await qemuIo(nbd(data), ['read -v 0 512'])).text).toMatch(/4c 55 4b 53 ba be/); // "LUKS", and its magic number
    expect((await qemuIo(nbd(data), ['read -P 42 2068480 64k'])).ok).toBe(false);
  });
  const copy = await settled((await client.create(nova(), { size: 2, sourceVolumeId: id })).id, 'available');
  await attached(copy.id, async (data) => {
    const [where, key] = open(data, data.encryption!.passphrase);
    expect((await qemuIo(where, ['read -P 42 0 64k'], key)).ok).toBe(true);
  });
  // written anew without encryption, and the old key is gone
  await openstack('volume', 'set', '--type', '__DEFAULT__', '--retype-policy', 'on-demand', 'hidden');
  await waitUntil(async () => ((await client.show(nova(), id)).encrypted ? null : true), {
    clock: systemClock,
    timeoutMs: 240_000,
    everyMs: 200,
    what: 'the retype',
  });
  await settled(id, 'available');
  expect(await attached(id, (data) => holds(data, 42, '0'))).toBe(true);
});

test('a volume in use grows under its guest, and outlives the daemon that serves it', async () => {
  const { id } = (await openstack('volume', 'create', '--size', '1', 'grows')) as { id: string };
  await settled(id, 'available');
  await attached(id, async (data) => {
    await written(data, 8, '0');
    await openstack('volume', 'set', '--size', '2', 'grows');
    expect((await settled(id, 'in-use')).size).toBe(2);
    await written(data, 6, '1800M');
    expect(await holds(data, 8, '0')).toBe(true);
    const socket = data.transport.kind === 'unix' ? data.transport.socket : '';
    process.kill(Number(await readFile(socket.replace(/nbd$/, 'pid'), 'utf8')), 'SIGKILL');
    await waitUntil(async () => ((await holds(data, 6, '1800M').catch(() => false)) ? true : null), {
      clock: systemClock,
      timeoutMs: 40_000,
      everyMs: 500,
      what: 'another daemon',
    });
    expect(await holds(data, 8, '0')).toBe(true);
  });
  // nobody is connected: nobody can connect
  const gone = await attached(id, async (data) => data);
  expect((await qemuIo(nbd(gone).replace('reconnect-delay=30', 'reconnect-delay=0'), ['read 0 512']).catch(() => ({ ok: false }))).ok).toBe(
    false,
  );
});
