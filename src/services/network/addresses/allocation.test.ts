import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testNetworkService, type TestNetworkService } from '../test-support/network-service.ts';

let net: TestNetworkService;
beforeAll(async () => {
  net = await testNetworkService();
  await net.ask('admin.admin', 'PUT', 'quotas/alpha', { quota: { port: -1, network: -1, subnet: -1 } });
});
afterAll(() => net[Symbol.asyncDispose]());

const addressOf = (port: { fixed_ips: { ip_address: string }[] }): unknown => port.fixed_ips[0]?.ip_address;

const newSubnet = async (subnet: Record<string, unknown>): Promise<{ networkId: string; subnetId: string }> => {
  const network = await net.make('alpha.member', 'networks', { network: {} });
  const made = await net.make('alpha.member', 'subnets', {
    subnet: { network_id: network.id, ip_version: 4, enable_dhcp: false, ...subnet },
  });
  return { networkId: network.id, subnetId: made.id };
};

describe('addresses', () => {
  it('never have two owners, however many ask at once, and all of them are given out', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 12 }),
        fc.integer({ min: 0, max: 6 }),
        fc.array(fc.integer({ min: 0, max: 13 }), { maxLength: 4 }),
        async (free, beyond, named) => {
          const { networkId, subnetId } = await newSubnet({
            cidr: '10.0.0.0/28',
            gateway_ip: null,
            allocation_pools: [{ start: '10.0.0.1', end: `10.0.0.${free}` }],
          });
          const asks = [
            ...named.map((host) => ({ fixed_ips: [{ ip_address: `10.0.0.${host + 1}` }] })),
            ...Array.from({ length: free + beyond }, () => ({})),
          ];
          const answers = await Promise.all(
            asks.map((ask) => net.ask('alpha.member', 'POST', 'ports', { port: { network_id: networkId, ...ask } })),
          );
          const statuses = new Set(answers.map(({ status }) => status));
          expect([...statuses].every((status) => status === 201 || status === 409)).toBe(true);
          const refusals = answers.filter(({ status }) => status === 409).map(({ body }) => body.NeutronError.type);
          expect(refusals.every((type) => type === 'IpAddressGenerationFailure' || type === 'IpAddressAlreadyAllocated')).toBe(true);
          const { ports } = (await net.ask('alpha.member', 'GET', `ports?network_id=${networkId}`)).body;
          const held = ports.flatMap((port: { fixed_ips: { ip_address: string }[] }) => port.fixed_ips.map((ip) => ip.ip_address));
          expect(new Set(held).size).toBe(held.length);
          const inPool = held.filter((ip: string) => Number(ip.split('.')[3]) <= free);
          expect(inPool.length).toBe(free); // more asked than the pool has, so nothing of it may be left
          expect(subnetId).toBeTypeOf('string');
        },
      ),
      { numRuns: 12 },
    );
  });

  it('stay within a quota that many requests reach at once', async () => {
    await net.ask('admin.admin', 'PUT', 'quotas/quota', { quota: { port: 5 } });
    const network = await net.make('quota.member', 'networks', { network: {} });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => net.ask('quota.member', 'POST', 'ports', { port: { network_id: network.id } })),
    );
    expect(answers.filter(({ status }) => status === 201).length).toBe(5);
    expect(
      new Set(answers.filter(({ status }) => status !== 201).map(({ status, body }) => `${status} ${body.NeutronError.type}`)),
    ).toEqual(new Set(['409 OverQuota']));
    const details = await net.ask('quota.reader', 'GET', 'quotas/quota/details.json');
    expect(details.body.quota.port).toEqual({ limit: 5, used: 5, reserved: 0 });
  });

  it('are not used again at once', async () => {
    const { networkId } = await newSubnet({ cidr: '10.7.0.0/24' });
    const first = await net.make('alpha.member', 'ports', { port: { network_id: networkId } });
    await net.ask('alpha.member', 'DELETE', `ports/${first.id}`);
    const second = await net.make('alpha.member', 'ports', { port: { network_id: networkId } });
    expect([addressOf(first), addressOf(second)]).toEqual(['10.7.0.2', '10.7.0.3']);
  });

  it('are one of each version, and the one a host makes itself', async () => {
    const { networkId } = await newSubnet({ cidr: '10.8.0.0/24' });
    await net.make('alpha.member', 'subnets', {
      subnet: { network_id: networkId, ip_version: 6, cidr: 'fd00:8::/64', ipv6_address_mode: 'slaac', ipv6_ra_mode: 'slaac' },
    });
    await net.make('alpha.member', 'subnets', { subnet: { network_id: networkId, ip_version: 6, cidr: 'fd00:9::/64' } });
    const port = await net.make('alpha.member', 'ports', { port: { network_id: networkId, mac_address: 'fa:16:3e:00:00:01' } });
    expect(port.fixed_ips.map((ip: { ip_address: string }) => ip.ip_address)).toEqual([
      '10.8.0.2',
      'fd00:8::f816:3eff:fe00:1',
      'fd00:9::3',
    ]); // ::2 is the DHCP server's
  });

  it('change as asked: what fits stays', async () => {
    const { networkId, subnetId } = await newSubnet({ cidr: '10.9.0.0/24' });
    const port = await net.make('alpha.member', 'ports', {
      port: { network_id: networkId, fixed_ips: [{ subnet_id: subnetId }, { ip_address: '10.9.0.50' }] },
    });
    const changed = await net.ask('alpha.member', 'PUT', `ports/${port.id}`, {
      port: { fixed_ips: [{ ip_address: '10.9.0.50' }, { ip_address: '10.9.0.60', subnet_id: subnetId }] },
    });
    expect(changed.body.port.fixed_ips.map((ip: { ip_address: string }) => ip.ip_address)).toEqual(['10.9.0.50', '10.9.0.60']);
    const refusals = await Promise.all(
      [{ ip_address: '10.10.0.1' }, { ip_address: '10.9.0.255' }, { ip_address: 'nonsense' }, { subnet_id: 'nope' }, {}].map(
        async (ip) => (await net.ask('alpha.member', 'PUT', `ports/${port.id}`, { port: { fixed_ips: [ip] } })).body.NeutronError.type,
      ),
    );
    expect(refusals).toEqual(['InvalidIpForNetwork', 'InvalidIpForSubnet', 'InvalidInput', 'SubnetNotFound', 'InvalidInput']);
  });
});

