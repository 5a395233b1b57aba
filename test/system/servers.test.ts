import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCloud, type TestCloud } from '../support/cloud.ts';

let cloud: TestCloud;
beforeAll(async () => void (cloud = await startTestCloud()));
afterAll(() => cloud.stop());

const newServer = (name: string, more: object = {}) => ({
  server: { name, imageRef: cloud.imageId, flavorRef: '1', networks: 'none', ...more },
});

test('a server is built, stopped, started, rebooted, paused and deleted', async () => {
  const user = await cloud.user('member');
  const created = await user.ask('compute', 'POST', '/servers', newServer('one'));
  expect(created).toMatchObject({
    status: 202,
    body: { server: { 'OS-DCF:diskConfig': 'MANUAL', adminPass: expect.stringMatching(/^\w{12}$/) } },
  });
  const { id } = created.body.server;
  expect(await cloud.settled(user, id, 'ACTIVE')).toMatchObject({
    name: 'one',
    tenant_id: user.projectId,
    'OS-EXT-STS:power_state': 1,
    flavor: { original_name: 'm1.tiny' },
  });
  for (const [action, status] of [
    [{ 'os-stop': null }, 'SHUTOFF'],
    [{ 'os-start': null }, 'ACTIVE'],
    [{ reboot: { type: 'SOFT' } }, 'ACTIVE'],
    [{ reboot: { type: 'HARD' } }, 'ACTIVE'],
    [{ pause: null }, 'PAUSED'],
    [{ unpause: null }, 'ACTIVE'],
  ] as const) {
    expect((await user.ask('compute', 'POST', `/servers/${id}/action`, action)).status).toBe(202);
    await cloud.settled(user, id, status);
  }
  expect((await user.ask('compute', 'DELETE', `/servers/${id}`)).status).toBe(204);
  await cloud.gone(user, id);
  expect((await cloud.admin.ask('placement', 'GET', `/allocations/${id}`)).body.allocations).toEqual({});
});

test('a server gets its port, and the port goes with it', async () => {
  const user = await cloud.user('member');
  const { networks } = (await user.ask('network', 'GET', '/networks')).body;
  const { id: networkId } = networks.find((network: { name: string }) => network.name === 'private');
  const { id } = (await user.ask('compute', 'POST', '/servers', newServer('plugged', { networks: [{ uuid: networkId }] }))).body.server;
  const server = await cloud.settled(user, id, 'ACTIVE');
  expect(server.addresses.private).toEqual([expect.objectContaining({ version: 4, 'OS-EXT-IPS:type': 'fixed' })]);
  expect((await user.ask('network', 'GET', `/ports?device_id=${id}`)).body.ports).toHaveLength(1);
  await user.ask('compute', 'DELETE', `/servers/${id}`);
  await cloud.gone(user, id);
  expect((await user.ask('network', 'GET', `/ports?device_id=${id}`)).body.ports).toEqual([]);
});

test('several servers of one request are built together', async () => {
  const user = await cloud.user('member');
  const { reservation_id } = (
    await user.ask('compute', 'POST', '/servers', newServer('many', { min_count: 3, return_reservation_id: true }))
  ).body;
  const listed = async () =>
    (await user.ask('compute', 'GET', `/servers/detail?reservation_id=${reservation_id}`)).body.servers as { id: string; name: string }[];
  const servers = await listed();
  expect(servers.map(({ name }) => name).toSorted()).toEqual(['many-1', 'many-2', 'many-3']);
  for (const { id } of servers) await cloud.settled(user, id, 'ACTIVE');
});

test('a server deleted while it is built leaves nothing', async () => {
  const user = await cloud.user('member');
  const { id } = (await user.ask('compute', 'POST', '/servers', newServer('short-lived'))).body.server;
  expect((await user.ask('compute', 'DELETE', `/servers/${id}`)).status).toBe(204);
  await cloud.gone(user, id);
  expect((await cloud.admin.ask('placement', 'GET', `/allocations/${id}`)).body.allocations).toEqual({});
});

test('a server that fits nowhere says why', async () => {
  const flavor = { flavor: { id: 'huge', name: 'huge', vcpus: 1, ram: 2_000_000_000, disk: 1 } };
  expect((await cloud.admin.ask('compute', 'POST', '/flavors', flavor)).status).toBe(200);
  await cloud.admin.ask('compute', 'PUT', `/os-quota-sets/${cloud.admin.projectId}`, { quota_set: { ram: -1 } });
  const { id } = (await cloud.admin.ask('compute', 'POST', '/servers', newServer('huge', { flavorRef: 'huge' }))).body.server;
  expect((await cloud.settled(cloud.admin, id, 'ERROR')).fault).toMatchObject({
    code: 500,
    message: expect.stringMatching(
      /^No valid host was found\. 2 hosts: 2 lack 2000000000 MB of memory; the nearest lacks \d+ MB of memory\.$/,
    ),
  });
});

test('refusals name what is wrong', async () => {
  const user = await cloud.user('member');
  const refused = async (body: object) => {
    const { status, body: answer } = await user.ask('compute', 'POST', '/servers', body);
    return [status, (Object.values(answer)[0] as { message: string }).message];
  };
  expect(await refused(newServer('x', { imageRef: '00000000-0000-4000-8000-000000000000' }))).toEqual([
    400,
    'Can not find requested image',
  ]);
  expect(await refused(newServer('x', { flavorRef: 'none' }))).toEqual([400, 'Flavor none could not be found.']);
  expect(await refused(newServer(' x'))).toEqual([
    400,
    "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.",
  ]);
  expect(await refused(newServer('x', { key_name: 'none' }))).toEqual([400, 'Invalid key_name provided.']);
  expect(await refused(newServer('x', { min_count: 11 }))).toEqual([
    403,
    'Quota exceeded for instances: Requested 11, but already used 0 of 10 instances',
  ]);
});

test('a server of another project is not found', async () => {
  const [owner, stranger] = [await cloud.user('member'), await cloud.user('member')];
  const { id } = (await owner.ask('compute', 'POST', '/servers', newServer('private'))).body.server;
  expect(await stranger.ask('compute', 'GET', `/servers/${id}`)).toMatchObject({
    status: 404,
    body: { itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } },
  });
  expect((await stranger.ask('compute', 'GET', '/servers')).body.servers).toEqual([]);
  await cloud.settled(owner, id, 'ACTIVE');
});
