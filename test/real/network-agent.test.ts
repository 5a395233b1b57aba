import { execFile } from 'node:child_process';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '../../src/config/index.ts';
import type { HostReport, HostWish, WishedPort, WishedSecurityGroup } from '../../src/contracts/network-agent.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { tableName } from '../../src/services/network-agent/names.ts';
import { removeAll, startNetworkAgent, type NetworkAgent, type WishSource } from '../../src/services/network-agent/index.ts';

/** Real bridges, namespaces, rules and servers on this machine; the guests are namespaces with a veth that is named like a tap. */
const execute = promisify(execFile);
const run = async (...line: readonly string[]): Promise<string> =>
  (await execute(line[0] ?? '', line.slice(1), { timeout: 60_000 })).stdout;
const succeeds = async (...line: readonly string[]): Promise<boolean> => {
  try {
    await run(...line);
    return true;
  } catch {
    return false;
  }
};
const eventually = <T>(what: string, probe: () => Promise<T | null> | T | null): Promise<T> =>
  waitUntil(probe, { clock: systemClock, timeoutMs: 15_000, everyMs: 50, what });

const run16 = randomBytes(2);
const cloudId = `test-${randomBytes(4).toString('hex')}`;
const directory = mkdtempSync(join(tmpdir(), 'network-agent-'));
const otherCloud = { cloudId: `${cloudId}-2`, statePath: join(directory, 'other') };
const external = `198.${18 + (run16[0]! & 1)}.${run16[1]!}`;
const ids = {
  network: randomUUID(),
  external: randomUUID(),
  router: randomUUID(),
  subnet: randomUUID(),
  externalSubnet: randomUUID(),
  dhcp: randomUUID(),
  inner: randomUUID(),
  outer: randomUUID(),
  group: randomUUID(),
  friends: randomUUID(),
};
const short = (id: string): string => id.slice(0, 11);
const randomMac = (): string => `fa:16:3e:${[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;

interface Guest {
  readonly portId: string;
  readonly device: string;
  readonly mac: string;
  readonly address: string;
  readonly namespace: string;
  readonly serverId: string;
  readonly hostName: string;
}
const newGuest = (number: number): Guest => {
  const portId = randomUUID();
  return {
    portId,
    device: `tap${short(portId)}`,
    mac: randomMac(),
    address: `10.31.0.${number}`,
    namespace: `kt-${short(portId)}`,
    serverId: randomUUID(),
    hostName: `guest-${number}`,
  };
};
const anna = newGuest(10);
const bert = newGuest(11);
const stranger = newGuest(12);
const guests = [anna, bert, stranger];

const portOfServer = (server: Server): number => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens nowhere');
  return address.port;
};

const inGuest = (guest: Guest, ...line: readonly string[]): Promise<string> => run('ip', 'netns', 'exec', guest.namespace, ...line);
const guestCan = (guest: Guest, ...line: readonly string[]): Promise<boolean> => succeeds('ip', 'netns', 'exec', guest.namespace, ...line);
const pings = (guest: Guest, address: string): Promise<boolean> => guestCan(guest, 'ping', '-c', '1', '-W', '1', address);

async function boot(guest: Guest, bridge: string): Promise<void> {
  await run('ip', 'netns', 'add', guest.namespace);
  await run('ip', '-n', guest.namespace, 'link', 'set', 'lo', 'up');
  await run('ip', 'link', 'add', guest.device, 'type', 'veth', 'peer', 'name', 'eth0', 'address', guest.mac, 'netns', guest.namespace);
  await run('ip', 'link', 'set', guest.device, 'master', bridge, 'up');
  await run('ip', '-n', guest.namespace, 'link', 'set', 'eth0', 'up');
}

async function lease(guest: Guest): Promise<Record<string, string>> {
  const out = join(directory, `lease-${guest.hostName}`);
  const script = join(directory, 'lease.sh');
  writeFileSync(script, `#!/bin/sh\n[ "$1" = bound ] && env > ${out}.$interface\nexit 0\n`, { mode: 0o755 });
  await inGuest(
    guest,
    'busybox',
    'udhcpc',
    '-i',
    'eth0',
    '-n',
    '-q',
    '-f',
    '-t',
    '10',
    '-T',
    '1',
    '-O',
    'staticroutes',
    '-O',
    'mtu',
    '-O',
    'dns',
    '-s',
    script,
  );
  return Object.fromEntries(
    readFileSync(`${out}.eth0`, 'utf8')
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

const rule = (more: Partial<WishedSecurityGroup['rules'][number]>): WishedSecurityGroup['rules'][number] => ({
  id: randomUUID(),
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: null,
  portRangeMin: null,
  portRangeMax: null,
  remoteIpPrefix: null,
  remoteGroupId: null,
  ...more,
});
const everythingOut = [rule({ direction: 'egress' }), rule({ direction: 'egress', ethertype: 'IPv6' })];

const portOf = (guest: Guest, more: Partial<WishedPort> = {}): WishedPort => ({
  id: guest.portId,
  networkId: ids.network,
  device: guest.device,
  macAddress: guest.mac,
  ipAddresses: [guest.address],
  allowedAddressPairs: [],
  portSecurityEnabled: true,
  securityGroupIds: [ids.group],
  adminStateUp: true,
  ...more,
});

const routerMac = randomMac();
const gatewayMac = randomMac();
const dhcpMac = randomMac();

/** A cloud of one tenant network with a router to an external one. */
const cloud = (more: Partial<HostWish> = {}): Omit<HostWish, 'revision'> => ({
  networks: [
    {
      id: ids.network,
      mtu: 1450,
      external: false,
      segmentationId: 7,
      dhcp: { portId: ids.dhcp, macAddress: dhcpMac, addresses: ['10.31.0.2'] },
      subnets: [
        {
          id: ids.subnet,
          cidr: '10.31.0.0/24',
          gatewayIp: '10.31.0.1',
          dhcpEnabled: true,
          dnsNameservers: ['192.0.2.53'],
          hostRoutes: [{ destination: '192.0.2.0/25', nexthop: '10.31.0.9' }],
        },
      ],
      leases: [anna, bert].map((guest) => ({
        portId: guest.portId,
        macAddress: guest.mac,
        ipAddress: guest.address,
        hostName: guest.hostName,
        deviceId: guest.serverId,
        projectId: 'b0b',
      })),
    },
    {
      id: ids.external,
      mtu: 1500,
      external: true,
      segmentationId: null,
      dhcp: null,
      subnets: [
        {
          id: ids.externalSubnet,
          cidr: `${external}.0/24`,
          gatewayIp: `${external}.1`,
          dhcpEnabled: false,
          dnsNameservers: [],
          hostRoutes: [],
        },
      ],
      leases: [],
    },
  ],
  ports: [portOf(anna), portOf(bert)],
  routers: [
    {
      id: ids.router,
      interfaces: [{ portId: ids.inner, networkId: ids.network, macAddress: routerMac, addresses: ['10.31.0.1/24'] }],
      gateway: {
        portId: ids.outer,
        networkId: ids.external,
        macAddress: gatewayMac,
        addresses: [`${external}.5/24`],
        nextHop: `${external}.1`,
        snat: true,
      },
      routes: [],
      floatingIps: [],
    },
  ],
  securityGroups: [{ id: ids.group, memberAddresses: [anna.address, bert.address], rules: everythingOut }],
  ...more,
});
const withRules = (...rules: readonly WishedSecurityGroup['rules'][number][]): Partial<HostWish> => ({
  securityGroups: [{ id: ids.group, memberAddresses: [anna.address, bert.address], rules: [...everythingOut, ...rules] }],
});
const pingFromGroup = rule({ protocol: 'icmp', remoteGroupId: ids.group });

/** Wishes are given by the test, reports are kept for it. */
class TestSource implements WishSource {
  reports: HostReport[] = [];
  private wish: HostWish | null = null;
  private changed = Promise.withResolvers<void>();

  async next(after: number, signal: AbortSignal): Promise<HostWish> {
    for (;;) {
      if (this.wish !== null && this.wish.revision !== after) return this.wish;
      const aborted = new Promise<never>((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true }),
      );
      await Promise.race([this.changed.promise, aborted]);
    }
  }

  async report(report: HostReport): Promise<void> {
    this.reports.push(report);
  }

  async close(): Promise<void> {}

  /** Wishes and waits until the host reports that it agrees. */
  async wishes(content: Omit<HostWish, 'revision'>): Promise<HostReport> {
    const revision = (this.wish?.revision ?? 0) + 1;
    this.wish = { revision, ...content };
    const waiting = this.changed;
    this.changed = Promise.withResolvers<void>();
    waiting.resolve();
    return await eventually('the report', () => this.reports.find((report) => report.revision === revision) ?? null);
  }
}

