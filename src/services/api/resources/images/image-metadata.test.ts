import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';
import { sampleImage } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
let member: Ask;
beforeAll(async () => {
  api = await startApiUnderTest('[quota]\nmetadata_items = 3');
  member = api.as('alpha.member');
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(() => {
  for (const [id, owner] of [
    ['own', 'alpha'],
    ['foreign', null],
  ] as const) {
    api.neighbours.images.set(
      id,
      sampleImage({ id, name: id, owner, diskFormat: 'raw', createdAt: '', updatedAt: '', properties: { a: '1', b: '2' } }),
    );
  }
});

const now = () => api.neighbours.images.get('own')!.properties;

test('metadata of an image are its properties, and are merged, replaced and deleted', async () => {
  expect((await member('GET', '/images/own/metadata')).body).toEqual({ metadata: { a: '1', b: '2' } });
  expect((await member('GET', '/images/own/metadata/a')).body).toEqual({ meta: { a: '1' } });
  const added = await member('POST', '/images/own/metadata', { body: { metadata: { b: '3', c: '4' } } });
  expect([added.status, added.body, now()]).toEqual([200, { metadata: { a: '1', b: '3', c: '4' } }, { a: '1', b: '3', c: '4' }]);
  const set = await member('PUT', '/images/own/metadata/a', { body: { meta: { a: 'x' } } });
  expect([set.status, set.body, now()]).toEqual([200, { meta: { a: 'x' } }, { a: 'x', b: '3', c: '4' }]);
  expect([(await member('DELETE', '/images/own/metadata/a')).status, now()]).toEqual([204, { b: '3', c: '4' }]);
  const replaced = await member('PUT', '/images/own/metadata', { body: { metadata: { z: '9' } } });
  expect([replaced.body, now()]).toEqual([{ metadata: { z: '9' } }, { z: '9' }]);
});

test.each([
  ['of an unknown image', 'GET', '/images/none/metadata', undefined, 404],
  ['that the image does not have', 'GET', '/images/own/metadata/none', undefined, 404],
  ['that is not there to delete', 'DELETE', '/images/own/metadata/none', undefined, 404],
  ['under another name', 'PUT', '/images/own/metadata/a', { meta: { b: '1' } }, 400],
  ['more than the quota allows', 'POST', '/images/own/metadata', { metadata: { c: '1', d: '2' } }, 403],
  ['of an image of somebody else', 'POST', '/images/foreign/metadata', { metadata: { a: '2' } }, 403],
  ['that is no text', 'PUT', '/images/own/metadata', { metadata: { a: 1 } }, 400],
] as const)('metadata is refused %s', async (_what, method, path, body, status) => {
  expect((await member(method, path, body === undefined ? {} : { body })).status).toBe(status);
  expect(now()).toEqual({ a: '1', b: '2' });
});

test('compute lets metadata of images be after 2.38', async () => {
  const statusAt = async (version: string) => (await member('GET', '/images/own/metadata', { version })).status;
  expect([await statusAt('2.38'), await statusAt('2.39')]).toEqual([200, 404]);
});
