import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';
import { retiredRoutes } from './routes.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

test('what is withdrawn is gone, at every version and whatever is sent, for whoever has a token', async () => {
  const gone = { computeFault: { code: 410, message: 'This resource is no longer available.  No forwarding address is given.' } };
  for (const { method, path } of retiredRoutes) {
    const url = path.replaceAll(/:\w+/g, 'x');
    for (const version of ['2.1', '2.104']) {
      const { status, body } = await api.as('alpha.reader')(method, url, {
        version,
        ...(method === 'GET' ? {} : { text: 'no json' }),
      });
      expect([method, url, status, body]).toEqual([method, url, 410, gone]);
    }
    expect((await api.as(null)(method, url)).status).toBe(401);
  }
  expect(retiredRoutes).toHaveLength(48);
});
