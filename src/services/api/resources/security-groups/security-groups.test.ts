import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Port } from '../../../../clients/network.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let member: Ask;
beforeAll(async () => {
  api = await startApiUnderTest();
  member = api.as('alpha.member');
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(() => {
  api.neighbours.securityGroups.length = 0;
  api.neighbours.ports.clear();
});

const create = async (name: string) =>
  (await member('POST', '/os-security-groups', { body: { security_group: { name, description: `of ${name}` } } })).body.security_group;
const addRule = (rule: object) => member('POST', '/os-security-group-rules', { body: { security_group_rule: rule } });

describe('security groups', () => {
  test('are made, listed by name, shown, changed and deleted', async () => {
    const [web, db] = [await create('web'), await create('db')];
    expect(web).toEqual({ id: web.id, name: 'web', description: 'of web', tenant_id: 'alpha', rules: [] });
    expect((await member('GET', '/os-security-groups')).body).toEqual({ security_groups: [db, web] });
    expect((await member('GET', '/os-security-groups?offset=1&limit=5')).body).toEqual({ security_groups: [db] });
    const body = { security_group: { name: 'www', description: '' } };
    const changed = { ...web, name: 'www', description: '' };
    expect((await member('PUT', `/os-security-groups/${web.id}`, { body })).body).toEqual({ security_group: changed });
    expect((await member('GET', `/os-security-groups/${web.id}`)).body).toEqual({ security_group: changed });
    expect((await member('DELETE', `/os-security-groups/${web.id}`)).status).toBe(202);
    expect((await member('GET', `/os-security-groups/${web.id}`)).status).toBe(404);
  });

  test('are those of the own project, and of all projects for administrators who ask for them', async () => {
    const { id } = await create('web');
    const idsFor = async (who: string, query = '') =>
      (await api.as(who)('GET', `/os-security-groups${query}`)).body.security_groups.map((group: { id: string }) => group.id);
    expect(await idsFor('beta.member', '?all_tenants=1')).toEqual([]);
    expect(await idsFor('beta.admin')).toEqual([]);
    expect(await idsFor('beta.admin', '?all_tenants=1')).toEqual([id]);
  });

  test.each([
    ['an id that is none', 'GET', '/os-security-groups/none', 400],
    ['an unknown id', 'GET', `/os-security-groups/${randomUUID()}`, 404],
    ['an unknown group to delete', 'DELETE', `/os-security-groups/${randomUUID()}`, 404],
    ['an unknown rule to delete', 'DELETE', `/os-security-group-rules/${randomUUID()}`, 404],
    ['a limit that is no number', 'GET', '/os-security-groups?limit=x', 400],
  ] as const)('are refused by %s', async (_why, method, path, status) => {
    expect((await member(method, path)).status).toBe(status);
  });

  test('are limited by the network service, and not deleted while a port is in them', async () => {
    for (const name of ['a', 'b', 'c']) await create(name);
    const { id } = await create('d');
    const one = { body: { security_group: { name: 'e', description: '' } } };
    expect((await member('POST', '/os-security-groups', one)).status).toBe(403);
    api.neighbours.ports.set('p', portOf('none', [id]));
    expect((await member('DELETE', `/os-security-groups/${id}`)).body).toEqual({
      badRequest: { code: 400, message: `Security Group ${id} in use.` },
    });
  });
});

describe('rules', () => {
  test('let in addresses or the members of a group, and are shown so', async () => {
    const [web, db] = [await create('web'), await create('db')];
    const ssh = (await addRule({ parent_group_id: web.id, ip_protocol: 'tcp', from_port: 22, to_port: '22', cidr: '10.0.0.0/8' })).body;
    const rule = { parent_group_id: web.id, ip_protocol: 'tcp', from_port: 22, to_port: 22, group: {}, ip_range: { cidr: '10.0.0.0/8' } };
    expect(ssh).toEqual({ security_group_rule: { id: ssh.security_group_rule.id, ...rule } });
    const within = (await addRule({ parent_group_id: db.id, group_id: web.id, ip_protocol: 'udp' })).body.security_group_rule;
    expect(within).toEqual({
      id: within.id,
      parent_group_id: db.id,
      ip_protocol: 'udp',
      from_port: 1,
      to_port: 65_535,
      group: { name: 'web', tenant_id: 'alpha' },
      ip_range: {},
    });
    expect((await member('GET', `/os-security-groups/${db.id}`)).body.security_group.rules).toEqual([within]);
    expect((await member('DELETE', `/os-security-group-rules/${within.id}`)).status).toBe(202);
    expect((await member('GET', `/os-security-groups/${db.id}`)).body.security_group.rules).toEqual([]);
  });

  const tcp = { ip_protocol: 'tcp', from_port: 1, to_port: 2 };
  test.each([
    ['without ports', { ip_protocol: 'tcp' }, 'Not enough parameters to build a valid rule.'],
    ['of an unknown protocol', { ...tcp, ip_protocol: 'gre' }, 'Invalid IP protocol gre.'],
    ['whose ports are turned round', { ...tcp, from_port: 3 }, 'Invalid port range 3:2. Former value cannot be greater than the later'],
    ['beyond all ports', { ...tcp, to_port: 65_536 }, 'Invalid port range 1:65536. Valid TCP ports should be between 1-65535'],
    ['whose ports are words', { ...tcp, from_port: 'ssh' }, 'Invalid input received: To and From ports must be integers'],
    [
      'with a type beyond ICMP',
      { ip_protocol: 'icmp', from_port: 256, to_port: 0 },
      'Invalid port range 256:0. For ICMP, the type:code must be valid',
    ],
    ['with addresses that are none', { ...tcp, cidr: '10.0.0.0/33' }, 'Invalid cidr 10.0.0.0/33.'],
    ['with a prefix that says nothing', { ...tcp, cidr: '10.0.0.0/0' }, 'Bad prefix for network in cidr 10.0.0.0/0'],
  ])('are refused %s', async (_why, rule, message) => {
    const { id } = await create('web');
    expect((await addRule({ parent_group_id: id, ...rule })).body).toEqual({ badRequest: { code: 400, message } });
  });

  test('are refused the second time, and for a group that is not there', async () => {
    const { id } = await create('web');
    const rule = { parent_group_id: id, ...tcp };
    expect((await addRule(rule)).status).toBe(200);
    expect((await addRule(rule)).body.badRequest.message).toBe(`This rule already exists in group ${id}`);
    expect((await addRule({ ...rule, parent_group_id: randomUUID() })).status).toBe(404);
    expect((await addRule({ ...rule, group_id: randomUUID() })).status).toBe(404);
  });
});

const portOf = (deviceId: string, securityGroupIds: readonly string[], changes: Partial<Port> = {}): Port => ({
  id: randomUUID(),
  networkId: 'n',
  projectId: 'alpha',
  name: '',
  macAddress: 'fa:16:3e:00:00:01',
  fixedIps: [{ subnetId: 's', ipAddress: '10.0.0.5' }],
  deviceId,
  deviceOwner: 'compute:nova',
  status: 'ACTIVE',
  adminStateUp: true,
  securityGroupIds,
  portSecurityEnabled: true,
  binding: { hostId: '', vnicType: 'normal', vifType: 'bridge', vifDetails: {}, profile: {} },
  ...changes,
});

describe('a server', () => {
  const act = (id: string, key: string, name: string) => member('POST', `/servers/${id}/action`, { body: { [key]: { name } } });
  const plug = (port: Port): Port => {
    api.neighbours.ports.set(port.id, port);
    return port;
  };

  test('is put into a group with all its ports, and taken out again', async () => {
    const [web, db] = [await create('web'), await create('db')];
    const server = await api.server();
    const ports = [plug(portOf(server.id, [db.id])), plug(portOf(server.id, []))];
    const now = () => ports.map(({ id }) => api.neighbours.ports.get(id)!.securityGroupIds);
    const shown = async () => (await member('GET', `/servers/${server.id}`)).body.server.security_groups;
    expect([(await act(server.id, 'addSecurityGroup', 'web')).status, now()]).toEqual([202, [[db.id, web.id], [web.id]]]);
    expect(await shown()).toEqual([{ name: 'db' }, { name: 'web' }, { name: 'web' }]);
    const { security_groups: groups } = (await member('GET', `/servers/${server.id}/os-security-groups`)).body;
    expect(groups.map(({ id }: { id: string }) => id)).toEqual([db.id, web.id, web.id]);
    expect([(await act(server.id, 'removeSecurityGroup', web.id)).status, now()]).toEqual([202, [[db.id], []]]);
    expect(await shown()).toEqual([{ name: 'db' }]);
    expect((await act(server.id, 'removeSecurityGroup', 'web')).body.itemNotFound.message).toBe(
      `Security group web not associated with the instance ${server.id}`,
    );
  });

  test('is not put into a group that is unknown, ambiguous or cannot be applied', async () => {
    const server = await api.server();
    await create('web');
    expect((await act(server.id, 'addSecurityGroup', 'web')).body.itemNotFound.message).toContain('could not be found as device id');
    plug(portOf(server.id, [], { portSecurityEnabled: false }));
    const status = async (name: string) => (await act(server.id, 'addSecurityGroup', name)).status;
    expect([await status('web'), await status('none'), await status(' ')]).toEqual([400, 404, 400]);
    await create('web');
    expect(await status('web')).toBe(409);
  });
});
