/** How a network agent keeps a real host as it is wished to be: through restarts, damage, neighbours and wishes that make no sense. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../../src/config/index.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { tableName } from '../../../src/services/network-agent/names.ts';
import { startNetworkAgent, type NetworkAgent } from '../../../src/services/network-agent/index.ts';
import {
  TestSource,
  anna,
  bert,
  bootGuests,
  cloud,
  cloudId,
  configureGuests,
  dhcpMac,
  eventually,
  execute,
  external,
  ids,
  inGuest,
  lease,
  namespaceOf,
  otherCloud,
  pings,
  portOf,
  processes,
  rule,
  run,
  short,
  startLab,
  stranger,
  succeeds,
  type Lab,
  withRules,
} from './lab.ts';

describe('the network agent on a real host, over time', () => {
  let lab: Lab;
  let beside: NetworkAgent | null = null;
  beforeAll(async () => {
    lab = await startLab();
    await lab.source.wishes(cloud(withRules(rule({ protocol: 'icmp' }))));
    await bootGuests(lab);
    await configureGuests();
  });
  afterAll(async () => {
    await beside?.stop();
    await lab[Symbol.asyncDispose]();
  });

  it('finds everything again after a restart and bounces nothing', async () => {
    const before = { processes: processes(), links: await run('ip', '-o', 'link', 'show', 'dev', `brq${short(ids.network)}`) };
    const pinging = execute('ip', ['netns', 'exec', anna.namespace, 'ping', '-i', '0.1', '-c', '20', '-W', '1', bert.address]);
    await lab.agent.stop();
    const again = new TestSource();
    lab.agent = await lab.start(again);
    await lab.agent.runNow();
    expect(lab.agent.status().report).toMatchObject({ wiredPortIds: [anna.portId, bert.portId], problems: [] }); // by the wish it remembers
    expect({ processes: processes(), links: await run('ip', '-o', 'link', 'show', 'dev', `brq${short(ids.network)}`) }).toEqual(before);
    expect((await pinging).stdout).toContain(' 0% packet loss');
    await lab.agent.stop();
    lab.agent = await lab.start(lab.source);
    await lab.agent.runNow();
  });

  it('mends what was broken behind its back', async () => {
    for (const pid of processes()) process.kill(Number(pid), 'SIGKILL');
    await run('ip', 'netns', 'delete', namespaceOf.router);
    await run('ip', '-n', namespaceOf.dhcp, 'address', 'flush', 'dev', `ns-${short(ids.dhcp)}`);
    await run('ip', 'link', 'set', `brq${short(ids.network)}`, 'down', 'mtu', '1400');
    await run('ip', 'link', 'set', anna.device, 'nomaster');
    await run('nft', 'delete', 'table', 'bridge', tableName(cloudId));
    await eventually('an agreeing host', async () => {
      await lab.agent.runNow();
      return (await pings(anna, `${external}.1`)) ? true : null;
    });
    expect([(await lease(anna))['ip'], processes().length, await pings(anna, bert.address)]).toEqual([anna.address, 2, true]);
    expect(await inGuest(anna, 'busybox', 'wget', '-q', '-O', '-', 'http://169.254.169.254/')).toBe('told\n');
  });

  it('lives beside another cloud and takes nothing of it away', async () => {
    const other = otherCloud;
    const { settings } = readSettings(`[DEFAULT]\nstate_path=${other.statePath}\n[kilonova]\ncloud_id=${other.cloudId}\n`);
    const otherSource = new TestSource();
    beside = await startNetworkAgent({ settings, clock: systemClock, log: silentLog, source: otherSource });
    const otherId = randomUUID();
    const wish = cloud();
    expect(
      await otherSource.wishes({
        ...wish,
        networks: [{ ...wish.networks[0]!, id: otherId, dhcp: { portId: randomUUID(), macAddress: dhcpMac, addresses: ['10.31.0.2'] } }],
        ports: [],
        routers: [],
      }),
    ).toMatchObject({ problems: [] });
    expect([existsSync(`/run/netns/qdhcp-${otherId}`), await pings(anna, bert.address)]).toEqual([true, true]);
    await beside.stop({ removeDataPlane: true });
    expect([
      existsSync(`/run/netns/qdhcp-${otherId}`),
      existsSync(`/run/netns/${namespaceOf.dhcp}`),
      await pings(anna, bert.address),
    ]).toEqual([false, true, true]);
  });

  it('reports what it cannot understand and does the rest', async () => {
    const wish = cloud(
      withRules(rule({ protocol: 'icmp' }), rule({ protocol: 'tcp; drop' }), rule({ remoteIpPrefix: '0.0.0.0/0 accept' })),
    );
    const report = await lab.source.wishes({
      ...wish,
      ports: [...wish.ports, portOf(stranger, { macAddress: 'fa:16:3e:00:00:01"; accept' })],
    });
    expect(report.problems.map(({ resource }) => resource)).toEqual(['port', 'security group rule', 'security group rule']);
    expect([report.wiredPortIds, await pings(anna, bert.address)]).toEqual([[anna.portId, bert.portId], true]);
  });

  it('takes everything away that is wished no more, but leaves a bridge to the guests that are still on it', async () => {
    const nothing = { networks: [], ports: [], routers: [], securityGroups: [] };
    await lab.source.wishes(nothing);
    expect([
      existsSync(`/run/netns/${namespaceOf.dhcp}`),
      existsSync(`/run/netns/${namespaceOf.router}`),
      processes(),
      await pings(anna, bert.address),
      await succeeds('ip', 'link', 'show', `brq${short(ids.network)}`),
    ]).toEqual([false, false, [], false, true]);
    for (const guest of [anna, bert]) await run('ip', 'link', 'delete', guest.device);
    await lab.source.wishes(nothing);
    const left = await run('ip', '-o', 'link', 'show');
    expect([ids.network, ids.external, ids.dhcp, ids.inner, ids.outer].filter((id) => left.includes(short(id)))).toEqual([]);
    expect(await run('nft', 'list', 'tables')).not.toContain(tableName(cloudId));
    await lab.agent.stop({ removeDataPlane: true });
    expect([
      existsSync(`/run/kilonova-network/${cloudId}`),
      readdirSync('/run/kilonova-network').filter((name) => name.startsWith(cloudId.replaceAll('-', '_'))),
    ]).toEqual([false, []]);
  });
});
