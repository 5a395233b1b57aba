import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { networkRoutes } from '../routes.ts';
import { testNetworkService, type TestNetworkService } from '../test-support/network-service.ts';

let net: TestNetworkService;
beforeAll(async () => {
  net = await testNetworkService();
});
afterAll(() => net[Symbol.asyncDispose]());

const typeOf = async (answer: ReturnType<TestNetworkService['ask']>): Promise<unknown> =>
  (await answer).body?.NeutronError?.type ?? (await answer).status;

const post = (body: unknown, headers: Record<string, string> = {}) => net.ask('alpha.member', 'POST', 'networks', body, headers);

describe('versions', () => {
  it('are told to everybody', async () => {
    const versions = await net.ask(null, 'GET', '/');
    expect([versions.status, versions.body.versions.map(({ id, status }: { id: string; status: string }) => [id, status])]).toEqual([
      200,
      [['v2.0', 'CURRENT']],
    ]);
    expect((await net.ask(null, 'GET', '/v2.0')).body.resources.map(({ collection }: { collection: string }) => collection)).toContain(
      'security-group-rules',
    );
    expect((await net.ask(null, 'GET', '/v2.0/')).status).toBe(200);
  });
});

describe('every route', () => {
  it('but the version documents asks for a token', async () => {
    const asked = await Promise.all(
      networkRoutes.map(
        async ({ method, path }) =>
          [
            `${method} ${path}`,
            (await net.ask(null, method === 'HEAD' || method === 'PATCH' ? 'GET' : method, path.replaceAll(/:\w+/g, 'x'))).status,
          ] as const,
      ),
    );
    expect(asked.filter(([, status]) => status !== 401).map(([route]) => route)).toEqual(['GET /', 'GET /v2.0', 'GET /v2.0/']);
  });

  it('that changes something refuses a reader', async () => {
    const network = await net.make('alpha.member', 'networks', { network: {} });
    const router = await net.make('alpha.member', 'routers', { router: {} });
    const group = await net.make('alpha.member', 'security-groups', { security_group: { name: 'g' } });
    const asks: readonly (readonly ['POST' | 'PUT' | 'DELETE', string, unknown?])[] = [
      ['POST', 'networks', { network: {} }],
      ['PUT', `networks/${network.id}`, { network: {} }],
      ['DELETE', `networks/${network.id}`],
      ['PUT', `networks/${network.id}/tags/a`],
      ['POST', 'subnets', { subnet: { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/24' } }],
      ['POST', 'ports', { port: { network_id: network.id } }],
      ['POST', 'routers', { router: {} }],
      ['PUT', `routers/${router.id}/add_router_interface`, { subnet_id: 'x' }],
      ['DELETE', `routers/${router.id}`],
      ['POST', 'security-groups', { security_group: {} }],
      ['POST', 'security-group-rules', { security_group_rule: { security_group_id: group.id, direction: 'ingress' } }],
      ['DELETE', `security-groups/${group.id}`],
      ['POST', 'floatingips', { floatingip: { floating_network_id: network.id } }],
      ['PUT', 'quotas/alpha', { quota: { port: 1 } }],
      ['DELETE', 'quotas/alpha'],
    ];
    const answers = await Promise.all(
      asks.map(async ([method, path, body]) => [`${method} ${path}`, (await net.ask('alpha.reader', method, path, body)).status] as const),
    );
    expect(answers.filter(([, status]) => status !== 403)).toEqual([]);
  });

  it('takes malformed bodies calmly (C1–C6)', async () => {
    const deep = `{"network":{"name":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;
    const statuses = await Promise.all(
      [
        post('{'),
        post('[]'),
        post('"x"'),
        post(deep),
        post(`{"network":{"name":"${'x'.repeat(256)}"}}`),
        post('{"network":{"name":"a\\u0000b"}}'),
        post('{"network":{"description":"a\\u0000b"}}'),
        post('{"network":{"__proto__":{"shared":true}}}'),
        post('{"network":{"mtu":1e400}}'),
        post('{"network":{"mtu":1400.5}}'),
        post('{"network":{"shared":"maybe"}}'),
        post({ network: {}, networks: [] }),
        post({ network: {}, other: 1 }),
        post({ networks: [] }),
        post(Buffer.from([0x7b, 0xff, 0x7d])),
      ].map(async (answer) => (await answer).status),
    );
    expect(statuses).toEqual(statuses.map(() => 400));
    expect((await post('x'.repeat(5_000_000))).status).toBe(413);
    expect((await post('<network/>', { 'content-type': 'application/xml' })).status).toBe(415);
    expect(({} as Record<string, unknown>)['shared']).toBeUndefined();
  });

  it('takes no path for more than it is (C9)', async () => {
    const statuses = await Promise.all(
      [
        '/v2.0/networks/%00',
        '/v2.0/networks/..%2f..',
        '/v2.0/networks/%2e%2e%2fports',
        '//v2.0/networks',
        '/v2.0/networks/a;b=c',
        `/v2.0/networks/${'x'.repeat(900)}`,
        '/v2.0/nothing',
      ].map(async (path) => (await net.ask('alpha.member', 'GET', path)).status),
    );
    const [nul, ...others] = statuses;
    expect(nul).toBe(400); // text no database can hold is refused before anything is looked for
    expect(others).toEqual(others.map(() => 404));
  });
});

describe('quotas', () => {
  it('are the defaults until an administrator says otherwise', async () => {
    expect((await net.ask('alpha.member', 'GET', 'quotas/alpha')).body.quota).toEqual({
      network: 100,
      subnet: 100,
      subnetpool: -1,
      port: 500,
      router: 10,
      floatingip: 50,
      rbac_policy: 10,
      security_group: 10,
      security_group_rule: 100,
    });
    expect((await net.ask('admin.admin', 'PUT', 'quotas/alpha', { quota: { port: 7, network: -1 } })).body.quota).toMatchObject({
      port: 7,
      network: -1,
      subnet: 100,
    });
    expect((await net.ask('admin.admin', 'GET', 'quotas')).body.quotas).toEqual([
      expect.objectContaining({ project_id: 'alpha', port: 7 }),
    ]);
    expect((await net.ask('alpha.member', 'GET', 'quotas/alpha/default')).body.quota.port).toBe(500);
    expect(
      await Promise.all(
        [-2, 2_147_483_648, 1.5, '7', null].map(
          async (port) => (await net.ask('admin.admin', 'PUT', 'quotas/alpha', { quota: { port } })).status,
        ),
      ),
    ).toEqual([400, 400, 400, 400, 400]);
    expect((await net.ask('admin.admin', 'DELETE', 'quotas/alpha')).status).toBe(204);
    expect((await net.ask('alpha.member', 'GET', 'quotas/alpha')).body.quota.port).toBe(500);
  });

  it('of others are nobody’s business', async () => {
    expect(
      await Promise.all(
        ['quotas/alpha', 'quotas/alpha/details.json', 'quotas/alpha/default', 'quotas'].map((path) =>
          typeOf(net.ask('beta.member', 'GET', path)),
        ),
      ),
    ).toEqual(Array.from({ length: 4 }, () => 'PolicyNotAuthorized'));
  });
});

describe('RBAC policies', () => {
  it('share a network with one project, and end when it is not used', async () => {
    const network = await net.make('alpha.member', 'networks', { network: { name: 'lent' } });
    const policy = await net.make('alpha.member', 'rbac-policies', {
      rbac_policy: { object_type: 'network', object_id: network.id, action: 'access_as_shared', target_tenant: 'gamma' },
    });
    expect((await net.ask('gamma.member', 'GET', `networks/${network.id}`)).body.network.shared).toBe(true);
    expect((await net.ask('alpha.member', 'GET', `networks/${network.id}`)).body.network.shared).toBe(false);
    expect((await net.ask('beta.member', 'GET', `networks/${network.id}`)).status).toBe(404);
    const port = await net.make('gamma.member', 'ports', { port: { network_id: network.id } });
    expect(await typeOf(net.ask('alpha.member', 'DELETE', `rbac-policies/${policy.id}`))).toBe('RbacPolicyInUse');
    expect(await typeOf(net.ask('gamma.member', 'DELETE', `rbac-policies/${policy.id}`))).toBe('RbacPolicyNotFound');
    await net.ask('gamma.member', 'DELETE', `ports/${port.id}`);
    expect((await net.ask('alpha.member', 'DELETE', `rbac-policies/${policy.id}`)).status).toBe(204);
    const everybody = { object_type: 'network', object_id: network.id, action: 'access_as_shared', target_tenant: '*' };
    expect(await typeOf(net.ask('alpha.member', 'POST', 'rbac-policies', { rbac_policy: everybody }))).toBe('PolicyNotAuthorized');
    expect(await typeOf(net.ask('beta.member', 'POST', 'rbac-policies', { rbac_policy: { ...everybody, target_tenant: 'beta' } }))).toBe(
      'NetworkNotFound',
    );
  });
});

describe('what clients look for first', () => {
  it('is there', async () => {
    const aliases = (await net.ask('alpha.member', 'GET', 'extensions')).body.extensions.map(({ alias }: { alias: string }) => alias);
    expect(aliases).toEqual(
      expect.arrayContaining(['binding-extended', 'security-group', 'router', 'external-net', 'quotas', 'standard-attr-tag']),
    );
    expect((await net.ask('alpha.member', 'GET', 'extensions/router')).body.extension.alias).toBe('router');
    expect(await typeOf(net.ask('alpha.member', 'GET', 'extensions/constructor'))).toBe('ExtensionNotFound');
    expect((await net.ask('alpha.member', 'GET', 'availability_zones')).body.availability_zones.length).toBe(2);
    expect((await net.ask('alpha.member', 'GET', 'service-providers')).body).toEqual({ service_providers: [] });
    expect((await net.ask('alpha.member', 'GET', 'subnetpools')).body).toEqual({ subnetpools: [] });
  });

  it('counts addresses for administrators', async () => {
    const network = await net.make('alpha.member', 'networks', { network: { name: 'counted' } });
    await net.make('alpha.member', 'subnets', { subnet: { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/24' } });
    const { network_ip_availability: counted } = (await net.ask('admin.admin', 'GET', `network-ip-availabilities/${network.id}`)).body;
    expect(counted).toMatchObject({ network_name: 'counted', total_ips: 253, used_ips: 1 });
    expect((await net.ask('alpha.member', 'GET', 'network-ip-availabilities')).status).toBe(403);
  });
});
