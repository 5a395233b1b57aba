import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { startTestCloud, type Asker, type TestCloud } from '../support/cloud.ts';

let cloud: TestCloud;
let user: Asker;
beforeAll(async () => {
  cloud = await startTestCloud();
  user = await cloud.user('member');
});
afterAll(() => cloud.stop());

const become = async (id: string, status: string) =>
  waitUntil(
    async () => {
      const { volume } = (await user.ask('volumev3', 'GET', `/volumes/${id}`)).body;
      if (String(volume.status).startsWith('error')) throw new Error(`volume ${id} is in ${volume.status}`);
      return volume.status === status ? volume : null;
    },
    { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what: `${status} of volume ${id}` },
  );
const volume = async (more: object = {}): Promise<string> => {
  const { id } = (await user.ask('volumev3', 'POST', '/volumes', { volume: { size: 1, ...more } })).body.volume;
  await become(id, 'available');
  return id;
};
const server = async (more: object = {}): Promise<string> => {
  const body = { server: { name: 'with-volumes', flavorRef: '1', networks: 'none', imageRef: cloud.imageId, ...more } };
  const created = await user.ask('compute', 'POST', '/servers', body);
  expect(created).toMatchObject({ status: 202 });
  await cloud.settled(user, created.body.server.id, 'ACTIVE');
  return created.body.server.id;
};
const attach = (serverId: string, volumeAttachment: object, version = '2.93') =>
  user.ask(
    'compute',
    'POST',
    `/servers/${serverId}/os-volume_attachments`,
    { volumeAttachment },
    { 'openstack-api-version': `compute ${version}` },
  );
const attachmentsOf = async (serverId: string): Promise<{ volumeId: string; device: string; attachment_id: string }[]> =>
  (await user.ask('compute', 'GET', `/servers/${serverId}/os-volume_attachments`)).body.volumeAttachments;

test('a volume is attached, in use, grown, and given back', async () => {
  const [serverId, volumeId] = [await server(), await volume()];
  expect(await attach(serverId, { volumeId, tag: 'data' })).toMatchObject({
    status: 200,
    body: { volumeAttachment: { id: volumeId, volumeId, serverId, device: '/dev/vdb', tag: 'data', delete_on_termination: false } },
  });
  const used = await become(volumeId, 'in-use');
  expect(used.attachments).toMatchObject([{ server_id: serverId }]);
  expect(await attachmentsOf(serverId)).toMatchObject([{ volumeId, device: '/dev/vdb' }]);
  const shown = (await user.ask('compute', 'GET', `/servers/${serverId}`)).body.server;
  expect(shown['os-extended-volumes:volumes_attached']).toEqual([{ id: volumeId, delete_on_termination: false }]);

  const grow = { 'os-extend': { new_size: 2 } };
  expect((await user.ask('volumev3', 'POST', `/volumes/${volumeId}/action`, grow)).status).toBe(202);
  await waitUntil(
    async () => {
      const { instanceActions } = (await user.ask('compute', 'GET', `/servers/${serverId}/os-instance-actions`)).body;
      return instanceActions.some(({ action }: { action: string }) => action === 'extend_volume') ? true : null;
    },
    { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what: 'The word of the grown volume' },
  );

  expect((await user.ask('compute', 'DELETE', `/servers/${serverId}/os-volume_attachments/${volumeId}`)).status).toBe(202);
  expect((await become(volumeId, 'available')).size).toBe(2);
  expect(await attachmentsOf(serverId)).toEqual([]);
});

