import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KilonovaError } from '../lib/errors.ts';
import { silentLog } from '../lib/log.ts';
import type { NetworkClient } from './network.ts';
import { createNetworkClient } from './network-http.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string;
  readonly body: unknown;
}

let asked: Asked[] = [];
let answer: (request: Asked) => { readonly status?: number; readonly body?: unknown } = () => ({});

async function read(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const url = new URL(request.url ?? '/', 'http://x');
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    token: String(request.headers['x-auth-token']),
    body: text === '' ? null : (JSON.parse(text) as unknown),
  };
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const each = await read(request);

  asked.push(each);
  const { status = 200, body } = answer(each);
  response.writeHead(status, { 'content-type': 'application/json' }).end(body === undefined ? '' : JSON.stringify(body));
}

/** Another one's Neutron: what it is asked and what it answers is all there is to it. */
const neutron = createServer((request, response) => {
  void serve(request, response);
});
let client: NetworkClient & { close(): Promise<void> };
const session = { token: async () => 'tok' };

beforeAll(async () => {
  await new Promise<void>((resolve) => neutron.listen(0, '127.0.0.1', resolve));
  const address = neutron.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  client = createNetworkClient({ endpoints: { url: async () => `http://127.0.0.1:${port}` }, log: silentLog });
});
afterAll(async () => {
  await client.close();
  await new Promise((resolve) => neutron.close(resolve));
});
beforeEach(() => {
  asked = [];
});

const wirePort = {
  id: 'p',
  network_id: 'n',
  project_id: 'x',
  name: '',
  mac_address: 'fa:16:3e:00:00:01',
  fixed_ips: [{ subnet_id: 's', ip_address: '10.0.0.2' }],
  device_id: 'd',
  device_owner: 'compute:nova',
  status: 'ACTIVE',
  admin_state_up: true,
  security_groups: ['g'],
};

