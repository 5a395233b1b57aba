import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testNetworkService, type TestNetworkService } from '../../test-support/network-service.ts';

let net: TestNetworkService;
let own: string;
let shared: string;
beforeAll(async () => {
  net = await testNetworkService();
  own = (await net.make('alpha.member', 'networks', { network: { name: 'own' } })).id;
  await net.make('alpha.member', 'subnets', { subnet: { network_id: own, ip_version: 4, cidr: '10.0.0.0/24' } });
  shared = (await net.make('admin.admin', 'networks', { network: { name: 'shared', shared: true } })).id;
  await net.make('admin.admin', 'subnets', { subnet: { network_id: shared, ip_version: 4, cidr: '10.1.0.0/24' } });
});
afterAll(() => net[Symbol.asyncDispose]());

const typeOf = async (answer: ReturnType<TestNetworkService['ask']>): Promise<unknown> =>
  (await answer).body?.NeutronError?.type ?? (await answer).status;

describe('ports', () => {
  it('show a member all but the binding', async () => {
    const port = await net.make('alpha.member', 'ports', { port: { network_id: own, name: 'p', dns_name: 'web' } });
    const {
      security_groups: groups,
      fixed_ips: fixedIps,
      id: _id,
      mac_address: mac,
      created_at: _created,
      updated_at: _updated,
      ...rest
    } = port;
    expect([groups.length, fixedIps.length, /^fa:16:3e(:[0-9a-f]{2}){3}$/.test(mac)]).toEqual([1, 1, true]);
    expect(rest).toEqual({
      name: 'p',
      description: '',
      tenant_id: 'alpha',
      project_id: 'alpha',
      revision_number: 0,
      tags: [],
      network_id: own,
      admin_state_up: true,
      status: 'DOWN',
      device_id: '',
      device_owner: '',
      port_security_enabled: true,
      allowed_address_pairs: [],
      extra_dhcp_opts: [],
      dns_name: 'web',
      dns_domain: '',
      ip_allocation: 'immediate',
      propagate_uplink_status: false,
      dns_assignment: [{ hostname: 'web', fqdn: 'web.openstacklocal.', ip_address: fixedIps[0].ip_address }],
      qos_policy_id: null,
      qos_network_policy_id: null,
      'binding:vnic_type': 'normal',
    });
  });

  it('are bound by services only, and are active at once where there is no data plane', async () => {
    expect(await typeOf(net.ask('alpha.member', 'POST', 'ports', { port: { network_id: own, 'binding:host_id': 'h1' } }))).toBe(
      'PolicyNotAuthorized',
    );
    const port = await net.make('nova.service', 'ports', {
      port: { network_id: own, project_id: 'alpha', 'binding:host_id': 'h1', device_id: 'x', device_owner: 'compute:nova' },
    });
    expect([port.project_id, port.status, port['binding:vif_type'], port['binding:vif_details']]).toEqual([
      'alpha',
      'ACTIVE',
      'bridge',
      { port_filter: true, connectivity: 'l2', bridge_name: `brq${own.slice(0, 11)}` },
    ]);
    const seen = (await net.ask('alpha.member', 'GET', `ports/${port.id}`)).body.port;
    expect(Object.keys(seen).filter((key) => key.startsWith('binding:'))).toEqual(['binding:vnic_type']);
    const unbound = (
      await net.ask('nova.service', 'PUT', `ports/${port.id}`, {
        port: { device_id: '', device_owner: '', 'binding:host_id': '', 'binding:profile': {} },
      })
    ).body.port;
    expect([unbound.status, unbound['binding:vif_type'], unbound['binding:host_id'], unbound['binding:vif_details']]).toEqual([
      'DOWN',
      'unbound',
      '',
      {},
    ]);
  });

  it('on a shared network take what they are given (L2)', async () => {
    const refused = await Promise.all(
      [
        { mac_address: 'fa:16:3e:00:00:09' },
        { fixed_ips: [{ ip_address: '10.1.0.9' }] },
        { port_security_enabled: false, security_groups: [] },
        { allowed_address_pairs: [{ ip_address: '10.1.0.0/24' }] },
        { device_owner: 'network:dhcp' },
        { device_owner: 'network:router_interface' },
      ].map((port) => typeOf(net.ask('beta.member', 'POST', 'ports', { port: { network_id: shared, ...port } }))),
    );
    expect(new Set(refused)).toEqual(new Set(['PolicyNotAuthorized']));
    const port = await net.make('beta.member', 'ports', { port: { network_id: shared } });
    const changes = await Promise.all(
      [
        { mac_address: 'fa:16:3e:00:00:09' },
        { port_security_enabled: false },
        { allowed_address_pairs: [{ ip_address: '10.1.0.0/24' }] },
        { device_owner: 'network:dhcp' },
        { 'binding:host_id': 'h' },
        { 'binding:profile': { a: 1 } },
      ].map((change) => typeOf(net.ask('beta.member', 'PUT', `ports/${port.id}`, { port: change }))),
    );
    expect(new Set(changes)).toEqual(new Set(['PolicyNotAuthorized']));
  });

  it('of others are not there, nor are their groups', async () => {
    const port = await net.make('alpha.member', 'ports', { port: { network_id: own } });
    const answers = await Promise.all([
      typeOf(net.ask('beta.member', 'GET', `ports/${port.id}`)),
      typeOf(net.ask('beta.member', 'PUT', `ports/${port.id}`, { port: { name: 'x' } })),
      typeOf(net.ask('beta.member', 'DELETE', `ports/${port.id}`)),
      typeOf(net.ask('beta.member', 'PUT', `ports/${port.id}/tags/x`)),
      typeOf(net.ask('beta.member', 'GET', `ports/${port.id}/tags`)),
    ]);
    expect(new Set(answers)).toEqual(new Set(['PortNotFound']));
    expect(
      await typeOf(net.ask('beta.member', 'POST', 'ports', { port: { network_id: shared, security_groups: port.security_groups } })),
    ).toBe('SecurityGroupNotFound');
    expect((await net.ask('beta.member', 'GET', `ports?id=${port.id}&project_id=alpha&device_id=`)).body.ports).toEqual([]);
    expect(await typeOf(net.ask('beta.member', 'GET', 'ports?binding:host_id=h1'))).toBe('InvalidInput');
  });

  it('without port security have neither groups nor pairs', async () => {
    const plain = await net.make('alpha.member', 'ports', { port: { network_id: own, port_security_enabled: false } });
    expect(plain.security_groups).toEqual([]);
    const guarded = await net.make('alpha.member', 'ports', { port: { network_id: own } });
    expect(await typeOf(net.ask('alpha.member', 'PUT', `ports/${guarded.id}`, { port: { port_security_enabled: false } }))).toBe(
      'PortSecurityPortHasSecurityGroup',
    );
    expect(await typeOf(net.ask('alpha.member', 'PUT', `ports/${plain.id}`, { port: { security_groups: guarded.security_groups } }))).toBe(
      'PortSecurityAndIPRequiredForSecurityGroups',
    );
    expect(
      await typeOf(net.ask('alpha.member', 'PUT', `ports/${plain.id}`, { port: { allowed_address_pairs: [{ ip_address: '10.9.9.9' }] } })),
    ).toBe('AddressPairAndPortSecurityRequired');
    expect(
      (await net.ask('alpha.member', 'PUT', `ports/${guarded.id}`, { port: { port_security_enabled: false, security_groups: [] } })).status,
    ).toBe(200);
  });

  it('are made together or not at all', async () => {
    const before = (await net.ask('alpha.member', 'GET', 'ports?fields=id')).body.ports.length;
    const refused = await net.ask('alpha.member', 'POST', 'ports', {
      ports: [
        { network_id: own },
        { network_id: own, fixed_ips: [{ ip_address: '10.0.0.1' }] },
        { network_id: own, fixed_ips: [{ ip_address: '10.99.0.1' }] },
      ],
    });
    expect(refused.status).toBe(400);
    expect((await net.ask('alpha.member', 'GET', 'ports?fields=id')).body.ports.length).toBe(before);
    const made = await net.ask('alpha.member', 'POST', 'ports', {
      ports: [
        { network_id: own, name: 'a' },
        { network_id: own, name: 'b', tags: ['blue'] },
      ],
    });
    expect(made.body.ports.map((port: { name: string; tags: string[] }) => [port.name, port.tags])).toEqual([
      ['a', []],
      ['b', ['blue']],
    ]);
  });

  it('are found by address, subnet, group and tag', async () => {
    const port = await net.make('alpha.member', 'ports', { port: { network_id: own, name: 'findable', tags: ['red', 'round'] } });
    const [ip] = port.fixed_ips;
    const found = async (query: string): Promise<boolean> =>
      (await net.ask('alpha.member', 'GET', `ports?${query}`)).body.ports.some((each: { id: string }) => each.id === port.id);
    const answers = await Promise.all(
      [
        `fixed_ips=ip_address%3D${ip.ip_address}`,
        `fixed_ips=subnet_id%3D${ip.subnet_id}&name=findable`,
        `fixed_ips=ip_address_substr%3D10.0&name=findable`,
        `security_groups=${port.security_groups[0]}`,
        'tags=red,round',
        'tags-any=red,green',
        'not-tags=green',
        `mac_address=${port.mac_address}`,
        'name=other&name=findable',
      ].map(found),
    );
    expect(answers).toEqual(Array.from({ length: 9 }, () => true));
    expect(
      await Promise.all([
        found('tags=red,green'),
        found('not-tags-any=red'),
        found('fixed_ips=ip_address%3D10.0.0.254'),
        found('fixed_ips=ip_address%3Dx'),
      ]),
    ).toEqual([false, false, false, false]);
  });

  it('cannot smuggle lines into a DHCP server’s configuration (L7)', async () => {
    const answers = await Promise.all(
      [
        { extra_dhcp_opts: [{ opt_name: 'x\ny', opt_value: '1' }] },
        { extra_dhcp_opts: [{ opt_name: 'a', opt_value: '1\ndhcp-script=/bin/sh' }] },
        { dns_name: 'a\nb' },
        { dns_name: 'a,set:x' },
        { mac_address: 'fa:16:3e:00:00:01,ignore' },
      ].map(async (port) => (await net.ask('alpha.member', 'POST', 'ports', { port: { network_id: own, ...port } })).status),
    );
    expect(answers).toEqual([400, 400, 400, 400, 400]);
  });

  it('are prepared on a second host and moved there', async () => {
    const port = await net.make('nova.service', 'ports', {
      port: { network_id: own, project_id: 'alpha', 'binding:host_id': 'h1', device_owner: 'compute:nova', device_id: 'd' },
    });
    expect(
      (await net.ask('nova.service', 'POST', `ports/${port.id}/bindings`, { binding: { host: 'h2', vnic_type: 'normal' } })).body.binding,
    ).toMatchObject({ host: 'h2', vif_type: 'bridge', status: 'INACTIVE' });
    expect(await typeOf(net.ask('nova.service', 'POST', `ports/${port.id}/bindings`, { binding: { host: 'h2' } }))).toBe(
      'PortBindingAlreadyExists',
    );
    expect(await typeOf(net.ask('alpha.member', 'POST', `ports/${port.id}/bindings`, { binding: { host: 'h3' } }))).toBe(
      'PolicyNotAuthorized',
    );
    expect((await net.ask('nova.service', 'PUT', `ports/${port.id}/bindings/h2/activate`)).body.binding.status).toBe('ACTIVE');
    expect(await typeOf(net.ask('nova.service', 'PUT', `ports/${port.id}/bindings/h2/activate`))).toBe('PortBindingAlreadyActive');
    const bindings = (await net.ask('nova.service', 'GET', `ports/${port.id}/bindings`)).body.bindings;
    expect(bindings.map((each: { host: string; status: string }) => [each.host, each.status])).toEqual([
      ['h2', 'ACTIVE'],
      ['h1', 'INACTIVE'],
    ]);
    expect((await net.ask('nova.service', 'GET', `ports/${port.id}`)).body.port['binding:host_id']).toBe('h2');
    expect((await net.ask('nova.service', 'DELETE', `ports/${port.id}/bindings/h1`)).status).toBe(204);
    expect(await typeOf(net.ask('nova.service', 'DELETE', `ports/${port.id}/bindings/h1`))).toBe('PortBindingNotFound');
  });

  it('keep and lose tags', async () => {
    const port = await net.make('alpha.member', 'ports', { port: { network_id: own } });
    const tags = `ports/${port.id}/tags`;
    expect((await net.ask('alpha.member', 'PUT', `${tags}/one`)).status).toBe(201);
    expect((await net.ask('alpha.member', 'PUT', tags, { tags: ['two', '__proto__'] })).body).toEqual({ tags: ['two', '__proto__'] });
    expect([
      (await net.ask('alpha.member', 'GET', `${tags}/two`)).status,
      (await net.ask('alpha.member', 'GET', `${tags}/one`)).status,
    ]).toEqual([204, 404]);
    expect((await net.ask('alpha.member', 'PUT', `${tags}/a%2Cb`)).status).toBe(400);
    expect((await net.ask('alpha.reader', 'DELETE', tags)).status).toBe(403);
    expect((await net.ask('alpha.member', 'DELETE', tags)).status).toBe(204);
    expect((await net.ask('alpha.member', 'GET', tags)).body).toEqual({ tags: [] });
  });
});