describe('the network agent on a real host', () => {
  const source = new TestSource();
  const asked: { url: string; headers: IncomingHttpHeaders }[] = [];
  let metadata: Server;
  let agent: NetworkAgent;
  let beside: NetworkAgent | null = null;
  let start: (from: WishSource) => Promise<NetworkAgent>;
  const namespaceOf = { dhcp: `qdhcp-${ids.network}`, router: `qrouter-${ids.router}` };
  const processes = (): string[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(ids.network);
        } catch {
          return false;
        }
      });

  const dhcpProcess = (): string | undefined => processes().find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('dnsmasq'));

  beforeAll(async () => {
    metadata = createServer((request, response) => {
      asked.push({ url: request.url ?? '', headers: request.headers });
      response.end('told\n');
    });
    await new Promise<void>((resolve) => metadata.listen(0, '127.0.0.1', resolve));
    const { settings } = readSettings(
      `[DEFAULT]\nstate_path=${directory}\nmetadata_listen_port=${portOfServer(metadata)}\n[neutron]\nmetadata_proxy_shared_secret=hush\n[kilonova]\ncloud_id=${cloudId}\n`,
    );
    start = (from) =>
      startNetworkAgent({
        settings,
        clock: systemClock,
        log: silentLog,
        source: from,
      });
    agent = await start(source);
  });

  afterAll(async () => {
    await agent.stop();
    await beside?.stop();
    for (const guest of guests) if (existsSync(`/run/netns/${guest.namespace}`)) await run('ip', 'netns', 'delete', guest.namespace);
    for (const guest of guests) await succeeds('ip', 'link', 'delete', guest.device);
    await removeAll({ cloudId, statePath: directory });
    await removeAll(otherCloud);
    await new Promise((resolve) => metadata.close(resolve));
    rmSync(directory, { recursive: true });
  });

  it('has no problem with a network, a router and the rules of ports that have no device yet', async () => {
    const bridge = `brq${short(ids.network)}`;
    await run('ip', 'link', 'add', 'name', bridge, 'type', 'bridge'); // as compute does when it is faster
    expect(await source.wishes(cloud())).toMatchObject({ wiredPortIds: [], problems: [] });
    expect(readFileSync(`/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`, 'utf8')).toBe('1\n');
  });

  it('tells that a port is wired soon after its device appeared', async () => {
    await boot(anna, `brq${short(ids.network)}`);
    await boot(bert, `brq${short(ids.network)}`);
    await eventually('both ports wired', () => (source.reports.at(-1)?.wiredPortIds.length === 2 ? true : null));
    expect(source.reports.at(-1)).toMatchObject({ wiredPortIds: [anna.portId, bert.portId], problems: [] });
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
    for (const guest of [anna, bert]) {
      await run('ip', '-n', guest.namespace, 'address', 'add', `${guest.address}/24`, 'dev', 'eth0');
      await run('ip', '-n', guest.namespace, 'route', 'add', '169.254.169.254', 'via', '10.31.0.2');
      await run('ip', '-n', guest.namespace, 'route', 'add', 'default', 'via', '10.31.0.1');
    }
  });

  it('lets nothing in until a rule does, and ends it when the rule goes', async () => {
    expect(await pings(anna, bert.address)).toBe(false);
    await source.wishes(cloud(withRules(pingFromGroup)));
    expect(await pings(anna, bert.address)).toBe(true);
    const pinging = execute('ip', ['netns', 'exec', anna.namespace, 'ping', '-i', '0.1', '-w', '10', bert.address]);
    const connections = async (): Promise<number> =>
      (await run('conntrack', '-L', '-s', anna.address, '-d', bert.address, '-p', 'icmp')).split('\n').filter((line) => line !== '').length;
    await eventually('a connection', async () => ((await connections()) > 0 ? true : null));
    await source.wishes(cloud());
    expect([await pings(anna, bert.address), await connections()]).toEqual([false, 0]);
    pinging.child.kill();
    await pinging.catch(() => undefined);
  });

  it('follows connections: answers pass without a rule', async () => {
    await source.wishes(
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
    await source.wishes(cloud(withRules(rule({ protocol: 'icmp' }))));
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
    await source.wishes(
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
    await source.wishes(cloud({ ...rules, ports: [portOf(anna, { portSecurityEnabled: false, securityGroupIds: [] }), portOf(bert)] }));
    expect(await speaks()).toBe(true);
    await source.wishes(cloud({ ...rules, ports: [portOf(anna, { adminStateUp: false }), portOf(bert)] }));
    expect(await pings(anna, bert.address)).toBe(false);
    await run('ip', '-n', anna.namespace, 'address', 'delete', '10.31.0.77/24', 'dev', 'eth0');
    await source.wishes(cloud(rules));
    expect(await pings(anna, bert.address)).toBe(true);
  });

  it('gives a device that nobody announced no way, not even to the guests beside it', async () => {
    await source.wishes(cloud(withRules(rule({}))));
    await boot(stranger, `brq${short(ids.network)}`);
    await run('ip', '-n', stranger.namespace, 'address', 'add', `${stranger.address}/24`, 'dev', 'eth0');
    expect([await pings(stranger, bert.address), await pings(bert, stranger.address), await pings(stranger, '10.31.0.1')]).toEqual([
      false,
      false,
      false,
    ]);
    await agent.runNow();
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
    expect(asked.at(-1)).toMatchObject({
      url: '/openstack/latest/meta_data.json',
      headers: {
        'x-instance-id': anna.serverId,
        'x-tenant-id': 'b0b',
        'x-forwarded-for': anna.address,
        'x-instance-id-signature': createHmac('sha256', 'hush').update(anna.serverId).digest('hex'),
      },
    });
    expect(asked.at(-1)?.headers['x-kilonova-network-id']).toBe(undefined);
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
    await source.wishes(
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
    await source.wishes(
      cloud({
        ...rules,
        routers: [{ ...router, floatingIps: [{ id: randomUUID(), floatingIpAddress: `${external}.50`, fixedIpAddress: bert.address }] }],
      }),
    );
    await call(bert);
    expect(callers.at(-1)).toBe(`${external}.50`);
    await source.wishes(cloud(rules));
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
    await source.wishes({ ...lent(anna.mac, '10.31.0.90'), ports: [portOf(anna, { ipAddresses: ['10.31.0.90'] }), portOf(bert)] });
    expect([(await lease(anna))['ip'], dhcpProcess()]).toEqual(['10.31.0.90', before]);
    await source.wishes({
      ...lent(newMac, '10.31.0.90'),
      ports: [portOf(anna, { macAddress: newMac, ipAddresses: ['10.31.0.90'] }), portOf(bert)],
    });
    await run('ip', '-n', anna.namespace, 'link', 'set', 'eth0', 'address', newMac);
    expect((await lease(anna))['ip']).toBe('10.31.0.90');
    expect(dhcpProcess()).not.toBe(before);
    await run('ip', '-n', anna.namespace, 'link', 'set', 'eth0', 'address', anna.mac);
    await run('ip', '-n', anna.namespace, 'route', 'replace', '169.254.169.254', 'via', '10.31.0.2');
    await source.wishes(cloud(withRules(rule({ protocol: 'icmp' }))));
  });

  it('finds everything again after a restart and bounces nothing', async () => {
    const before = { processes: processes(), links: await run('ip', '-o', 'link', 'show', 'dev', `brq${short(ids.network)}`) };
    const pinging = execute('ip', ['netns', 'exec', anna.namespace, 'ping', '-i', '0.1', '-c', '20', '-W', '1', bert.address]);
    await agent.stop();
    const again = new TestSource();
    agent = await start(again);
    await agent.runNow();
    expect(agent.status().report).toMatchObject({ wiredPortIds: [anna.portId, bert.portId], problems: [] }); // by the wish it remembers
    expect({ processes: processes(), links: await run('ip', '-o', 'link', 'show', 'dev', `brq${short(ids.network)}`) }).toEqual(before);
    expect((await pinging).stdout).toContain(' 0% packet loss');
    await agent.stop();
    agent = await start(source);
    await agent.runNow();
  });

  it('mends what was broken behind its back', async () => {
    for (const pid of processes()) process.kill(Number(pid), 'SIGKILL');
    await run('ip', 'netns', 'delete', namespaceOf.router);
    await run('ip', '-n', namespaceOf.dhcp, 'address', 'flush', 'dev', `ns-${short(ids.dhcp)}`);
    await run('ip', 'link', 'set', `brq${short(ids.network)}`, 'down', 'mtu', '1400');
    await run('ip', 'link', 'set', anna.device, 'nomaster');
    await run('nft', 'delete', 'table', 'bridge', tableName(cloudId));
    await eventually('an agreeing host', async () => {
      await agent.runNow();
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
    const report = await source.wishes({ ...wish, ports: [...wish.ports, portOf(stranger, { macAddress: 'fa:16:3e:00:00:01"; accept' })] });
    expect(report.problems.map(({ resource }) => resource)).toEqual(['port', 'security group rule', 'security group rule']);
    expect([report.wiredPortIds, await pings(anna, bert.address)]).toEqual([[anna.portId, bert.portId], true]);
  });

  it('takes everything away that is wished no more, but leaves a bridge to the guests that are still on it', async () => {
    const nothing = { networks: [], ports: [], routers: [], securityGroups: [] };
    await source.wishes(nothing);
    expect([
      existsSync(`/run/netns/${namespaceOf.dhcp}`),
      existsSync(`/run/netns/${namespaceOf.router}`),
      processes(),
      await pings(anna, bert.address),
      await succeeds('ip', 'link', 'show', `brq${short(ids.network)}`),
    ]).toEqual([false, false, [], false, true]);
    for (const guest of [anna, bert]) await run('ip', 'link', 'delete', guest.device);
    await source.wishes(nothing);
    const left = await run('ip', '-o', 'link', 'show');
    expect([ids.network, ids.external, ids.dhcp, ids.inner, ids.outer].filter((id) => left.includes(short(id)))).toEqual([]);
    expect(await run('nft', 'list', 'tables')).not.toContain(tableName(cloudId));
    await agent.stop({ removeDataPlane: true });
    expect([
      existsSync(`/run/kilonova-network/${cloudId}`),
      readdirSync('/run/kilonova-network').filter((name) => name.startsWith(cloudId.replaceAll('-', '_'))),
    ]).toEqual([false, []]);
  });
});