describe('the network client', () => {
  it('says of a new port only what it was told', async () => {
    answer = () => ({
      status: 201,
      body: { ports: [{ ...wirePort, 'binding:host_id': 'h', 'binding:vif_type': 'bridge', 'binding:vif_details': { bridge_name: 'b' } }] },
    });
    const [made] = await client.createPorts(session, [
      {
        networkId: 'n',
        projectId: 'x',
        deviceId: 'd',
        deviceOwner: 'compute:nova',
        hostId: 'h',
        fixedIps: [{ ipAddress: '10.0.0.2' }],
        profile: { kilonova_owned: true },
      },
    ]);
    expect(asked.map(({ method, path, token, body }) => ({ method, path, token, body }))).toEqual([
      {
        method: 'POST',
        path: '/v2.0/ports',
        token: 'tok',
        body: {
          ports: [
            {
              network_id: 'n',
              project_id: 'x',
              device_id: 'd',
              device_owner: 'compute:nova',
              'binding:host_id': 'h',
              'binding:profile': { kilonova_owned: true },
              fixed_ips: [{ ip_address: '10.0.0.2' }],
            },
          ],
        },
      },
    ]);
    expect(made).toEqual({
      id: 'p',
      networkId: 'n',
      projectId: 'x',
      name: '',
      macAddress: 'fa:16:3e:00:00:01',
      fixedIps: [{ subnetId: 's', ipAddress: '10.0.0.2' }],
      deviceId: 'd',
      deviceOwner: 'compute:nova',
      status: 'ACTIVE',
      adminStateUp: true,
      securityGroupIds: ['g'],
      portSecurityEnabled: true,
      binding: { hostId: 'h', vnicType: 'normal', vifType: 'bridge', vifDetails: { bridge_name: 'b' }, profile: {} },
    });
  });

  it('unbinds by an empty host', async () => {
    answer = () => ({ body: { port: wirePort } });
    await client.updatePort(session, 'p', { hostId: null, deviceId: '' });
    expect(asked[0]?.body).toEqual({ port: { 'binding:host_id': '', device_id: '' } });
  });

  it('follows pages to their end and splits what a URL cannot hold', async () => {
    answer = ({ query }) =>
      query.get('marker') === null && query.getAll('id').length === 100
        ? { body: { ports: [wirePort], ports_links: [{ rel: 'next', href: 'http://elsewhere/v2.0/ports?marker=p&x=1' }] } }
        : { body: { ports: [wirePort] } };
    const ports = await client.ports(session, { id: Array.from({ length: 150 }, (_, index) => `id-${index}`), status: 'ACTIVE' });
    expect(ports.length).toBe(3);
    expect(asked.map(({ query }) => [query.getAll('id').length, query.get('marker'), query.get('status')])).toEqual([
      [100, null, 'ACTIVE'],
      [100, 'p', 'ACTIVE'],
      [50, null, 'ACTIVE'],
    ]);
  });

  it('asks for nothing when a filter has no values', async () => {
    expect(await client.floatingIps(session, { port_id: [] })).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('finds the DHCP server of each subnet', async () => {
    const subnet = {
      id: 's',
      network_id: 'n',
      cidr: '10.0.0.0/24',
      ip_version: 4,
      gateway_ip: '10.0.0.1',
      dns_nameservers: [],
      host_routes: [],
      enable_dhcp: true,
    };
    answer = ({ path }) => (path === '/v2.0/subnets' ? { body: { subnets: [subnet] } } : { body: { ports: [wirePort] } });
    expect(await client.subnets(session, { network_id: 'n' })).toEqual([
      {
        id: 's',
        networkId: 'n',
        cidr: '10.0.0.0/24',
        ipVersion: 4,
        gatewayIp: '10.0.0.1',
        dnsNameservers: [],
        hostRoutes: [],
        dhcpEnabled: true,
        dhcpServer: '10.0.0.2',
      },
    ]);
  });

  it('deletes what is gone already, and knows an unlimited quota', async () => {
    answer = () => ({ status: 404, body: { NeutronError: { type: 'PortNotFound', message: 'Port p could not be found.', detail: '' } } });
    await client.deletePort(session, 'p');
    answer = () => ({ body: { quota: { port: { limit: -1, used: 3, reserved: 0 } } } });
    expect(await client.portQuota(session, 'x')).toBeNull();
    answer = () => ({ body: { quota: { port: { limit: 5, used: 3, reserved: 0 } } } });
    expect(await client.portQuota(session, 'x')).toEqual({ limit: 5, used: 3 });
  });

  it.each([
    [409, 'OverQuota', 'quota'],
    [409, 'IpAddressGenerationFailure', 'conflict'],
    [404, 'NetworkNotFound', 'notFound'],
    [403, 'PolicyNotAuthorized', 'forbidden'],
    [400, 'InvalidInput', 'invalid'],
  ])('tells refusals apart: %i %s is %s', async (status, type, kind) => {
    answer = () => ({ status, body: { NeutronError: { type, message: 'No.', detail: '' } } });
    const error = await client.port(session, 'p').catch((thrown: unknown) => thrown);
    expect(error instanceof KilonovaError ? [error.kind, error.code, error.message] : error).toEqual([kind, type, 'No.']);
  });

  it('allocates floating addresses, leads them somewhere and nowhere, and releases them', async () => {
    const floatingip = { id: 'f', floating_ip_address: '203.0.113.1', fixed_ip_address: null, port_id: null, floating_network_id: 'x' };
    answer = ({ method }) => (method === 'DELETE' ? { status: 204 } : { body: { floatingip } });
    const made = { id: 'f', floatingIpAddress: '203.0.113.1', fixedIpAddress: null, portId: null, networkId: 'x' };
    expect(await client.createFloatingIp(session, 'x')).toEqual(made);
    expect(await client.updateFloatingIp(session, 'f', { portId: 'p', fixedIpAddress: '10.0.0.5' })).toEqual(made);
    await client.updateFloatingIp(session, 'f', null);
    await client.deleteFloatingIp(session, 'f');
    expect(asked.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['POST', '/v2.0/floatingips', { floatingip: { floating_network_id: 'x' } }],
      ['PUT', '/v2.0/floatingips/f', { floatingip: { port_id: 'p', fixed_ip_address: '10.0.0.5' } }],
      ['PUT', '/v2.0/floatingips/f', { floatingip: { port_id: null } }],
      ['DELETE', '/v2.0/floatingips/f', null],
    ]);
  });

  it('makes, changes and removes security groups and what they let in', async () => {
    const rule = {
      id: 'r',
      security_group_id: 'g',
      direction: 'ingress',
      ethertype: 'IPv4',
      protocol: 'tcp',
      port_range_min: 22,
      port_range_max: 22,
      remote_group_id: null,
      remote_ip_prefix: '0.0.0.0/0',
    };
    const group = { id: 'g', name: 'web', project_id: 'x', description: 'of the web', security_group_rules: [rule] };
    answer = ({ method, path }) =>
      method === 'DELETE' ? { status: 204 } : { body: path.includes('rules') ? { security_group_rule: rule } : { security_group: group } };
    const readRule = {
      id: 'r',
      groupId: 'g',
      direction: 'ingress',
      ethertype: 'IPv4',
      protocol: 'tcp',
      portRange: { min: 22, max: 22 },
      remoteGroupId: null,
      remoteIpPrefix: '0.0.0.0/0',
    };
    const readGroup = { id: 'g', name: 'web', projectId: 'x', description: 'of the web', rules: [readRule] };
    const words = { name: 'web', description: 'of the web' };
    expect(await client.securityGroup(session, 'g')).toEqual(readGroup);
    expect(await client.createSecurityGroup(session, words)).toEqual(readGroup);
    expect(await client.updateSecurityGroup(session, 'g', words)).toEqual(readGroup);
    const { id: _, direction: __, ...wanted } = readRule;
    expect(await client.createIngressRule(session, { ...wanted, ethertype: 'IPv4' })).toEqual(readRule);
    expect(await client.securityGroupRule(session, 'r')).toEqual(readRule);
    await client.deleteSecurityGroupRule(session, 'r');
    await client.deleteSecurityGroup(session, 'g');
    const { id: ___, ...sent } = rule;
    expect(asked.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['GET', '/v2.0/security-groups/g', null],
      ['POST', '/v2.0/security-groups', { security_group: words }],
      ['PUT', '/v2.0/security-groups/g', { security_group: words }],
      ['POST', '/v2.0/security-group-rules', { security_group_rule: sent }],
      ['GET', '/v2.0/security-group-rules/r', null],
      ['DELETE', '/v2.0/security-group-rules/r', null],
      ['DELETE', '/v2.0/security-groups/g', null],
    ]);
  });
});
