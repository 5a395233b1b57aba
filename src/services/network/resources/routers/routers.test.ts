import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testNetworkService, type TestNetworkService } from '../../test-support/network-service.ts';

let net: TestNetworkService;
let outside: string;
beforeAll(async () => {
  net = await testNetworkService();
  outside = (await net.make('admin.admin', 'networks', { network: { name: 'public', 'router:external': true } })).id;
  await net.make('admin.admin', 'subnets', { subnet: { network_id: outside, ip_version: 4, cidr: '172.24.4.0/24', enable_dhcp: false } });
});
afterAll(() => net[Symbol.asyncDispose]());

const typeOf = async (answer: ReturnType<TestNetworkService['ask']>): Promise<unknown> =>
  (await answer).body?.NeutronError?.type ?? (await answer).status;

async function site(cidr: string): Promise<{ network: string; subnet: string; router: string; port: string }> {
  const network = (await net.make('alpha.member', 'networks', { network: {} })).id;
  const subnet = (await net.make('alpha.member', 'subnets', { subnet: { network_id: network, ip_version: 4, cidr } })).id;
  const router = (await net.make('alpha.member', 'routers', { router: { external_gateway_info: { network_id: outside } } })).id;
  const port = (await net.make('alpha.member', 'ports', { port: { network_id: network } })).id;
  return { network, subnet, router, port };
}

describe('routers', () => {
  it('connect subnets at their gateway addresses, until nothing needs them', async () => {
    const { network, subnet, router } = await site('10.1.0.0/24');
    const added = await net.ask('alpha.member', 'PUT', `routers/${router}/add_router_interface`, { subnet_id: subnet });
    expect(added.body).toEqual({
      id: router,
      tenant_id: 'alpha',
      project_id: 'alpha',
      network_id: network,
      subnet_id: subnet,
      subnet_ids: [subnet],
      port_id: expect.any(String),
      tags: [],
    });
    const port = (await net.ask('alpha.member', 'GET', `ports/${added.body.port_id}`)).body.port;
    expect([port.device_owner, port.device_id, port.fixed_ips, port.status]).toEqual([
      'network:router_interface',
      router,
      [{ subnet_id: subnet, ip_address: '10.1.0.1' }],
      'ACTIVE',
    ]);

    expect(await typeOf(net.ask('alpha.member', 'PUT', `routers/${router}/add_router_interface`, { subnet_id: subnet }))).toBe(
      'BadRequest',
    );
    expect(await typeOf(net.ask('alpha.member', 'DELETE', `ports/${port.id}`))).toBe('ServicePortInUse');
    expect(await typeOf(net.ask('alpha.member', 'PUT', `ports/${port.id}`, { port: { device_owner: '', device_id: '' } }))).toBe(
      'ServicePortInUse',
    );
    expect(await typeOf(net.ask('alpha.member', 'DELETE', `routers/${router}`))).toBe('RouterInUse');
    expect(await typeOf(net.ask('alpha.member', 'DELETE', `subnets/${subnet}`))).toBe('SubnetInUse');

    const route = { destination: '10.99.0.0/16', nexthop: '10.1.0.77' };
    expect((await net.ask('alpha.member', 'PUT', `routers/${router}`, { router: { routes: [route] } })).body.router.routes).toEqual([
      route,
    ]);
    expect(
      await typeOf(
        net.ask('alpha.member', 'PUT', `routers/${router}`, { router: { routes: [{ destination: '10.98.0.0/16', nexthop: '10.2.0.1' }] } }),
      ),
    ).toBe('InvalidRoutes');
    expect(await typeOf(net.ask('alpha.member', 'PUT', `routers/${router}/remove_router_interface`, { subnet_id: subnet }))).toBe(
      'RouterInterfaceInUseByRoute',
    );
    expect(
      (await net.ask('alpha.member', 'PUT', `routers/${router}/remove_extraroutes`, { router: { routes: [route] } })).body.router.routes,
    ).toEqual([]);
    expect((await net.ask('alpha.member', 'PUT', `routers/${router}/remove_router_interface`, { subnet_id: subnet })).status).toBe(200);
    expect(await typeOf(net.ask('alpha.member', 'PUT', `routers/${router}/remove_router_interface`, { subnet_id: subnet }))).toBe(
      'RouterInterfaceNotFoundForSubnet',
    );
    expect((await net.ask('alpha.member', 'DELETE', `routers/${router}`)).status).toBe(204);
  });

  it('do not connect what overlaps, nor what belongs to others', async () => {
    const one = await site('10.2.0.0/24');
    const two = await site('10.2.0.0/25');
    await net.ask('alpha.member', 'PUT', `routers/${one.router}/add_router_interface`, { subnet_id: one.subnet });
    expect(await typeOf(net.ask('alpha.member', 'PUT', `routers/${one.router}/add_router_interface`, { subnet_id: two.subnet }))).toBe(
      'BadRequest',
    );
    const theirs = await net.make('beta.member', 'routers', { router: {} });
    expect(await typeOf(net.ask('beta.member', 'PUT', `routers/${theirs.id}/add_router_interface`, { subnet_id: two.subnet }))).toBe(
      'SubnetNotFound',
    );
    expect(await typeOf(net.ask('beta.member', 'PUT', `routers/${theirs.id}/add_router_interface`, { port_id: two.port }))).toBe(
      'PortNotFound',
    );
    expect(await typeOf(net.ask('beta.member', 'PUT', `routers/${one.router}/add_router_interface`, { subnet_id: two.subnet }))).toBe(
      'RouterNotFound',
    );
    expect(
      await typeOf(
        net.ask('beta.member', 'POST', 'routers', { router: { external_gateway_info: { network_id: outside, enable_snat: false } } }),
      ),
    ).toBe('PolicyNotAuthorized');
    expect(
      await typeOf(net.ask('beta.member', 'POST', 'routers', { router: { external_gateway_info: { network_id: two.network } } })),
    ).toBe('NetworkNotFound');
  });
});

