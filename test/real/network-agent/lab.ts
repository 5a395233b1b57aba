import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readSettings } from '../../../src/config/index.ts';
import type { HostReport, HostWish, WishedPort, WishedSecurityGroup } from '../../../src/contracts/network-agent.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { waitUntil } from '../../../src/lib/retry.ts';
import { removeAll, startNetworkAgent, type NetworkAgent, type WishSource } from '../../../src/services/network-agent/index.ts';

/** Real bridges, namespaces, rules and servers on this machine; the guests are namespaces with a veth that is named like a tap. */
export const execute = promisify(execFile);
export const run = async (...line: readonly string[]): Promise<string> =>
  (await execute(line[0] ?? '', line.slice(1), { timeout: 60_000 })).stdout;
export const succeeds = async (...line: readonly string[]): Promise<boolean> => {
  try {
    await run(...line);
    return true;
  } catch {
    return false;
  }
};
export const eventually = <T>(what: string, probe: () => Promise<T | null> | T | null): Promise<T> =>
  waitUntil(probe, { clock: systemClock, timeoutMs: 15_000, everyMs: 50, what });

const run16 = randomBytes(2);
export const cloudId = `test-${randomBytes(4).toString('hex')}`;
const directory = mkdtempSync(join(tmpdir(), 'network-agent-'));
export const otherCloud = { cloudId: `${cloudId}-2`, statePath: join(directory, 'other') };
export const external = `198.${18 + (run16[0]! & 1)}.${run16[1]!}`;
export const ids = {
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
export const short = (id: string): string => id.slice(0, 11);
export const randomMac = (): string => `fa:16:3e:${[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;

export interface Guest {
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
export const anna = newGuest(10);
export const bert = newGuest(11);
export const stranger = newGuest(12);
export const guests = [anna, bert, stranger];

export const portOfServer = (server: Server): number => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens nowhere');
  return address.port;
};

export const inGuest = (guest: Guest, ...line: readonly string[]): Promise<string> => run('ip', 'netns', 'exec', guest.namespace, ...line);
export const guestCan = (guest: Guest, ...line: readonly string[]): Promise<boolean> =>
  succeeds('ip', 'netns', 'exec', guest.namespace, ...line);
export const pings = (guest: Guest, address: string): Promise<boolean> => guestCan(guest, 'ping', '-c', '1', '-W', '1', address);

export async function boot(guest: Guest, bridge: string): Promise<void> {
  await run('ip', 'netns', 'add', guest.namespace);
  await run('ip', '-n', guest.namespace, 'link', 'set', 'lo', 'up');
  await run('ip', 'link', 'add', guest.device, 'type', 'veth', 'peer', 'name', 'eth0', 'address', guest.mac, 'netns', guest.namespace);
  await run('ip', 'link', 'set', guest.device, 'master', bridge, 'up');
  await run('ip', '-n', guest.namespace, 'link', 'set', 'eth0', 'up');
}

export async function lease(guest: Guest): Promise<Record<string, string>> {
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

export const rule = (more: Partial<WishedSecurityGroup['rules'][number]>): WishedSecurityGroup['rules'][number] => ({
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

export const portOf = (guest: Guest, more: Partial<WishedPort> = {}): WishedPort => ({
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

export const routerMac = randomMac();
const gatewayMac = randomMac();
export const dhcpMac = randomMac();

/** A cloud of one tenant network with a router to an external one. */
export const cloud = (more: Partial<HostWish> = {}): Omit<HostWish, 'revision'> => ({
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
export const withRules = (...rules: readonly WishedSecurityGroup['rules'][number][]): Partial<HostWish> => ({
  securityGroups: [{ id: ids.group, memberAddresses: [anna.address, bert.address], rules: [...everythingOut, ...rules] }],
});
export const pingFromGroup = rule({ protocol: 'icmp', remoteGroupId: ids.group });

/** Wishes are given by the test, reports are kept for it. */
export class TestSource implements WishSource {
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

export const namespaceOf = { dhcp: `qdhcp-${ids.network}`, router: `qrouter-${ids.router}` };
export const processes = (): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(ids.network);
      } catch {
        return false; // it ended between being listed and being read
      }
    });

/** A network agent, what it is told, and a metadata service that it forwards to. */
export interface Lab extends AsyncDisposable {
  readonly source: TestSource;
  /** What the metadata service was asked. */
  readonly asked: readonly { readonly url: string; readonly headers: IncomingHttpHeaders }[];
  agent: NetworkAgent;
  start(from: WishSource): Promise<NetworkAgent>;
}

export async function startLab(): Promise<Lab> {
  const source = new TestSource();
  const asked: { url: string; headers: IncomingHttpHeaders }[] = [];
  const metadata = createServer((request, response) => {
    asked.push({ url: request.url ?? '', headers: request.headers });
    response.end('told\n');
  });
  await new Promise<void>((resolve) => metadata.listen(0, '127.0.0.1', resolve));
  const { settings } = readSettings(
    `[DEFAULT]\nstate_path=${directory}\nmetadata_listen_port=${portOfServer(metadata)}\n[neutron]\nmetadata_proxy_shared_secret=hush\n[kilonova]\ncloud_id=${cloudId}\n`,
  );
  const start = (from: WishSource) => startNetworkAgent({ settings, clock: systemClock, log: silentLog, source: from });
  const lab: Lab = {
    source,
    asked,
    agent: await start(source),
    start,
    async [Symbol.asyncDispose]() {
      await lab.agent.stop();
      for (const guest of guests) if (existsSync(`/run/netns/${guest.namespace}`)) await run('ip', 'netns', 'delete', guest.namespace);
      for (const guest of guests) await succeeds('ip', 'link', 'delete', guest.device);
      await removeAll({ cloudId, statePath: directory });
      await removeAll(otherCloud);
      await new Promise((resolve) => metadata.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
  return lab;
}

/** Boots both guests, as soon as their network is there. */
export async function bootGuests({ source }: Lab): Promise<void> {
  await boot(anna, `brq${short(ids.network)}`);
  await boot(bert, `brq${short(ids.network)}`);
  await eventually('both ports wired', () => (source.reports.at(-1)?.wiredPortIds.length === 2 ? true : null));
}

/** Gives both guests their addresses and routes, as their leases say. */
export async function configureGuests(): Promise<void> {
  for (const guest of [anna, bert]) {
    await run('ip', '-n', guest.namespace, 'address', 'add', `${guest.address}/24`, 'dev', 'eth0');
    await run('ip', '-n', guest.namespace, 'route', 'add', '169.254.169.254', 'via', '10.31.0.2');
    await run('ip', '-n', guest.namespace, 'route', 'add', 'default', 'via', '10.31.0.1');
  }
}
