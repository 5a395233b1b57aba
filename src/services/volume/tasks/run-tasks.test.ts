import { afterAll, beforeAll, expect, it } from 'vitest';
import { unavailable } from '../../../lib/errors.ts';
import { testVolumeService, type TestVolumeService } from '../test-support/volume-service.ts';

let service: TestVolumeService;
beforeAll(async () => {
  service = await testVolumeService();
});
afterAll(() => service[Symbol.asyncDispose]());

it('asks a neighbour that does not answer again', async () => {
  const image = service.images.add({}, Buffer.alloc(1024));
  const { download } = service.images;
  let failures = 0;
  service.images.download = (...args) =>
    ++failures < 3 ? Promise.reject(unavailable('The image service does not answer.')) : download(...args);
  expect(await service.volume('alpha.member', { imageRef: image.id })).toMatchObject({ status: 'available' });
  expect(failures).toBe(3);
  service.images.download = download;
});

it('does again what a stopped service was in the midst of', async () => {
  const image = service.images.add({}, Buffer.alloc(1024));
  const { download } = service.images;
  const reached = Promise.withResolvers<void>();
  service.images.download = (_session, _id, signal) => {
    reached.resolve();
    const { promise, reject } = Promise.withResolvers<never>();
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
    return promise;
  };
  const { body } = await service.ask('alpha.member', 'POST', '/volumes', { volume: { size: 1, imageRef: image.id } });
  await reached.promise;
  service.images.download = download;
  await service.restart();
  expect(await service.settled('alpha.member', `/volumes/${body.volume.id}`, 'available')).toMatchObject({ bootable: 'true' });
});

it('says where it shows that something could not be done, and goes on', async () => {
  const wrong = service.images.add({ size: 4096 }, Buffer.alloc(1024)); // fewer bytes than were said
  const { download } = service.images;
  service.images.download = () => Promise.reject(new Error('broken'));
  const { body } = await service.ask('alpha.member', 'POST', '/volumes', { volume: { size: 1, imageRef: wrong.id } });
  await expect(service.settled('alpha.member', `/volumes/${body.volume.id}`, 'available')).rejects.toThrow('is in error');
  service.images.download = download;
  expect((await service.ask('alpha.member', 'DELETE', `/volumes/${body.volume.id}`)).status).toBe(202);
  await service.gone('alpha.member', `/volumes/${body.volume.id}`);
  expect(await service.volume('alpha.member')).toMatchObject({ status: 'available' });
});

it('gives an upload up without leaving half an image', async () => {
  const { id } = await service.volume('alpha.member');
  const { upload } = service.images;
  service.images.upload = () => Promise.reject(new Error('no room'));
  const { body } = await service.ask('alpha.member', 'POST', `/volumes/${id}/action`, {
    'os-volume_upload_image': { image_name: 'never' },
  });
  await service.settled('alpha.member', `/volumes/${id}`, 'available');
  service.images.upload = upload;
  expect(service.images.dataOf(body['os-volume_upload_image'].image_id)).toBeUndefined();
});
