import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/lib/clock.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { environmentOf, kilonova, outcomeOf, type Outcome } from './kilonova.ts';

/** A cloud of real guests on this machine, used by Debian's `openstack` client and by ssh. */
export interface RealCloud {
  readonly state: string;
  /** What the client prints; words are parted by blanks. Throws with its complaint when it fails. */
  openstack(line: string): Promise<string>;
  // oxlint-disable-next-line typescript/no-explicit-any -- what the client prints is judged by the tests
  json(line: string): Promise<any>;
  eventually<T>(what: string, probe: () => Promise<T | null>, seconds?: number): Promise<T>;
  /** What a script prints in a guest, as soon as the guest lets one in. */
  inside(address: string, script: string): Promise<string>;
  status(server: string, wanted: string): Promise<true>;
  stop(): Promise<void>;
}

const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'ConnectTimeout=5', 'LogLevel=ERROR', 'BatchMode=yes'];

/** Starts one with a flavor `small`, a key `mine`, a network `inside` that has a way out, and a security group `web` that lets ssh in. */
export async function startRealCloud(name: string, subnet: string): Promise<RealCloud> {
  const state = await mkdtemp(join(tmpdir(), `kilonova-${name}-`));
  const { code, error } = await kilonova('up', '--detach', '--state', state, '--driver', 'libvirt', '--port-base', '0');
  if (code !== 0) throw new Error(`kilonova up ended with ${code}: ${error}`);
  const environment = environmentOf(await readFile(join(state, 'openrc'), 'utf8'));
  const openstack = async (line: string): Promise<string> => {
    const ended = await outcomeOf('openstack', line.split(' '), environment);
    if (ended.code !== 0) throw new Error(`openstack ${line}: ${ended.error || ended.out}`);
    return ended.out.trim();
  };
  const eventually: RealCloud['eventually'] = (what, probe, seconds = 300) =>
    waitUntil(probe, { clock: systemClock, timeoutMs: seconds * 1000, everyMs: 1000, what });
  const ssh = (to: string, script: string): Promise<Outcome> =>
    outcomeOf('ssh', ['-i', join(state, 'key'), ...options.flatMap((option) => ['-o', option]), `root@${to}`, script]);
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(state, 'key')]);
  for (const line of [
    `keypair create --public-key ${join(state, 'key.pub')} mine`,
    'flavor create --vcpus 1 --ram 256 --disk 1 small',
    'network create inside',
    `subnet create --network inside --subnet-range ${subnet} inside-4`,
    'router create edge',
    'router set --external-gateway public edge',
    'router add subnet edge inside-4',
    'security group create web',
    'security group rule create --protocol tcp --dst-port 22 web',
  ])
    await openstack(line);
  return {
    state,
    openstack,
    json: async (line) => JSON.parse(await openstack(`${line} -f json`)) as unknown,
    eventually,
    inside: (to, script) =>
      eventually(`ssh to ${to}`, async () => {
        const ended = await ssh(to, script);
        return ended.code === 255 ? null : ended.out.trim();
      }),
    status: (server, wanted) =>
      eventually(wanted, async () => {
        const shown = await openstack(`server show ${server} -f value -c status`);
        if (shown === 'ERROR' && wanted !== 'ERROR')
          throw new Error(`the server is in ERROR: ${await openstack(`server show ${server} -c fault`)}`);
        return shown === wanted ? true : null;
      }),
    async stop() {
      await kilonova('reset', '--state', state);
      await rm(state, { recursive: true, force: true });
    },
  };
}
