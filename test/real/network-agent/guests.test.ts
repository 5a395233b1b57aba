/** What guests on a real host are given, what they may do, and what is kept from them. */
import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostWish } from '../../../src/contracts/network-agent.ts';
import {
  anna,
  bert,
  boot,
  bootGuests,
  cloud,
  configureGuests,
  eventually,
  execute,
  external,
  guestCan,
  ids,
  inGuest,
  lease,
  pingFromGroup,
  pings,
  portOf,
  portOfServer,
  processes,
  randomMac,
  routerMac,
  rule,
  run,
  short,
  startLab,
  stranger,
  succeeds,
  type Guest,
  type Lab,
  withRules,
} from './lab.ts';

describe('the network agent on a real host', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab();
  });
  afterAll(() => lab[Symbol.asyncDispose]());
  const dhcpProcess = (): string | undefined => processes().find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('dnsmasq'));

  it('has no problem with a network, a router and the rules of ports that have no device yet', async () => {
    const bridge = `brq${short(ids.network)}`;
    await run('ip', 'link', 'add', 'name', bridge, 'type', 'bridge'); // as compute does when it is faster
    expect(await lab.source.wishes(cloud())).toMatchObject({ wiredPortIds: [], problems: [] });
    expect(readFileSync(`/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`, 'utf8')).toBe('1\n');
  });

  it('tells that a port is wired soon after its device appeared', async () => {
    await bootGuests(lab);
    expect(lab.source.reports.at(-1)).toMatchObject({ wiredPortIds: [anna.portId, bert.portId], problems: [] });
  });

  it('gives guests their address, routes, resolver and MTU', async () => {
    const given = await lease(anna);
    expect(given).toMatchObject({
      ip: anna.address,
      mask: '24',
      router: '10.31.0.1',
      dns: '192.0.2.53',
      mtu: '1450',
      domain: 'novalocal',
      hostname: anna.hostName,
      serverid: '10.31.0.2',
    });
    expect(given['staticroutes']).toBe('192.0.2.0/25 10.31.0.9 169.254.169.254/32 10.31.0.2 0.0.0.0/0 10.31.0.1');
    await configureGuests();
  });

  it('lets nothing in until a rule does, and ends it when the rule goes', async () => {
    expect(await pings(anna, bert.address)).toBe(false);
    await lab.source.wishes(cloud(withRules(pingFromGroup)));
    expect(await pings(anna, bert.address)).toBe(true);
    const pinging = execute('ip', ['netns', 'exec', anna.namespace, 'ping', '-i', '0.1', '-w', '10', bert.address]);
    const connections = async (): Promise<number> =>
      (await run('conntrack', '-L', '-s', anna.address, '-d', bert.address, '-p', 'icmp')).split('\n').filter((line) => line !== '').length;
    await eventually('a connection', async () => ((await connections()) > 0 ? true : null));
    await lab.source.wishes(cloud());
    expect([await pings(anna, bert.address), await connections()]).toEqual([false, 0]);
    pinging.child.kill();
    await pinging.catch(() => undefined);
  });

  it('follows connections: answers pass without a rule', async () => {
    await lab.source.wishes(
      cloud(withRules(rule({ protocol: 'tcp', portRangeMin: 8000, portRangeMax: 8001, remoteIpPrefix: `${anna.address}/32` }))),
    );
    const servers = ['8001', '8002'].map((port) =>
      execute('ip', ['netns', 'exec', bert.namespace, 'busybox', 'nc', '-l', '-p', port, '-e', 'echo', 'hello']),
    );
    const call = (port: string): Promise<string | null> =>
      inGuest(anna, 'busybox', 'timeout', '2', 'busybox', 'nc', '-w', '1', bert.address, port).catch(() => null);
    expect(await eventually('an answer', () => call('8001'))).toBe('hello\n');
    expect(await call('8002')).toBe(null);
    for (const server of servers) {
      server.child.kill();
      await server.catch(() => undefined);
    }
  });

  it('lets nobody speak under a foreign address', async () => {
    await lab.source.wishes(cloud(withRules(rule({ protocol: 'icmp' }))));
    expect(await pings(anna, bert.address)).toBe(true);
    const neighbour = async (): Promise<string> =>
      (await run('ip', '-n', bert.namespace, 'neigh', 'show', '10.31.0.1')).split(' ').find((word) => word.includes(':')) ?? '';
    await pings(bert, '10.31.0.1');
    expect(await neighbour()).toBe(routerMac);
    await run('ip', '-n', anna.namespace, 'address', 'add', '10.31.0.66/24', 'dev', 'eth0');
    await run('ip', '-n', anna.namespace, 'address', 'add', '10.31.0.1/24', 'dev', 'eth0');
    expect([
      await guestCan(anna, 'ping', '-c', '1', '-W', '1', '-I', '10.31.0.66', bert.address),
      await guestCan(anna, 'ping', '-c', '1', '-W', '1', '-I', anna.address, bert.address),
    ]).toEqual([false, true]);
    await guestCan(anna, 'busybox', 'arping', '-c', '2', '-w', '2', '-U', '-I', 'eth0', '10.31.0.1');
    expect(await neighbour()).toBe(routerMac);
    await run('ip', '-n', anna.namespace, 'address', 'delete', '10.31.0.66/24', 'dev', 'eth0');
    await run('ip', '-n', anna.namespace, 'address', 'delete', '10.31.0.1/24', 'dev', 'eth0');
    await run('ip', '-n', anna.namespace, 'link', 'set', 'eth0', 'address', randomMac());
    expect(await pings(anna, bert.address)).toBe(false);
    await run('ip', '-n', anna.namespace, 'link', 'set', 'eth0', 'address', anna.mac);
    await run('ip', '-n', anna.namespace, 'route', 'replace', '169.254.169.254', 'via', '10.31.0.2');
    await run('ip', '-n', anna.namespace, 'route', 'replace', 'default', 'via', '10.31.0.1');
    expect(await pings(anna, bert.address)).toBe(true);
  });

  it('lets a port use an allowed address pair, and one without port security use any', async () => {
    const rules = withRules(rule({ protocol: 'icmp' }));
    await run('ip', '-n', anna.namespace, 'address', 'add', '10.31.0.77/24', 'dev', 'eth0');
    const speaks = (): Promise<boolean> => guestCan(anna, 'ping', '-c', '1', '-W', '1', '-I', '10.31.0.77', bert.address);
    expect(await speaks()).toBe(false);
    await lab.source.wishes(
      cloud({
        ...rules,
        ports: [
          portOf(anna, {
            allowedAddressPairs: [
              { ipAddress: '10.31.0.64/26', macAddress: anna.mac },
              { ipAddress: '10.31.0.0/24', macAddress: anna.mac },
            ],
          }),
          portOf(bert),
        ],
      }),
    );
    expect(await speaks()).toBe(true);
    await lab.source.wishes(cloud({ ...rules, ports: [portOf(anna, { portSecurityEnabled: false, securityGroupIds: [] }), portOf(bert)] }));
    expect(await speaks()).toBe(true);
    await lab.source.wishes(cloud({ ...rules, ports: [portOf(anna, { adminStateUp: false }), portOf(bert)] }));
    expect(await pings(anna, bert.address)).toBe(false);
    await run('ip', '-n', anna.namespace, 'address', 'delete', '10.31.0.77/24', 'dev', 'eth0');
    await lab.source.wishes(cloud(rules));
    expect(await pings(anna, bert.address)).toBe(true);
  });

  it('gives a device that nobody announced no way, not even to the guests beside it', async () => {
    await lab.source.wishes(cloud(withRules(rule({}))));
    await boot(stranger, `brq${short(ids.network)}`);
    await run('ip', '-n', stranger.namespace, 'address', 'add', `${stranger.address}/24`, 'dev', 'eth0');
    expect([await pings(stranger, bert.address), await pings(bert, stranger.address), await pings(stranger, '10.31.0.1')]).toEqual([
      false,
      false,
      false,
    ]);
    await lab.agent.runNow();
    expect(await pings(stranger, bert.address)).toBe(false);
    await run('ip', 'netns', 'delete', stranger.namespace);
    await eventually('the device gone', async () => ((await succeeds('ip', 'link', 'show', stranger.device)) ? null : true));
  });

  it('answers for metadata in the name of the server that asks, whatever the guest says', async () => {
    const told = await inGuest(
      anna,
      'busybox',
      'wget',
      '-q',
      '-O',
      '-',
      '--header',
      'X-Instance-ID: other',
      '--header',
      'X-Forwarded-For: 10.31.0.11',
      '--header',
      'X-Kilonova-Network-ID: other',
      'http://169.254.169.254/openstack/latest/meta_data.json',
    );
    expect(told).toBe('told\n');
    expect(lab.asked.at(-1)).toMatchObject({
      url: '/openstack/latest/meta_data.json',
      headers: {
        'x-instance-id': anna.serverId,
        'x-tenant-id': 'b0b',
        'x-forwarded-for': anna.address,
        'x-instance-id-signature': createHmac('sha256', 'hush').update(anna.serverId).digest('hex'),
      },
    });
    expect(lab.asked.at(-1)?.headers['x-kilonova-network-id']).toBe(undefined);
  });

  it('hides guests behind the address of their router, and shows one under its floating address', async () => {
    const callers: string[] = [];
    const outside = createServer((request, response) => {
      callers.push(request.socket.remoteAddress ?? '');
      response.end();
    });
    await new Promise<void>((resolve) => outside.listen(0, `${external}.1`, resolve));
    const url = `http://${external}.1:${portOfServer(outside)}/`;
    const call = (guest: Guest): Promise<string> => inGuest(guest, 'busybox', 'wget', '-q', '-O', '-', url);
    await call(anna);
    const router = cloud().routers[0]!;
    const rules = withRules(rule({ protocol: 'icmp' }));
    await lab.source.wishes(
      cloud({
        ...rules,
        routers: [{ ...router, floatingIps: [{ id: randomUUID(), floatingIpAddress: `${external}.50`, fixedIpAddress: anna.address }] }],
      }),
    );
    await call(anna);
    await call(bert);
    expect(callers).toEqual([`${external}.5`, `${external}.50`, `${external}.5`]);
    expect(await succeeds('ping', '-c', '1', '-W', '1', `${external}.50`)).toBe(true);
    expect(await pings(bert, `${external}.50`)).toBe(true); // turned back inside
    await lab.source.wishes(
      cloud({
        ...rules,
        routers: [{ ...router, floatingIps: [{ id: randomUUID(), floatingIpAddress: `${external}.50`, fixedIpAddress: bert.address }] }],
      }),
    );
    await call(bert);
    expect(callers.at(-1)).toBe(`${external}.50`);
    await lab.source.wishes(cloud(rules));
    expect(await succeeds('ping', '-c', '1', '-W', '1', `${external}.50`)).toBe(false);
    await new Promise((resolve) => outside.close(resolve));
  });

  it('reads new leases in place, and begins anew only when an address changed hands', async () => {
    const before = dhcpProcess();
    const [network, ...others] = cloud().networks;
    const newMac = randomMac();
    const lent = (mac: string, ip: string): Omit<HostWish, 'revision'> =>
      cloud({
        networks: [
          {
            ...network!,
            leases: [{ portId: anna.portId, macAddress: mac, ipAddress: ip, hostName: 'x\ny', deviceId: null, projectId: null }],
          },
          ...others,
        ],
      });
    await lab.source.wishes({ ...lent(anna.mac, '10.31.0.90'), ports: [portOf(anna, { ipAddresses: ['10.31.0.90'] }), portOf(bert)] });
    expect([(await lease(anna))['ip'], dhcpProcess()]).toEqual(['10.31.0.90', before]);
    await lab.source.wishes({
      ...lent(newMac, '10.31.0.90'),
      ports: [portOf(anna, { macAddress: newMac, ipAddresses: ['10.31.0.90'] }), portOf(bert)],
    });
    await run('ip', '-n', anna.namespace, 'link', 'set', 'eth0', 'address', newMac);
    expect((await lease(anna))['ip']).toBe('10.31.0.90');
    expect(dhcpProcess()).not.toBe(before);
    await run('ip', '-n', anna.namespace, 'link', 'set', 'eth0', 'address', anna.mac);
    await run('ip', '-n', anna.namespace, 'route', 'replace', '169.254.169.254', 'via', '10.31.0.2');
    await lab.source.wishes(cloud(withRules(rule({ protocol: 'icmp' }))));
  });
});
