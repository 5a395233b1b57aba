import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { systemClock } from '../../src/lib/clock.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { openHttpSession, type HttpSession } from './http-session.ts';
import { environmentOf, kilonova, outcomeOf, type Outcome } from './kilonova.ts';

/** A server that lets one in by ssh. */
export interface RealServer {
  readonly id: string;
  readonly address: string;
}

/** A cloud of real guests on this machine, used by Debian's `openstack` client and by ssh. */
export interface RealCloud {
  readonly state: string;
  /** What an openrc file exports. */
  environment(): NodeJS.ProcessEnv;
  /** What the client prints for a line as its user types it, blanks in "quotes". Throws with its complaint when it fails. */
  openstack(line: string, environment?: NodeJS.ProcessEnv): Promise<string>;
  // oxlint-disable-next-line typescript/no-explicit-any -- what the client prints is judged by the tests
  json(line: string, environment?: NodeJS.ProcessEnv): Promise<any>;
  /** The complaint of a command that must fail. */
  refusal(line: string, environment?: NodeJS.ProcessEnv): Promise<string>;
  /** Many commands in one client, which is quicker than one for each. Throws when one complains. */
  lines(lines: readonly string[]): Promise<void>;
  /** An action of a server that the client has no command for. */
  act(serverId: string, action: object, microversion?: string): Promise<{ readonly status: number; readonly text: string }>;
  eventually<T>(what: string, probe: () => Promise<T | null>, seconds?: number): Promise<T>;
  /** Makes a server with the key, on the network and in the group of this cloud, and gives it a floating IP. */
  boot(name: string, more?: string): Promise<RealServer>;
  /** What a script prints in a guest, as soon as the guest lets one in. */
  inside(address: string, script: string): Promise<string>;
  status(server: string, wanted: string): Promise<true>;
  /** The console log, as soon as it says this. */
  console(server: string, says: RegExp): Promise<string>;
  /** What libvirt knows of a guest; null when there is none. */
  domain(serverId: string): Promise<string | null>;
  /** Ends Kilonova, adds settings, and starts it again; guests go on meanwhile. */
  restart(settings: string): Promise<void>;
  stop(): Promise<void>;
}

