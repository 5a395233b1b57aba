import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

test('the 99 extensions there once were are listed and shown', async () => {
  const reader = api.as('alpha.reader');
  const { extensions } = (await reader('GET', '/extensions')).body as { extensions: { alias: string; name: string }[] };
  expect([new Set(extensions.map(({ alias }) => alias)).size, new Set(extensions.map(({ name }) => name)).size]).toEqual([99, 98]);
  expect((await reader('GET', '/extensions/os-keypairs')).body).toEqual({
    extension: {
      alias: 'os-keypairs',
      name: 'Keypairs',
      description: expect.any(String),
      namespace: 'http://docs.openstack.org/compute/ext/fake_xml',
      updated: '2014-12-03T00:00:00Z',
      links: [],
    },
  });
  expect((await reader('GET', '/extensions/none')).body).toEqual({
    itemNotFound: { code: 404, message: 'Extension none could not be found.' },
  });
});
