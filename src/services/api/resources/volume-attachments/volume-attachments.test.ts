import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BlockDevice } from '../../../../domain/instance.ts';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

const disk = (changes: Partial<BlockDevice>): BlockDevice => ({
  uuid: crypto.randomUUID(),
  sourceType: 'volume',
  destinationType: 'volume',
  bootIndex: null,
  deviceType: 'disk',
  diskBus: null,
  deviceName: null,
  guestFormat: null,
  volumeSize: 1,
  imageId: null,
  volumeId: crypto.randomUUID(),
  snapshotId: null,
  volumeType: null,
  deleteOnTermination: false,
  tag: null,
  attachmentId: crypto.randomUUID(),
  ...changes,
});

test('volumes of a server are shown as each microversion shows them; its local disks are none', async () => {
  const [named, unnamed] = [disk({ deviceName: '/dev/vdb', tag: 'data', deleteOnTermination: true }), disk({ attachmentId: null })];
  const { id } = await api.server({ blockDevices: [disk({ destinationType: 'local', volumeId: null }), named, unnamed] });
  const get = async (path: string, version: string) => {
    const { status, body } = await api.as('alpha.reader')('GET', `/servers/${id}/os-volume_attachments${path}`, { version });
    return status === 200 ? body : status;
  };
  const oldest = { id: named.volumeId, volumeId: named.volumeId, serverId: id, device: '/dev/vdb' };
  const newest = {
    volumeId: named.volumeId,
    serverId: id,
    device: '/dev/vdb',
    tag: 'data',
    delete_on_termination: true,
    attachment_id: named.attachmentId,
    bdm_uuid: named.uuid,
  };
  expect(await get('', '2.1')).toEqual({ volumeAttachments: [oldest, { id: unnamed.volumeId, volumeId: unnamed.volumeId, serverId: id }] });
  expect(await get('?offset=1&limit=1', '2.1')).toEqual({
    volumeAttachments: [{ id: unnamed.volumeId, volumeId: unnamed.volumeId, serverId: id }],
  });
  expect(await get('', '2.89')).toEqual({ volumeAttachments: [newest] });
  expect(await get(`/${named.volumeId}?colour=red`, '2.79')).toEqual({
    volumeAttachment: { ...oldest, tag: 'data', delete_on_termination: true },
  });
  expect([await get('?colour=red', '2.75'), await get(`/${crypto.randomUUID()}`, '2.1')]).toEqual([400, 404]);
});
