import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
const version = '2.97';
const able = ['COMPUTE_STORAGE_VIRTIO_FS', 'COMPUTE_MEM_BACKING_FILE'];
beforeAll(async () => {
  api = await startApiUnderTest();
  const { uuid } = await api.host('host-1');
  Object.assign(api.neighbours.providers.get(uuid)!, { traits: able });
  await api.host('old');
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(() => api.neighbours.shares.clear());

const share = (changes: object = {}) => {
  const id = randomUUID();
  const known = { id, status: 'available', protocol: 'NFS', exportLocation: '10.0.0.50:/mnt/foo', access: [], state: false, ...changes };
  api.neighbours.shares.set(id, known);
  return known;
};
const stopped = (changes: object = {}) => api.server({ vmState: 'stopped', powerState: 4, ...changes });
const asMember: Ask = (method, path, options) => api.as('alpha.member')(method, path, { version, ...options });
const attach = (serverId: string, shareId: string, tag?: string) =>
  asMember('POST', `/servers/${serverId}/shares`, { body: { share: { share_id: shareId, ...(tag === undefined ? {} : { tag }) } } });

describe('a share', () => {
  test('is attached to a stopped server, open to its host, and taken away again', async () => {
    const [server, files] = [await stopped(), share()];
    const made = await attach(server.id, files.id, 'docs');
    expect([made.status, made.body]).toEqual([201, { share: { share_id: files.id, status: 'attaching', tag: 'docs' } }]);
    expect(api.neighbours.shares.get(files.id)!.access).toEqual([{ type: 'ip', to: '192.0.2.1' }]);
    const list = async () => (await asMember('GET', `/servers/${server.id}/shares`)).body.shares;
    expect(await list()).toEqual([{ share_id: files.id, status: 'attaching', tag: 'docs' }]);
    api.neighbours.shares.get(files.id)!.state = true;
    expect(await list()).toEqual([{ share_id: files.id, status: 'inactive', tag: 'docs' }]);
    const gone = await asMember('DELETE', `/servers/${server.id}/shares/${files.id}`);
    expect([gone.status, gone.body, await list(), api.neighbours.shares.get(files.id)!.access]).toEqual([200, undefined, [], []]);
  });

  test('is active while its server runs, and tells administrators where it comes from', async () => {
    const [server, files] = [await stopped(), share({ state: true })];
    await attach(server.id, files.id);
    await api.stores.defaultCell.database.updateTable('instances').set({ power_state: 1 }).where('uuid', '=', server.id).execute();
    const { body } = await api.as('ops.admin')('GET', `/servers/${server.id}/shares/${files.id}`, { version });
    expect(body.share).toEqual({
      share_id: files.id,
      status: 'active',
      tag: files.id,
      uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      export_location: '10.0.0.50:/mnt/foo',
    });
  });

  test('that the service does not open is in error', async () => {
    const [server, files] = [await stopped(), share({ state: null })];
    await attach(server.id, files.id);
    expect((await asMember('GET', `/servers/${server.id}/shares/${files.id}`)).body.share.status).toBe('error');
  });

  test('stays open to a host that needs it for another server', async () => {
    const [one, two, files] = [await stopped(), await stopped(), share()];
    await attach(one.id, files.id);
    await attach(two.id, files.id);
    await asMember('DELETE', `/servers/${one.id}/shares/${files.id}`);
    expect(api.neighbours.shares.get(files.id)!.access.length).toBeGreaterThan(0);
    await asMember('DELETE', `/servers/${two.id}/shares/${files.id}`);
    expect(api.neighbours.shares.get(files.id)!.access).toEqual([]);
  });

  test('goes with its server', async () => {
    const [server, files] = [await stopped(), share({ protocol: 'CEPHFS' })];
    await attach(server.id, files.id);
    expect(api.neighbours.shares.get(files.id)!.access).toEqual([{ type: 'cephx', to: 'nova' }]);
    expect((await asMember('DELETE', `/servers/${server.id}`)).status).toBe(204);
    expect(api.neighbours.shares.get(files.id)!.access).toEqual([]);
  });

  test.each([
    ['a running server', { vmState: 'active' }, {}, 409],
    ['a host that cannot hand it through', { host: 'old', node: 'old' }, {}, 409],
    ['a share that is not there yet', {}, { status: 'creating' }, 409],
    ['a share without a path', {}, { exportLocation: null }, 409],
    ['a share of another kind', {}, { protocol: 'CIFS' }, 409],
  ])('is refused for %s', async (_why, server, changes, status) => {
    expect((await attach((await stopped(server)).id, share(changes).id)).status).toBe(status);
  });

  test('is refused twice, under a tag that is taken, and when there is none', async () => {
    const [server, one, two] = [await stopped(), share(), share()];
    await attach(server.id, one.id, 'tag');
    const status = async (id: string, tag?: string) => (await attach(server.id, id, tag)).status;
    expect([await status(one.id), await status(two.id, 'tag'), await status(two.id, 'a b'), await status(randomUUID())]).toEqual([
      409, 409, 400, 404,
    ]);
    expect((await asMember('GET', `/servers/${server.id}/shares/${two.id}`)).status).toBe(404);
  });

  test('is known from 2.97 on', async () => {
    expect((await asMember('GET', `/servers/${(await stopped()).id}/shares`, { version: '2.96' })).status).toBe(404);
  });
});

test('a server with shares is not suspended', async () => {
  const [server, files] = [await stopped(), share()];
  await attach(server.id, files.id);
  await api.stores.defaultCell.database.updateTable('instances').set({ vm_state: 'active' }).where('uuid', '=', server.id).execute();
  const { body } = await asMember('POST', `/servers/${server.id}/action`, { body: { suspend: null } });
  expect(body).toEqual({ conflictingRequest: { code: 409, message: 'Feature not supported with instances that have shares.' } });
});
