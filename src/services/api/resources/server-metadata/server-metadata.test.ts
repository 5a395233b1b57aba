import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
let member: Ask;
beforeAll(async () => {
  api = await startApiUnderTest('[quota]\nmetadata_items = 3\n');
  [admin, member] = [api.as('ops.admin'), api.as('alpha.member')];
});
afterAll(() => api[Symbol.asyncDispose]());

describe('metadata of a server', () => {
  test('is merged, replaced, set and deleted', async () => {
    const { id } = await api.server({ metadata: { a: '1' } });
    const path = `/servers/${id}/metadata`;
    expect((await member('POST', path, { body: { metadata: { b: '2', a: '3' } } })).body).toEqual({ metadata: { a: '3', b: '2' } });
    expect((await member('PUT', `${path}/c`, { body: { meta: { c: '4' } } })).body).toEqual({ meta: { c: '4' } });
    expect((await member('GET', path)).body).toEqual({ metadata: { a: '3', b: '2', c: '4' } });
    expect((await member('GET', `${path}/c`)).body).toEqual({ meta: { c: '4' } });
    expect([
      (await member('DELETE', `${path}/c`)).status,
      (await member('DELETE', `${path}/c`)).status,
      (await member('GET', `${path}/constructor`)).status,
    ]).toEqual([204, 404, 404]);
    expect((await member('PUT', path, { body: { metadata: {} } })).body).toEqual({ metadata: {} });
  });

  test('loses nothing when two change it at once', async () => {
    const { id } = await api.server();
    await Promise.all(['a', 'b', 'c'].map((key) => member('POST', `/servers/${id}/metadata`, { body: { metadata: { [key]: key } } })));
    expect((await member('GET', `/servers/${id}/metadata`)).body.metadata).toEqual({ a: 'a', b: 'b', c: 'c' });
  });

  test('stays within its quota', async () => {
    const { id } = await api.server({ metadata: { a: '1', b: '2', c: '3' } });
    const set = (key: string) => member('PUT', `/servers/${id}/metadata/${key}`, { body: { meta: { [key]: 'x' } } });
    expect((await set('d')).body).toEqual({ forbidden: { code: 403, message: 'Maximum number of metadata items exceeds 3' } });
    expect((await set('a')).status).toBe(200);
  });

  test.each([
    ['PUT', 'a', { meta: { b: '1' } }],
    ['PUT', 'a', { meta: { a: '1', b: '2' } }],
    ['PUT', 'a', { meta: {} }],
    ['PUT', 'a', { meta: { a: '1' }, other: 1 }],
    ['POST', '', { metadata: { a: 1 } }],
    ['POST', '', { metadata: { 'a/b': '1' } }],
    ['POST', '', { metadata: { a: 'x'.repeat(256) } }],
    ['POST', '', { metadata: null }],
    ['POST', '', {}],
    ['PUT', '', { metadata: [] }],
  ] as const)('refuses %s of %j with %j', async (method, key, body) => {
    const { id } = await api.server();
    expect((await member(method, `/servers/${id}/metadata${key === '' ? '' : `/${key}`}`, { body })).status).toBe(400);
  });

  test('does not change while the server is locked, or in a state that has none of it', async () => {
    const [locked, building] = [
      await api.server({ lockedBy: 'owner', metadata: { a: '1' } }),
      await api.server({ vmState: 'error', metadata: { a: '1' } }),
    ];
    const remove = (ask: Ask, id: string) => ask('DELETE', `/servers/${id}/metadata/a`);
    expect((await remove(member, locked.id)).body).toEqual({
      conflictingRequest: { code: 409, message: `Instance ${locked.id} is locked` },
    });
    expect((await remove(admin, locked.id)).status).toBe(204);
    expect((await remove(member, building.id)).body).toEqual({
      conflictingRequest: { code: 409, message: `Cannot 'delete metadata' instance ${building.id} while it is in vm_state error` },
    });
    expect(
      (await member('POST', `/servers/${building.id}/metadata`, { body: { metadata: {} } })).body.conflictingRequest.message,
    ).toContain("Cannot 'update metadata'");
  });

  test('is read by readers, changed by members, and not found by others', async () => {
    const { id } = await api.server();
    const of = (who: string, method: 'GET' | 'POST') =>
      api.as(who)(method, `/servers/${id}/metadata`, method === 'POST' ? { body: { metadata: {} } } : {});
    expect([
      (await of('alpha.reader', 'GET')).status,
      (await of('alpha.reader', 'POST')).status,
      (await of('beta.member', 'GET')).status,
      (await of('beta.admin', 'GET')).status,
    ]).toEqual([200, 403, 404, 200]);
    expect((await member('GET', `/servers/${crypto.randomUUID()}/metadata`)).status).toBe(404);
  });
});
