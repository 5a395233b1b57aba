import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testNetworkService, type TestNetworkService } from '../../test-support/network-service.ts';

let net: TestNetworkService;
beforeAll(async () => {
  net = await testNetworkService();
});
afterAll(() => net[Symbol.asyncDispose]());

describe('networks', () => {
  it('shows a member what a network is, without how it is made', async () => {
    const made = await net.ask('alpha.member', 'POST', 'networks', { network: { name: 'blue', description: 'sky' } });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      network: {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        name: 'blue',
        description: 'sky',
        tenant_id: 'alpha',
        project_id: 'alpha',
        revision_number: 0,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        updated_at: expect.any(String),
        tags: [],
        status: 'ACTIVE',
        admin_state_up: true,
        shared: false,
        subnets: [],
        mtu: 1450,
        port_security_enabled: true,
        dns_domain: '',
        'router:external': false,
        availability_zone_hints: [],
        availability_zones: [],
        ipv4_address_scope: null,
        ipv6_address_scope: null,
        qos_policy_id: null,
      },
    });
  });

  it('shows an administrator the segment too', async () => {
    const network = await net.make('admin.admin', 'networks', {
      network: { name: 'seg', 'provider:network_type': 'vxlan', 'provider:segmentation_id': 77 },
    });
    expect(network).toMatchObject({ 'provider:network_type': 'vxlan', 'provider:segmentation_id': 77, 'provider:physical_network': null });
    const again = await net.ask('admin.admin', 'POST', 'networks', {
      network: { 'provider:network_type': 'vxlan', 'provider:segmentation_id': 77 },
    });
    expect([again.status, again.body.NeutronError.type]).toEqual([409, 'TunnelIdInUse']);
  });

  it('makes several at once, or none', async () => {
    const both = await net.ask('bulk.member', 'POST', 'networks', { networks: [{ name: 'one' }, { name: 'two' }] });
    expect(both.body.networks.map((network: { name: string }) => network.name)).toEqual(['one', 'two']);
    const refused = await net.ask('bulk.member', 'POST', 'networks', { networks: [{ name: 'three' }, { name: 'four', shared: true }] });
    expect(refused.status).toBe(403);
    const listed = await net.ask('bulk.member', 'GET', 'networks?fields=name&sort_key=name');
    expect(listed.body).toEqual({ networks: [{ name: 'one' }, { name: 'two' }] });
  });

  it('lets others see shared and external networks, but not change them', async () => {
    const shared = await net.make('admin.admin', 'networks', { network: { name: 'all', shared: true } });
    const external = await net.make('admin.admin', 'networks', { network: { name: 'out', 'router:external': true } });
    const seen = await net.ask('beta.member', 'GET', 'networks?sort_key=name');
    expect(seen.body.networks.map((network: { name: string; shared: boolean }) => [network.name, network.shared])).toEqual([
      ['all', true],
      ['out', false],
    ]);
    expect((await net.ask('beta.member', 'PUT', `networks/${shared.id}`, { network: { name: 'mine' } })).body.NeutronError.type).toBe(
      'PolicyNotAuthorized',
    );
    expect((await net.ask('beta.member', 'DELETE', `networks/${external.id}`)).status).toBe(403);
    expect((await net.ask('beta.member', 'POST', 'ports', { port: { network_id: external.id } })).status).toBe(404);
  });

  it('hides what belongs to others', async () => {
    const secret = await net.make('alpha.member', 'networks', { network: { name: 'secret' } });
    const answers = await Promise.all([
      net.ask('beta.member', 'GET', `networks/${secret.id}`),
      net.ask('beta.member', 'PUT', `networks/${secret.id}`, { network: { name: 'x' } }),
      net.ask('beta.member', 'DELETE', `networks/${secret.id}`),
      net.ask('beta.member', 'POST', 'subnets', { subnet: { network_id: secret.id, ip_version: 4, cidr: '10.0.0.0/24' } }),
      net.ask('beta.member', 'POST', 'ports', { port: { network_id: secret.id } }),
    ]);
    expect(answers.map(({ status, body }) => [status, body.NeutronError.type])).toEqual(
      Array.from({ length: 5 }, () => [404, 'NetworkNotFound']),
    );
    expect((await net.ask('beta.member', 'GET', `networks?id=${secret.id}&tenant_id=alpha`)).body).toEqual({ networks: [] });
  });

  it('asks for a token, for a role and for the right project', async () => {
    expect((await net.ask(null, 'GET', 'networks')).status).toBe(401);
    expect((await net.ask('alpha.stranger', 'GET', 'networks')).status).toBe(403);
    expect((await net.ask('alpha.reader', 'POST', 'networks', { network: {} })).status).toBe(403);
    const foreign = await net.ask('alpha.member', 'POST', 'networks', { network: { project_id: 'beta' } });
    expect([foreign.status, foreign.body.NeutronError.type]).toEqual([400, 'HTTPBadRequest']);
  });

  it('refuses a change to what has changed meanwhile', async () => {
    const network = await net.make('alpha.member', 'networks', { network: {} });
    const headers = { 'if-match': 'revision_number=0' };
    expect((await net.ask('alpha.member', 'PUT', `networks/${network.id}`, { network: { name: 'a' } }, headers)).status).toBe(200);
    const late = await net.ask('alpha.member', 'PUT', `networks/${network.id}`, { network: { name: 'b' } }, headers);
    expect([late.status, late.body.NeutronError.type]).toEqual([412, 'RevisionNumberConstraintFailed']);
  });

  it('says in Neutron’s words what is wrong with a body', async () => {
    const type = async (body: unknown): Promise<unknown> =>
      (await net.ask('alpha.member', 'POST', 'networks', body)).body.NeutronError.message;
    expect(await type({})).toBe("Unable to find 'network' in request body");
    expect(await type({ network: { nme: 'x' } })).toBe("Unrecognized attribute(s) 'nme'");
    expect(await type({ network: { name: 7 } })).toMatch(/^Invalid input for name\. Reason: 7 is not of type 'string'/);
    expect((await net.ask('alpha.member', 'POST', 'subnets', { subnet: {} })).body.NeutronError.message).toBe(
      "Failed to parse request. Required attribute 'network_id' not specified",
    );
  });

  it('deletes a network with its subnets, unless a port is on it', async () => {
    const network = await net.make('alpha.member', 'networks', { network: {} });
    const subnet = await net.make('alpha.member', 'subnets', { subnet: { network_id: network.id, ip_version: 4, cidr: '10.1.0.0/24' } });
    const port = await net.make('alpha.member', 'ports', { port: { network_id: network.id } });
    const used = await net.ask('alpha.member', 'DELETE', `networks/${network.id}`);
    expect([used.status, used.body.NeutronError.type]).toEqual([409, 'NetworkInUse']);
    expect((await net.ask('alpha.member', 'DELETE', `subnets/${subnet.id}`)).body.NeutronError.type).toBe('SubnetInUse');
    expect((await net.ask('alpha.member', 'DELETE', `ports/${port.id}`)).status).toBe(204);
    expect((await net.ask('alpha.member', 'DELETE', `networks/${network.id}`)).status).toBe(204);
    expect((await net.ask('alpha.member', 'GET', `subnets/${subnet.id}`)).status).toBe(404);
  });

  it('pages along any order, forth and back', async () => {
    for (const name of ['c', 'a', 'b', 'a']) await net.make('pages.member', 'networks', { network: { name } });
    const names: string[] = [];
    let path: string | undefined = 'networks?limit=2&sort_key=name&sort_dir=desc&project_id=pages';
    let last = '';
    while (path !== undefined) {
      const page = (await net.ask('pages.member', 'GET', path)).body;
      names.push(...page.networks.map((network: { name: string }) => network.name));
      const links: { rel: string; href: string }[] = page.networks_links ?? [];
      last = links.find((link) => link.rel === 'previous')?.href ?? last;
      path = links.find((link) => link.rel === 'next')?.href.replace(/^http:\/\/[^/]+/, '');
    }
    expect(names).toEqual(['c', 'b', 'a', 'a']);
    const back = (await net.ask('pages.member', 'GET', last.replace(/^http:\/\/[^/]+/, ''))).body;
    expect(back.networks.map((network: { name: string }) => network.name)).toEqual(['c', 'b']);
  });

  it('refuses queries it cannot answer', async () => {
    const statuses = await Promise.all(
      [
        'limit=-1',
        'limit=abc',
        'sort_key=__class__',
        'sort_key=name&sort_dir=up',
        'sort_key=name&sort_dir=asc&sort_dir=asc',
        'unknown=1',
        'name=%00',
        'provider:network_type=vxlan',
      ].map(async (query) => (await net.ask('alpha.member', 'GET', `networks?${query}`)).status),
    );
    expect(statuses).toEqual([400, 400, 400, 400, 400, 400, 400, 400]);
    expect((await net.ask('alpha.member', 'GET', "networks?marker=' OR 1=1 --")).body.NeutronError.type).toBe('NetworkNotFound');
    expect((await net.ask('alpha.member', 'GET', "networks?name=' OR 'a'='a&name=)--")).body).toEqual({ networks: [] });
  });
});
