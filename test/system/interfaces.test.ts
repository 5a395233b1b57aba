import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { startTestCloud, type Asker, type TestCloud } from '../support/cloud.ts';

let cloud: TestCloud;
let user: Asker;
let serverId: string;
let networkId: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  user = await cloud.user('member');
  const { networks } = (await user.ask('network', 'GET', '/networks')).body;
  networkId = networks.find((network: { name: string }) => network.name === 'private').id;
  const server = { name: 'plugged', imageRef: cloud.imageId, flavorRef: '1', networks: 'none' };
  serverId = (await user.ask('compute', 'POST', '/servers', { server })).body.server.id;
  await cloud.settled(user, serverId, 'ACTIVE');
});
afterAll(() => cloud.stop());

const attach = (interfaceAttachment?: object) =>
  user.ask('compute', 'POST', `/servers/${serverId}/os-interface`, interfaceAttachment === undefined ? {} : { interfaceAttachment });
const detach = (portId: string) => user.ask('compute', 'DELETE', `/servers/${serverId}/os-interface/${portId}`);
const attached = async (): Promise<string[]> =>
  (await user.ask('compute', 'GET', `/servers/${serverId}/os-interface`)).body.interfaceAttachments.map(
    (one: { port_id: string }) => one.port_id,
  );
const detached = (portId: string) =>
  waitUntil(async () => ((await attached()).includes(portId) ? null : true), {
    clock: systemClock,
    timeoutMs: 10_000,
    everyMs: 10,
    what: `The detaching of port ${portId}`,
  });

test('an interface is attached by network, address and tag, shown, and goes with its port', async () => {
  const made = await attach({ net_id: networkId, tag: 'second' });
  expect(made).toMatchObject({
    status: 200,
    body: { interfaceAttachment: { net_id: networkId, tag: 'second', fixed_ips: [{ ip_address: expect.any(String) }] } },
  });
  const { port_id: portId } = made.body.interfaceAttachment;
  expect(await attached()).toEqual([portId]);
  expect((await user.ask('network', 'GET', `/ports/${portId}`)).body.port).toMatchObject({ device_id: serverId });
  expect((await detach(portId)).status).toBe(202);
  await detached(portId);
  expect((await user.ask('network', 'GET', `/ports/${portId}`)).status).toBe(404);
  const history = (await user.ask('compute', 'GET', `/servers/${serverId}/os-instance-actions`)).body.instanceActions;
  expect(history.slice(0, 2).map(({ action }: { action: string }) => action)).toEqual(['detach_interface', 'attach_interface']);
});

test("a user's own port is taken, and left behind unbound", async () => {
  const { port } = (await user.ask('network', 'POST', '/ports', { port: { network_id: networkId } })).body;
  expect((await attach({ port_id: port.id })).status).toBe(200);
  expect(await attach({ port_id: port.id })).toMatchObject({ status: 409 });
  await detach(port.id);
  await detached(port.id);
  await waitUntil(async () => ((await user.ask('network', 'GET', `/ports/${port.id}`)).body.port.device_id === '' ? true : null), {
    clock: systemClock,
    timeoutMs: 10_000,
    everyMs: 10,
    what: 'The unbinding of the port',
  });
});

test('what cannot be attached leaves nothing behind and says why', async () => {
  const [taken] = (await attach({ net_id: networkId })).body.interfaceAttachment.fixed_ips;
  const before = await attached();
  const refusals = await Promise.all([
    attach({ net_id: networkId, port_id: crypto.randomUUID() }),
    attach({ fixed_ips: [{ ip_address: '10.0.0.9' }] }),
    attach({ port_id: crypto.randomUUID() }),
    attach({ net_id: crypto.randomUUID() }),
    attach({ net_id: networkId, fixed_ips: [{ ip_address: '203.0.113.200' }] }),
    attach({ net_id: networkId, fixed_ips: [{ ip_address: taken.ip_address }] }),
    detach(crypto.randomUUID()),
  ]);
  expect(refusals.map(({ status }) => status)).toEqual([400, 400, 404, 404, 400, 409, 404]);
  expect(await attached()).toEqual(before);
  expect((await user.ask('network', 'GET', `/ports?device_id=${serverId}`)).body.ports).toHaveLength(before.length);
});

test('addresses come and go at an interface until 2.43', async () => {
  const at = { 'openstack-api-version': 'compute 2.43' };
  const act = (action: object, headers = at) => user.ask('compute', 'POST', `/servers/${serverId}/action`, action, headers);
  if ((await attached()).length === 0) await attach({ net_id: networkId });
  const addresses = async (): Promise<string[]> =>
    (await user.ask('compute', 'GET', `/servers/${serverId}/ips`)).body.addresses.private.map(({ addr }: { addr: string }) => addr);
  const before = await addresses();
  expect((await act({ addFixedIp: { networkId } })).status).toBe(202);
  const more = await addresses();
  expect(more).toHaveLength(before.length + 1);
  const added = more.find((address) => !before.includes(address));
  expect((await act({ removeFixedIp: { address: added } })).status).toBe(202);
  expect(await addresses()).toEqual(before);
  expect((await act({ removeFixedIp: { address: '198.51.100.1' } })).status).toBe(400);
  expect((await act({ addFixedIp: { networkId: crypto.randomUUID() } })).status).toBe(400);
  expect((await act({ addFixedIp: { networkId } }, { 'openstack-api-version': 'compute 2.44' })).status).toBe(404);
});
