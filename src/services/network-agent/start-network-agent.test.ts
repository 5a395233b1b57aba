import { expect, it } from 'vitest';
import { readSettings } from '../../config/index.ts';
import type { HostReport, HostWish } from '../../contracts/network-agent.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { startNetworkAgent } from './start-network-agent.ts';

it('tells that every port is wired where there is no data plane', async () => {
  const { settings } = readSettings('[DEFAULT]\nstate_path=/nowhere\n[kilonova]\nnetwork_data_plane=none\n');
  const id = '11111111-1111-4111-8111-111111111111';
  const port = {
    id,
    networkId: id,
    device: 'tap11111111-11',
    macAddress: 'fa:16:3e:00:00:01',
    ipAddresses: [],
    allowedAddressPairs: [],
    portSecurityEnabled: true,
    securityGroupIds: [],
    adminStateUp: true,
  };
  const wish: HostWish = { revision: 3, networks: [], ports: [port], routers: [], securityGroups: [] };
  const reported = Promise.withResolvers<HostReport>();
  const agent = await startNetworkAgent({
    settings,
    clock: systemClock,
    log: silentLog,
    source: {
      next: (after, signal) =>
        after === wish.revision
          ? new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
          : Promise.resolve(wish),
      report: (report) => Promise.resolve(reported.resolve(report)),
      close: () => Promise.resolve(),
    },
  });
  expect(await reported.promise).toMatchObject({ revision: 3, wiredPortIds: [id], problems: [] });
  await agent.stop();
});
