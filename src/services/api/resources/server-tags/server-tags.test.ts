import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type AskOptions } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

const ask = (method: 'GET' | 'PUT' | 'DELETE', path: string, options: AskOptions = {}) =>
  api.as('alpha.member')(method, path, { version: '2.26', ...options });

describe('tags of a server', () => {
  test('are added one by one, and found', async () => {
    const { id } = await api.server();
    const path = `/servers/${id}/tags`;
    const added = await ask('PUT', `${path}/blue`);
    expect({ status: added.status, location: added.headers['location'], body: added.body }).toEqual({
      status: 201,
      location: `http://localhost:80/v2.1/servers/${id}/tags/blue`,
      body: undefined,
    });
    expect([
      (await ask('PUT', `${path}/blue`)).status,
      (await ask('GET', `${path}/blue`)).status,
      (await ask('GET', `${path}/red`)).status,
    ]).toEqual([204, 204, 404]);
    expect((await ask('GET', path)).body).toEqual({ tags: ['blue'] });
    expect([(await ask('DELETE', `${path}/blue`)).status, (await ask('DELETE', `${path}/blue`)).status]).toEqual([204, 404]);
  });

  test('are replaced and deleted together; doubles are one', async () => {
    const { id } = await api.server({ lockedBy: 'admin' });
    expect((await ask('PUT', `/servers/${id}/tags`, { body: { tags: ['a', 'b', 'a'] } })).body).toEqual({ tags: ['a', 'b'] });
    expect((await ask('DELETE', `/servers/${id}/tags`)).status).toBe(204);
    expect((await ask('GET', `/servers/${id}/tags`)).body).toEqual({ tags: [] });
  });

  test('are fifty at most', async () => {
    const fifty = Array.from({ length: 50 }, (_, index) => `t${index}`);
    const { id } = await api.server({ tags: fifty });
    expect([
      (await ask('PUT', `/servers/${id}/tags/t1`)).status,
      (await ask('PUT', `/servers/${id}/tags`, { body: { tags: [...fifty, 'more'] } })).status,
      (await ask('PUT', `/servers/${id}/tags`, { body: { tags: fifty } })).status,
    ]).toEqual([400, 400, 200]);
  });

  test.each([
    ['tags/a%2Fb', {}],
    ['tags/a,b', {}],
    [`tags/${'x'.repeat(61)}`, {}],
    ['tags/fine', { body: {} }],
    ['tags', { body: { tags: ['a,b'] } }],
    ['tags', { body: { tags: [''] } }],
    ['tags', { body: { tags: 'a' } }],
    ['tags', {}],
  ])('refuse PUT %s with %j', async (path, options) => {
    const { id } = await api.server();
    expect((await ask('PUT', `/servers/${id}/${path}`, options)).status).toBe(400);
  });

  test('are there since 2.26, and not changed while a server is being made', async () => {
    const { id } = await api.server({ vmState: 'building' });
    expect((await ask('GET', `/servers/${id}/tags`, { version: '2.25' })).status).toBe(404);
    expect((await ask('PUT', `/servers/${id}/tags/a`)).body).toEqual({
      conflictingRequest: { code: 409, message: `Cannot 'update tag' instance ${id} while it is in vm_state building` },
    });
    expect((await api.as('alpha.reader')('PUT', `/servers/${id}/tags/a`, { version: '2.26' })).status).toBe(403);
  });
});
