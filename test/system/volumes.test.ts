import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { createVolumeClient } from '../../src/clients/volume-http.ts';
import { startTestCloud, type Asker, type TestCloud } from '../support/cloud.ts';

let cloud: TestCloud;
let ada: Asker;
beforeAll(async () => {
  cloud = await startTestCloud();
  ada = await cloud.user('member');
});
afterAll(() => cloud.stop());

const settled = (who: Asker, path: string, status: string) =>
  waitUntil(
    async () => {
      const { body } = await who.ask('volumev3', 'GET', path);
      const [found] = Object.values<{ readonly status: string }>(body);
      return found?.status === status ? found : null;
    },
    { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what: `${status} of ${path}` },
  );

test('the catalog leads to the volume service under both of its names', async () => {
  const { body } = await cloud.admin.ask('identity', 'GET', '/auth/catalog');
  const volume = (body.catalog as { type: string; endpoints: { url: string }[] }[]).filter(({ type }) =>
    ['volumev3', 'block-storage'].includes(type),
  );
  expect(volume.map(({ endpoints }) => endpoints[0]?.url)).toEqual([cloud.cloud.endpoints['volumev3'], cloud.cloud.endpoints['volumev3']]);
});

test('a user makes a volume of an image, and compute attaches it in its own name', async () => {
  const { status, body } = await ada.ask('volumev3', 'POST', '/volumes', { volume: { size: 1, name: 'root', imageRef: cloud.imageId } });
  expect([status, body.volume]).toMatchObject([202, { status: 'creating', bootable: 'true' }]);
  const { id } = body.volume as { id: string };
  await settled(ada, `/volumes/${id}`, 'available');

  const nova = cloud.cloud.identity;
  const client = createVolumeClient({ endpoints: nova.endpoints, log: silentLog, serviceSession: nova.serviceSession });
  try {
    const attachment = await client.createAttachment(nova.serviceSession, {
      volumeId: id,
      serverId: id,
      connector: { host: 'fake', ip: '127.0.0.1' },
    });
    expect(attachment.connection?.driverVolumeType).toBe('nbd');
    await client.completeAttachment(nova.serviceSession, attachment.id);
    expect((await ada.ask('volumev3', 'GET', `/attachments/${attachment.id}`)).body.attachment).toMatchObject({
      status: 'attached',
      connection_info: {},
    });
    expect((await ada.ask('volumev3', 'DELETE', `/attachments/${attachment.id}`)).status).toBe(409);
    // a user may end it through compute, which sends its own token beside the user's
    await client.deleteAttachment({ token: async () => ada.token }, attachment.id);
    await settled(ada, `/volumes/${id}`, 'available');
    const made = await client.create(nova.serviceSession, { size: 1, projectId: ada.projectId });
    await settled(ada, `/volumes/${made.id}`, 'available');
  } finally {
    await client.close();
  }
});

test('a volume becomes an image of its user’s', async () => {
  const made = await ada.ask('volumev3', 'POST', '/volumes', { volume: { size: 1 } });
  await settled(ada, `/volumes/${made.body.volume.id}`, 'available');
  const { body } = await ada.ask('volumev3', 'POST', `/volumes/${made.body.volume.id}/action`, {
    'os-volume_upload_image': { image_name: 'kept' },
  });
  await settled(ada, `/volumes/${made.body.volume.id}`, 'available');
  expect((await ada.ask('image', 'GET', `/images/${body['os-volume_upload_image'].image_id}`)).body).toMatchObject({
    name: 'kept',
    status: 'active',
    owner: ada.projectId,
  });
});