const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'ConnectTimeout=5', 'LogLevel=ERROR', 'BatchMode=yes'];
const words = (line: string): string[] => (line.match(/(?:"[^"]*"|\S)+/g) ?? []).map((word) => word.replaceAll('"', ''));

/** What `startRealCloud` makes: a flavor `small`, a key `mine`, a network `inside` that has a way out, and a security group `web` that lets ssh in. */
const furniture = (state: string, subnet: string): readonly string[] => [
  `keypair create --public-key ${join(state, 'key.pub')} mine`,
  'flavor create --vcpus 1 --ram 256 --disk 1 small',
  'network create inside',
  `subnet create --network inside --subnet-range ${subnet} inside-4`,
  'router create edge',
  'router set --external-gateway public edge',
  'router add subnet edge inside-4',
  'security group create web',
  'security group rule create --protocol tcp --dst-port 22 web',
];

/** Starts a cloud; with a subnet it is furnished. Settings are lines of `nova.conf`. */
export async function startRealCloud(name: string, subnet: string | null, settings = ''): Promise<RealCloud> {
  const state = await mkdtemp(join(tmpdir(), `kilonova-${name}-`));
  let environment: NodeJS.ProcessEnv = {};
  let session: HttpSession;
  const up = async (): Promise<void> => {
    const { code, error } = await kilonova('up', '--detach', '--state', state, '--driver', 'libvirt', '--port-base', '0');
    if (code !== 0) throw new Error(`kilonova up ended with ${code}: ${error}`);
    environment = environmentOf(await readFile(join(state, 'openrc'), 'utf8'));
    session = await openHttpSession(environment);
  };
  // oxlint-disable-next-line typescript/no-explicit-any -- what services answer is judged by the tests
  const get = async (service: string, path: string): Promise<any> => (await session.ask(service, 'GET', path)).json;
  /** By name, or by id, which also finds one that was deleted for a time. */
  const find = async (server: string): Promise<{ readonly id: string; readonly status: string; readonly fault?: object } | null> => {
    const { servers } = await get('compute', `/servers/detail?all_tenants=true&name=^${server}$`);
    return servers[0] ?? (await get('compute', `/servers/${server}`)).server ?? null;
  };
  const client = (line: string, env: NodeJS.ProcessEnv): Promise<Outcome> => outcomeOf('openstack', words(line), env);
  const ssh = (to: string, script: string): Promise<Outcome> =>
    outcomeOf('ssh', ['-i', join(state, 'key'), ...options.flatMap((option) => ['-o', option]), `root@${to}`, script]);

  const cloud: RealCloud = {
    state,
    environment: () => environment,
    async openstack(line, env = environment) {
      const ended = await client(line, env);
      if (ended.code !== 0) throw new Error(`openstack ${line}: ${ended.error || ended.out}`);
      return ended.out.trim();
    },
    json: async (line, env) => JSON.parse(await cloud.openstack(`${line} -f json`, env)) as unknown,
    async refusal(line, env = environment) {
      const ended = await client(line, env);
      if (ended.code === 0) throw new Error(`openstack ${line} succeeded: ${ended.out}`);
      return `${ended.error}${ended.out}`;
    },
    async lines(lines) {
      const child = spawn('openstack', [], { env: environment, stdio: ['pipe', 'ignore', 'pipe'] });
      child.stdin.end(`${lines.join('\n')}\n`);
      const [complaints] = await Promise.all([text(child.stderr), once(child, 'close')]);
      if (complaints !== '') throw new Error(`openstack complains of one of\n${lines.join('\n')}\n${complaints}`);
    },
    async act(serverId, action, microversion) {
      const { status, text } = await session.ask('compute', 'POST', `/servers/${serverId}/action`, action, microversion);
      return { status, text };
    },
    eventually: (what, probe, seconds = 480) => waitUntil(probe, { clock: systemClock, timeoutMs: seconds * 1000, everyMs: 500, what }),
    async boot(server, more = '--image tiny') {
      const usual = [
        more.includes('--flavor ') ? '' : '--flavor small',
        more.includes('--nic ') ? '' : '--network inside',
        '--key-name mine --security-group web --wait',
      ].join(' ');
      const { id } = await cloud.json(`server create ${more} ${usual} ${server}`, { ...environment, OS_COMPUTE_API_VERSION: '2.92' });
      const [{ ports }, { networks }] = await Promise.all([
        get('network', `/v2.0/ports?device_id=${id}`),
        get('network', '/v2.0/networks?name=public'),
      ]);
      const wanted = { floating_network_id: networks[0].id, port_id: ports[0].id };
      const { json } = await session.ask('network', 'POST', '/v2.0/floatingips', { floatingip: wanted });
      return { id, address: json.floatingip.floating_ip_address };
    },
    inside: (to, script) =>
      cloud.eventually(`ssh to ${to}`, async () => {
        const ended = await ssh(to, script);
        return ended.code === 255 ? null : ended.out.trim();
      }),
    status: (server, wanted) =>
      cloud.eventually(`${server} ${wanted}`, async () => {
        const found = await find(server);
        if (found?.status === 'ERROR' && wanted !== 'ERROR') throw new Error(`the server is in ERROR: ${JSON.stringify(found.fault)}`);
        return found?.status === wanted ? true : null;
      }),
    console: (server, says) =>
      cloud.eventually(`${server} saying ${String(says)}`, async () => {
        const found = await find(server);
        if (found === null) return null;
        const { json } = await session.ask('compute', 'POST', `/servers/${found.id}/action`, { 'os-getConsoleOutput': {} });
        return says.test(json.output) ? json.output : null;
      }),
    async domain(serverId) {
      const { code, out } = await outcomeOf('virsh', ['-c', 'qemu:///system', 'dumpxml', serverId]);
      return code === 0 ? out : null;
    },
    async restart(more) {
      await kilonova('down', '--state', state);
      await appendFile(join(state, 'nova.conf'), `\n${more}\n`);
      await up();
    },
    async stop() {
      await kilonova('reset', '--state', state);
      await rm(state, { recursive: true, force: true });
    },
  };
  await up();
  if (settings !== '') await cloud.restart(settings);
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(state, 'key')]);
  if (subnet !== null) await cloud.lines(furniture(state, subnet));
  return cloud;
}
