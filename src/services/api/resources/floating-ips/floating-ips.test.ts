import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';
import { sampleNetwork, sampleSubnet, sampleVif } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
let member: Ask;
const network = (id: string, external: boolean) => sampleNetwork({ id, name: `net ${id}`, projectId: 'ops', external });
const vif = sampleVif({
  portId: 'p1',
  networkId: 'n1',
  subnets: [
    sampleSubnet({ id: 's6', cidr: '2001:db8::/64', version: 6, addresses: [{ address: '2001:db8::5', floating: [] }] }),
    sampleSubnet({ id: 's4' }),
  ],
});

beforeAll(async () => {
  api = await startApiUnderTest();
  member = api.as('alpha.member');
  api.neighbours.networks.push(network('inside', false), network('outside', true));
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(() => api.neighbours.floatingIps.clear());

const allocate = (body?: object) => member('POST', '/os-floating-ips', body === undefined ? {} : { body });

describe('a floating address', () => {
  test('is allocated from an external network, shown, and released', async () => {
    expect((await member('GET', '/os-floating-ip-pools')).body).toEqual({ floating_ip_pools: [{ name: 'net outside' }] });
    const { status, body } = await allocate({ pool: 'net outside' });
    const { id } = body.floating_ip;
    expect([status, body.floating_ip]).toEqual([200, { id, ip: '203.0.113.1', fixed_ip: null, instance_id: null, pool: 'net outside' }]);
    expect((await member('GET', `/os-floating-ips/${id}`)).body).toEqual(body);
    expect((await member('GET', '/os-floating-ips')).body).toEqual({ floating_ips: [body.floating_ip] });
    const statusOf = async (method: 'GET' | 'DELETE', path: string) => (await member(method, path)).status;
    expect([
      await statusOf('DELETE', `/os-floating-ips/${id}`),
      await statusOf('GET', `/os-floating-ips/${id}`),
      await statusOf('GET', '/os-floating-ips/no-id'),
    ]).toEqual([202, 404, 400]);
  });

  test('comes from any external network when none is named, as far as there are some', async () => {
    expect([(await allocate()).status, (await allocate({ pool: null })).status]).toEqual([200, 200]);
    expect((await allocate({ pool: 'net outside' })).body).toEqual({
      forbidden: { code: 403, message: 'IP allocation over quota in pool net outside.' },
    });
    expect((await allocate({ pool: 'net inside' })).body).toEqual({ itemNotFound: { code: 404, message: 'Floating IP pool not found.' } });
    expect((await api.as('alpha.reader')('POST', '/os-floating-ips')).status).toBe(403);
  });

  test('leads to the IPv4 address of a server and away again', async () => {
    const server = await api.server({ networkInfo: [vif] });
    const act = (key: string, value: object, version = '2.43') =>
      member('POST', `/servers/${server.id}/action`, { version, body: { [key]: value } });
    const address = (await allocate()).body.floating_ip.ip as string;
    const leadsTo = () => [...api.neighbours.floatingIps.values()].map(({ portId, fixedIpAddress }) => [portId, fixedIpAddress]);
    expect((await act('addFloatingIp', { address, fixed_address: '10.0.0.6' })).status).toBe(400);
    expect((await act('addFloatingIp', { address: '203.0.113.99' })).status).toBe(404);
    expect((await act('removeFloatingIp', { address })).status).toBe(409);
    expect([(await act('addFloatingIp', { address })).status, leadsTo()]).toEqual([202, [['p1', '10.0.0.5']]]);
    const other = await api.server({ networkInfo: [{ ...vif, portId: 'p2' }] });
    const moved = await member('POST', `/servers/${other.id}/action`, { version: '2.43', body: { addFloatingIp: { address } } });
    expect([moved.status, leadsTo()]).toEqual([202, [['p2', '10.0.0.5']]]);
    expect((await act('addFloatingIp', { address })).status).toBe(202);
    expect((await act('removeFloatingIp', { address }, '2.44')).status).toBe(404);
    expect([(await act('removeFloatingIp', { address })).status, leadsTo()]).toEqual([202, [[null, null]]]);
  });

  test('does not lead to a server without an IPv4 address', async () => {
    const server = await api.server();
    const { body } = await member('POST', `/servers/${server.id}/action`, { body: { addFloatingIp: { address: '203.0.113.1' } } });
    expect(body).toEqual({ badRequest: { code: 400, message: 'No fixed IPs associated to instance' } });
  });
});

describe('networks as compute knew them', () => {
  test('have an id and a label', async () => {
    const [shown] = (await member('GET', '/os-networks')).body.networks;
    expect(Object.entries(shown).filter(([, value]) => value !== null)).toEqual([
      ['id', 'inside'],
      ['label', 'net inside'],
    ]);
    expect(Object.keys((await api.as('alpha.admin')('GET', '/os-networks/inside')).body.network)).toContain('bridge');
    expect(Object.keys(shown)).not.toContain('bridge');
    expect((await member('GET', '/os-tenant-networks/outside')).body).toEqual({
      network: { id: 'outside', cidr: 'None', label: 'net outside' },
    });
    expect([(await member('GET', '/os-networks/none')).status, (await member('GET', '/os-networks', { version: '2.36' })).status]).toEqual([
      404, 404,
    ]);
  });
});