describe('subnets', () => {
  it.each<[string, Record<string, unknown>]>([
    ['InvalidInput', { cidr: '10.0.0.1/24' }],
    ['InvalidInput', { cidr: '10.0.0.0' }],
    ['InvalidInput', { cidr: '0.0.0.0/0' }],
    ['InvalidInput', { cidr: '127.0.0.0/24' }],
    ['InvalidInput', { cidr: '224.0.0.0/24' }],
    ['InvalidInput', { cidr: 'fd00::/64' }],
    ['InvalidInput', { cidr: '10.0.0.0/24', gateway_ip: '10.0.1.1' }],
    ['InvalidInput', { cidr: '10.0.0.0/24', gateway_ip: '10.0.0.255' }],
    ['InvalidInput', { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.9', end: '10.0.0.2' }] }],
    ['InvalidInput', { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.9', end: '10.0.1.2' }] }],
    [
      'InvalidInput',
      {
        cidr: '10.0.0.0/24',
        allocation_pools: [
          { start: '10.0.0.9', end: '10.0.0.20' },
          { start: '10.0.0.20', end: '10.0.0.30' },
        ],
      },
    ],
    ['GatewayConflictWithAllocationPools', { cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.0.1', end: '10.0.0.20' }] }],
    ['InvalidInput', { cidr: '10.0.0.0/24', dns_nameservers: ['1.1.1.1\nno-resolv'] }],
    ['InvalidInput', { cidr: '10.0.0.0/24', host_routes: [{ destination: '10.1.0.0/16', nexthop: 'fd00::1' }] }],
    ['InvalidInput', { cidr: '10.0.0.0/24', ipv6_ra_mode: 'slaac' }],
    ['InvalidInput', { ip_version: 6, cidr: 'fd00::/80', ipv6_address_mode: 'slaac' }],
  ])('that cannot be are refused (%s)', async (type, subnet) => {
    const network = await net.make('alpha.member', 'networks', { network: {} });
    const answer = await net.ask('alpha.member', 'POST', 'subnets', { subnet: { network_id: network.id, ip_version: 4, ...subnet } });
    const shownType = answer.body.NeutronError.type;
    expect([
      answer.status >= 400 && answer.status < 500,
      shownType === type || (type === 'InvalidInput' && shownType === 'HTTPBadRequest'),
    ]).toEqual([true, true]);
  });

  it('of one network do not overlap, even when asked for at once', async () => {
    const network = await net.make('alpha.member', 'networks', { network: {} });
    const answers = await Promise.all(
      ['10.0.0.0/24', '10.0.0.128/25', '10.0.0.0/16', '10.0.0.64/26'].map((cidr) =>
        net.ask('alpha.member', 'POST', 'subnets', { subnet: { network_id: network.id, ip_version: 4, cidr } }),
      ),
    );
    const { subnets } = (await net.ask('alpha.member', 'GET', `subnets?network_id=${network.id}`)).body;
    const cidrs = new Set(subnets.map((subnet: { cidr: string }) => subnet.cidr));
    expect(answers.some(({ status }) => status === 201)).toBe(true);
    // the only two that may both exist are the upper half and the second quarter
    expect(cidrs.size === 1 || (cidrs.size === 2 && cidrs.has('10.0.0.128/25') && cidrs.has('10.0.0.64/26'))).toBe(true);
  });

  it('with DHCP have a server’s port, and without none', async () => {
    const network = await net.make('alpha.member', 'networks', { network: {} });
    const servers = async (): Promise<unknown> =>
      (await net.ask('alpha.member', 'GET', `ports?network_id=${network.id}&device_owner=network:dhcp`)).body.ports.map(
        (port: { fixed_ips: { ip_address: string }[]; status: string }) => [port.status, ...port.fixed_ips.map((ip) => ip.ip_address)],
      );
    const one = await net.make('alpha.member', 'subnets', { subnet: { network_id: network.id, ip_version: 4, cidr: '10.1.0.0/24' } });
    const two = await net.make('alpha.member', 'subnets', { subnet: { network_id: network.id, ip_version: 4, cidr: '10.2.0.0/24' } });
    expect(await servers()).toEqual([['ACTIVE', '10.1.0.2', '10.2.0.2']]);
    await net.ask('alpha.member', 'PUT', `subnets/${two.id}`, { subnet: { enable_dhcp: false } });
    expect(await servers()).toEqual([['ACTIVE', '10.1.0.2']]);
    expect((await net.ask('alpha.member', 'DELETE', `subnets/${one.id}`)).status).toBe(204);
    expect(await servers()).toEqual([]);
  });
});
