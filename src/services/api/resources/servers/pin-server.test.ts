import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';
import { sampleVif } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
let member: Ask;
beforeAll(async () => {
  api = await startApiUnderTest();
  member = api.as('alpha.member');
});
afterAll(() => api[Symbol.asyncDispose]());

describe('pinning a server to its zone', () => {
  const pin = (id: string, zone: string | null, version = '2.104') =>
    member('PUT', `/servers/${id}`, { version, body: { server: { pinned_availability_zone: zone } } });
  const shown = async (id: string) => [
    (await member('GET', `/servers/${id}`, { version: '2.96' })).body.server.pinned_availability_zone,
    (await member('GET', '/servers/detail', { version: '2.96' })).body.servers.find((server: { id: string }) => server.id === id)
      .pinned_availability_zone,
  ];

  test('keeps it there, until it is unpinned', async () => {
    const { id } = await api.server({ availabilityZone: 'north' });
    expect(await shown(id)).toEqual([null, null]);
    const set = await pin(id, 'north');
    expect([set.status, set.body.server.pinned_availability_zone, await shown(id)]).toEqual([200, 'north', ['north', 'north']]);
    expect([(await pin(id, 'north')).status, (await pin(id, 'south')).status, (await pin(id, null)).status, await shown(id)]).toEqual([
      200,
      409,
      200,
      [null, null],
    ]);
    expect((await pin(id, 'south')).status).toBe(409);
  });

  test('came with 2.104', async () => {
    const { id } = await api.server();
    expect((await pin(id, null, '2.103')).status).toBe(400);
  });
});

test('the answer to a change tells of addresses only what they are, until 2.74', async () => {
  const vif = sampleVif();
  const { id } = await api.server({ networkInfo: [vif] });
  const changed = async (version: string) =>
    (await member('PUT', `/servers/${id}`, { version, body: { server: {} } })).body.server.addresses;
  expect([await changed('2.74'), await changed('2.75')]).toEqual([
    { net: [{ version: 4, addr: '10.0.0.5' }] },
    { net: [{ version: 4, addr: '10.0.0.5', 'OS-EXT-IPS:type': 'fixed', 'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:00:00:01' }] },
  ]);
});

test('what a host is shown as', async () => {
  const own = await startApiUnderTest();
  try {
    await own.host('host-1');
    const ops = own.as('ops.admin');
    const { id } = await own.server();
    const statusNow = async () => (await ops('GET', `/servers/${id}`, { version: '2.16' })).body.server.host_status;
    const change = (action: string, more: object = {}) =>
      ops('PUT', `/os-services/${action}`, { version: '2.11', body: { host: 'host-1', binary: 'nova-compute', ...more } });
    const seen = [await statusNow()];
    await own.stores.defaultCell.database.updateTable('services').set({ last_seen_at: null }).execute();
    seen.push(await statusNow());
    await change('disable');
    seen.push(await statusNow());
    await change('force-down', { forced_down: true });
    seen.push(await statusNow());
    expect(seen).toEqual(['UP', 'UNKNOWN', 'MAINTENANCE', 'DOWN']);
    expect((await own.as('alpha.member')('GET', `/servers/${id}`, { version: '2.16' })).body.server).not.toHaveProperty('host_status');
    expect((await ops('GET', `/servers/${id}`, { version: '2.15' })).body.server).not.toHaveProperty('host_status');
  } finally {
    await own[Symbol.asyncDispose]();
  }
});

test('a path nobody serves asks for a token first', async () => {
  const statuses = async (who: string | null) => [
    (await api.as(who)('GET', '/unheard-of')).status,
    (await api.as(who)('PATCH', '/servers')).status,
    (await api.as(who)('GET', '/v2/unheard-of')).status,
  ];
  expect([await statuses(null), await statuses('alpha.member')]).toEqual([
    [401, 401, 401],
    [404, 404, 404],
  ]);
});
