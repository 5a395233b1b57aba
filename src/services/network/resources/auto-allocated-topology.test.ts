import { afterAll, beforeAll, expect, test } from 'vitest';
import { testNetworkService, type TestNetworkService } from '../test-support/network-service.ts';

let net: TestNetworkService;
beforeAll(async () => {
  net = await testNetworkService();
});
afterAll(() => net[Symbol.asyncDispose]());

const path = (project: string) => `auto-allocated-topology/${project}`;
const typeOf = ({ status, body }: Awaited<ReturnType<TestNetworkService['ask']>>): unknown => body?.NeutronError?.type ?? status;

test('a project is given a network with a way out once, however often and by however many it is asked for', async () => {
  const dry = () => net.ask('alpha.member', 'GET', `${path('None')}?fields=dry-run`);
  expect(typeOf(await dry())).toBe('AutoAllocationFailure');
  const outside = await net.make('admin.admin', 'networks', { network: { name: 'outside', 'router:external': true } });
  await net.make('admin.admin', 'subnets', {
    subnet: { network_id: outside.id, ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false },
  });
  expect((await dry()).body.auto_allocated_topology).toMatchObject({ id: 'dry-run=pass', project_id: 'alpha' });
  expect((await net.ask('alpha.member', 'GET', 'networks?router:external=false')).body.networks).toEqual([]);

  const asked = await Promise.all(['alpha.member', 'admin.admin', 'alpha.member'].map((who) => net.ask(who, 'GET', path('alpha'))));
  const ids = new Set(asked.map(({ body }) => body.auto_allocated_topology.id));
  expect(ids.size).toBe(1);
  const [id] = [...ids];
  const { network } = (await net.ask('alpha.member', 'GET', `networks/${id}`)).body;
  expect(network).toMatchObject({ name: 'auto_allocated_network', project_id: 'alpha', admin_state_up: true });
  expect(network.subnets).toHaveLength(1);
  const { routers } = (await net.ask('alpha.member', 'GET', 'routers')).body;
  expect(routers).toMatchObject([{ project_id: 'alpha', external_gateway_info: { network_id: outside.id } }]);
  expect((await net.ask('alpha.member', 'GET', `ports?network_id=${id}&device_owner=network:router_interface`)).body.ports).toHaveLength(1);
});

test('it is nobody else’s, and goes as a whole when nothing uses it', async () => {
  const { id } = (await net.ask('beta.member', 'GET', path('beta'))).body.auto_allocated_topology;
  expect([
    typeOf(await net.ask('alpha.member', 'GET', path('beta'))),
    typeOf(await net.ask('alpha.member', 'DELETE', path('beta'))),
  ]).toEqual(['PolicyNotAuthorized', 'PolicyNotAuthorized']);
  const port = await net.make('beta.member', 'ports', { port: { network_id: id } });
  expect(typeOf(await net.ask('beta.member', 'DELETE', path('beta')))).toBe('NetworkInUse');
  await net.ask('beta.member', 'DELETE', `ports/${port.id}`);
  expect([
    typeOf(await net.ask('beta.member', 'DELETE', path('beta'))),
    typeOf(await net.ask('beta.member', 'DELETE', path('beta'))),
  ]).toEqual([204, 'HTTPNotFound']);
  expect((await net.ask('beta.member', 'GET', 'routers')).body.routers).toEqual([]);
});
