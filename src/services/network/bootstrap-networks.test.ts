import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetworkClient } from '../../clients/network-http.ts';
import { silentLog } from '../../lib/log.ts';
import { bootstrapNetworks } from './bootstrap-networks.ts';
import { testNetworkService, type TestNetworkService } from './test-support/network-service.ts';

let net: TestNetworkService;
beforeAll(async () => {
  net = await testNetworkService({ listens: true });
});
afterAll(() => net[Symbol.asyncDispose]());

const admin = { token: async () => 'admin.admin' };

describe('a new cloud', () => {
  it('gets its networks once, and a server’s port there all that compute asks for', async () => {
    const url = net.service.url ?? '';
    const options = {
      url,
      session: admin,
      projectId: 'admin',
      privateCidr: '10.77.0.0/24',
      externalCidr: '172.24.4.0/24',
      dnsNameservers: ['9.9.9.9'],
      log: silentLog,
    };
    const first = await bootstrapNetworks(options);
    expect(await bootstrapNetworks(options)).toEqual(first);
    const [outside] = (await net.ask('admin.admin', 'GET', `subnets?network_id=${first.externalNetworkId}`)).body.subnets;
    expect([outside.gateway_ip, outside.allocation_pools, outside.enable_dhcp]).toEqual([
      '172.24.4.1',
      [{ start: '172.24.4.2', end: '172.24.4.254' }],
      false,
    ]);

    const client = createNetworkClient({ endpoints: { url: async () => url }, log: silentLog });
    const user = { token: async () => 'alpha.member' };
    const service = { token: async () => 'nova.service' };
    expect((await client.networks(user, { 'router:external': 'false' })).map(({ name, shared }) => [name, shared])).toEqual([
      ['private', true],
    ]);
    const [port] = await client.createPorts(service, [
      {
        networkId: first.privateNetworkId,
        projectId: 'alpha',
        deviceId: '11111111-2222-4333-8444-555555555555',
        deviceOwner: 'compute:nova',
        hostId: 'h1',
        dnsName: 'vm',
      },
    ]);
    expect(port).toMatchObject({ status: 'ACTIVE', deviceOwner: 'compute:nova', binding: { hostId: 'h1', vifType: 'bridge' } });
    expect(await client.subnets(service, { network_id: first.privateNetworkId })).toEqual([
      expect.objectContaining({ cidr: '10.77.0.0/24', dnsNameservers: ['9.9.9.9'], dhcpServer: '10.77.0.2' }),
    ]);
    expect(await client.portQuota(user, 'alpha')).toEqual({ limit: 500, used: 1 });
    await client.deletePort(service, port?.id ?? '');
    await client.deletePort(service, port?.id ?? '');
    await client.close();
  });
});