describe('floating IPs', () => {
  it('lead to a port behind a router, and keep the way open', async () => {
    const { subnet, router, port } = await site('10.3.0.0/24');
    const ip = await net.make('alpha.member', 'floatingips', { floatingip: { floating_network_id: outside } });
    expect([ip.status, ip.port_id, ip.port_details, ip.floating_ip_address.startsWith('172.24.4.')]).toEqual(['DOWN', null, null, true]);
    expect(await typeOf(net.ask('alpha.member', 'PUT', `floatingips/${ip.id}`, { floatingip: { port_id: port } }))).toBe(
      'ExternalGatewayForFloatingIPNotFound',
    );
    await net.ask('alpha.member', 'PUT', `routers/${router}/add_router_interface`, { subnet_id: subnet });
    const led = (await net.ask('alpha.member', 'PUT', `floatingips/${ip.id}`, { floatingip: { port_id: port } })).body.floatingip;
    expect([led.status, led.port_id, led.router_id, led.fixed_ip_address, led.port_details.device_owner]).toEqual([
      'ACTIVE',
      port,
      router,
      '10.3.0.3',
      '',
    ]);

    expect(
      await typeOf(net.ask('alpha.member', 'POST', 'floatingips', { floatingip: { floating_network_id: outside, port_id: port } })),
    ).toBe('FloatingIPPortAlreadyAssociated');
    expect(await typeOf(net.ask('alpha.member', 'PUT', `routers/${router}/remove_router_interface`, { subnet_id: subnet }))).toBe(
      'RouterInterfaceInUseByFloatingIP',
    );
    expect(await typeOf(net.ask('alpha.member', 'PUT', `routers/${router}`, { router: { external_gateway_info: null } }))).toBe(
      'RouterExternalGatewayInUseByFloatingIp',
    );
    expect(await typeOf(net.ask('admin.admin', 'DELETE', `networks/${outside}`))).toBe('NetworkInUse');

    expect((await net.ask('alpha.member', 'DELETE', `ports/${port}`)).status).toBe(204);
    const left = (await net.ask('alpha.member', 'GET', `floatingips/${ip.id}`)).body.floatingip;
    expect([left.status, left.port_id, left.router_id, left.fixed_ip_address]).toEqual(['DOWN', null, null, null]);
    expect(
      (await net.ask('alpha.member', 'PUT', `routers/${router}`, { router: { external_gateway_info: {} } })).body.router
        .external_gateway_info,
    ).toBeNull();
    expect((await net.ask('alpha.member', 'DELETE', `floatingips/${ip.id}`)).status).toBe(204);
  });

  it('of others are not there, and lead to no port of others', async () => {
    const { subnet, router, port } = await site('10.4.0.0/24');
    await net.ask('alpha.member', 'PUT', `routers/${router}/add_router_interface`, { subnet_id: subnet });
    const ip = await net.make('alpha.member', 'floatingips', { floatingip: { floating_network_id: outside, port_id: port } });
    const answers = await Promise.all([
      typeOf(net.ask('beta.member', 'GET', `floatingips/${ip.id}`)),
      typeOf(net.ask('beta.member', 'PUT', `floatingips/${ip.id}`, { floatingip: { port_id: null } })),
      typeOf(net.ask('beta.member', 'DELETE', `floatingips/${ip.id}`)),
      typeOf(net.ask('beta.member', 'POST', 'floatingips', { floatingip: { floating_network_id: outside, port_id: port } })),
      typeOf(
        net.ask('beta.member', 'POST', 'floatingips', {
          floatingip: { floating_network_id: outside, floating_ip_address: '172.24.4.200' },
        }),
      ),
      typeOf(net.ask('alpha.member', 'POST', 'floatingips', { floatingip: { floating_network_id: (await site('10.5.0.0/24')).network } })),
    ]);
    expect(answers).toEqual([
      'FloatingIPNotFound',
      'FloatingIPNotFound',
      'FloatingIPNotFound',
      'PortNotFound',
      'PolicyNotAuthorized',
      'BadRequest',
    ]);
  });

  it('come from the network’s pool, each once', async () => {
    const tiny = (await net.make('admin.admin', 'networks', { network: { 'router:external': true } })).id;
    await net.make('admin.admin', 'subnets', { subnet: { network_id: tiny, ip_version: 4, cidr: '172.25.0.0/29', enable_dhcp: false } });
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => net.ask('alpha.member', 'POST', 'floatingips', { floatingip: { floating_network_id: tiny } })),
    );
    const made = answers.filter(({ status }) => status === 201).map(({ body }) => body.floatingip.floating_ip_address);
    expect([made.length, new Set(made)]).toEqual([5, new Set(['172.25.0.2', '172.25.0.3', '172.25.0.4', '172.25.0.5', '172.25.0.6'])]);
    expect(new Set(answers.filter(({ status }) => status !== 201).map(({ body }) => body.NeutronError.type))).toEqual(
      new Set(['IpAddressGenerationFailure']),
    );
  });
});