test('a server boots from a volume made of an image, which goes with it when it shall', async () => {
  const mapping = (more: object) => ({
    imageRef: '',
    block_device_mapping_v2: [
      { boot_index: 0, uuid: cloud.imageId, source_type: 'image', destination_type: 'volume', volume_size: 1, ...more },
    ],
  });
  for (const goes of [true, false]) {
    const serverId = await server(mapping({ delete_on_termination: goes }));
    const [root] = await attachmentsOf(serverId);
    expect(root).toMatchObject({ device: '/dev/vda' });
    expect((await user.ask('volumev3', 'GET', `/volumes/${root!.volumeId}`)).body.volume).toMatchObject({
      status: 'in-use',
      bootable: 'true',
    });
    const { server: shown } = (await user.ask('compute', 'GET', `/servers/${serverId}`)).body;
    expect(shown.image).toBe('');
    expect(await user.ask('compute', 'DELETE', `/servers/${serverId}/os-volume_attachments/${root!.volumeId}`)).toMatchObject({
      status: 400,
    });
    await user.ask('compute', 'DELETE', `/servers/${serverId}`);
    await cloud.gone(user, serverId);
    if (goes) {
      await waitUntil(async () => ((await user.ask('volumev3', 'GET', `/volumes/${root!.volumeId}`)).status === 404 ? true : null), {
        clock: systemClock,
        timeoutMs: 20_000,
        everyMs: 20,
        what: 'The end of the volume',
      });
    } else await become(root!.volumeId, 'available');
  }
});

test('a server has a volume of a snapshot and a blank one', async () => {
  const source = await volume();
  const { snapshot } = (await user.ask('volumev3', 'POST', '/snapshots', { snapshot: { volume_id: source, name: 's' } })).body;
  await waitUntil(
    async () => ((await user.ask('volumev3', 'GET', `/snapshots/${snapshot.id}`)).body.snapshot.status === 'available' ? true : null),
    { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what: 'The snapshot' },
  );
  const serverId = await server({
    block_device_mapping_v2: [
      { uuid: snapshot.id, source_type: 'snapshot', destination_type: 'volume', delete_on_termination: true },
      { source_type: 'blank', destination_type: 'volume', volume_size: 1, delete_on_termination: true },
    ],
  });
  expect((await attachmentsOf(serverId)).map(({ device }) => device)).toEqual(['/dev/vdb', '/dev/vdc']);
});

test('what cannot be attached is refused, and the volume is free as before', async () => {
  const [serverId, other] = [await server(), await server()];
  const volumeId = await volume();
  expect((await attach(serverId, { volumeId: crypto.randomUUID() })).status).toBe(404);
  await attach(serverId, { volumeId });
  await become(volumeId, 'in-use');
  expect((await attach(serverId, { volumeId })).status).toBe(400);
  expect((await attach(other, { volumeId })).status).toBe(400);
  const second = await volume();
  expect((await attach(serverId, { volumeId: second, device: '/dev/vdb' })).status).toBe(409);
  expect((await attach(serverId, { volumeId: second, tag: 'x' }, '2.48')).status).toBe(400);
  await user.ask('compute', 'POST', `/servers/${serverId}/action`, { suspend: null });
  await cloud.settled(user, serverId, 'SUSPENDED');
  expect((await attach(serverId, { volumeId: second })).status).toBe(409);
  await become(second, 'available');
  expect((await attach(other, { volumeId: second }, '2.101')).status).toBe(202);
  await become(second, 'in-use');
});

test('whether a volume goes with its server is changed since 2.85; swaps are for the volume service', async () => {
  const [serverId, volumeId] = [await server(), await volume()];
  await attach(serverId, { volumeId });
  await become(volumeId, 'in-use');
  const put = (volumeAttachment: object, version: string) =>
    user.ask(
      'compute',
      'PUT',
      `/servers/${serverId}/os-volume_attachments/${volumeId}`,
      { volumeAttachment },
      { 'openstack-api-version': `compute ${version}` },
    );
  expect((await put({ volumeId, delete_on_termination: true }, '2.85')).status).toBe(202);
  expect(await attachmentsOf(serverId)).toMatchObject([{ delete_on_termination: true }]);
  expect((await put({ volumeId, tag: 'other' }, '2.85')).status).toBe(400);
  expect((await put({ volumeId: await volume() }, '2.84')).status).toBe(403);
});
