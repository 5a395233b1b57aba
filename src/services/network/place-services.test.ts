import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { waitUntil } from '../../lib/retry.ts';
import { testNetworkService } from './test-support/network-service.ts';

describe('DHCP servers and routers', () => {
  it('are spread over the agents, stay through a short silence, and move after a long one', { timeout: 30_000 }, async () => {
    let later = 0;
    const clock: Clock = { now: () => systemClock.now() + later, sleep: (ms, signal) => systemClock.sleep(ms, signal) };
    await using net = await testNetworkService({ dataPlane: 'linux-bridge', clock });
    const hear = async (host: string) => (await net.ask('x.service', 'GET', `/kilonova/v1/agents/${host}/wish`)).body;
    const servedBy = async (host: string): Promise<number> => {
      const { dhcp, routers } = await net.service.deps.db
        .selectNoFrom((none) => [
          none
            .selectFrom('networks')
            .select((count) => count.fn.countAll<number>().as('n'))
            .where('dhcp_host', '=', host)
            .as('dhcp'),
          none
            .selectFrom('routers')
            .select((count) => count.fn.countAll<number>().as('n'))
            .where('host', '=', host)
            .as('routers'),
        ])
        .executeTakeFirstOrThrow();
      return Number(dhcp) + Number(routers);
    };
    await Promise.all([hear('h1'), hear('h2')]);
    for (let index = 0; index < 3; index++) {
      const network = await net.make('alpha.member', 'networks', { network: {} });
      const subnet = await net.make('alpha.member', 'subnets', {
        subnet: { network_id: network.id, ip_version: 4, cidr: `10.${index}.0.0/24` },
      });
      const router = await net.make('alpha.member', 'routers', { router: {} });
      await net.ask('alpha.member', 'PUT', `routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    }
    await net.service.deps.placing.runNow();
    expect([await servedBy('h1'), await servedBy('h2')]).toEqual([3, 3]);

    later = 120_000; // h1 is down, but may come back
    await hear('h2');
    await net.service.deps.liveness.flush();
    await net.service.deps.placing.runNow();
    expect([await servedBy('h1'), await servedBy('h2')]).toEqual([3, 3]);

    later = 400_000;
    await hear('h2');
    await net.service.deps.liveness.flush();
    await net.service.deps.placing.runNow();
    expect([await servedBy('h1'), await servedBy('h2')]).toEqual([0, 6]);
    // the host is told in the background
    const served = await waitUntil(
      async () => {
        const wish = await hear('h2');
        const networks = wish.networks.filter((network: { dhcp: unknown }) => network.dhcp !== null).length;
        return networks === 3 ? { networks, routers: wish.routers.length } : null;
      },
      { clock: systemClock, timeoutMs: 10_000, everyMs: 20, what: 'The wish with the networks that moved' },
    );
    expect(served).toEqual({ networks: 3, routers: 3 });
  });
});
