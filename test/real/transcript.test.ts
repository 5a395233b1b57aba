import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { environmentOf, kilonova, outcomeOf, type Outcome } from '../support/kilonova.ts';

/**
 * What a user does with Debian's unmodified `openstack` client against `./kilonova up`, from a token to ssh and back: real libvirt, real QEMU, real
 * bridges. The tests are one story: each goes on from where the one before has ended.
 */
const run = promisify(execFile);
let state: string;
let environment: NodeJS.ProcessEnv;

/** `openstack …`, as its user types it; answers what it printed, and throws what it complained of. */
async function openstack(line: string, env = environment): Promise<string> {
  const { code, out, error } = await outcomeOf('openstack', words(line), env);
  if (code !== 0) throw new Error(`openstack ${line}: ${error || out}`);
  return out.trim();
}
// oxlint-disable-next-line typescript/no-explicit-any -- what the client prints is judged by the tests
const openstackJson = async (line: string, env = environment): Promise<any> => JSON.parse(await openstack(`${line} -f json`, env));

/** The complaint of a command that must fail. */
async function refusal(line: string, env = environment): Promise<string> {
  const { code, out, error } = await outcomeOf('openstack', words(line), env);
  if (code === 0) throw new Error(`openstack ${line} succeeded: ${out}`);
  return `${error}${out}`;
}

const words = (line: string): string[] => (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''));

const eventually = <T>(what: string, probe: () => Promise<T | null>, seconds = 240): Promise<T> =>
  waitUntil(probe, { clock: systemClock, timeoutMs: seconds * 1000, everyMs: 500, what });

const ssh = (address: string, script: string): Promise<Outcome> =>
  outcomeOf('ssh', [
    '-i',
    join(state, 'key'),
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'ConnectTimeout=5',
    '-o',
    'LogLevel=ERROR',
    '-o',
    'BatchMode=yes',
    `root@${address}`,
    script,
  ]);
const pings = async (address: string): Promise<boolean> => (await outcomeOf('ping', ['-c', '1', '-W', '1', address])).code === 0;

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'kilonova-transcript-'));
  const { code, error } = await kilonova('up', '--detach', '--state', state, '--driver', 'libvirt', '--port-base', '0');
  if (code !== 0) throw new Error(`kilonova up ended with ${code}: ${error}`);
  environment = environmentOf(await readFile(join(state, 'openrc'), 'utf8'));
});

afterAll(async () => {
  await kilonova('reset', '--state', state);
  await rm(state, { recursive: true, force: true });
});

describe('before the first server', () => {
  test('a token, and the catalog', async () => {
    expect(await openstackJson('token issue')).toMatchObject({
      id: expect.stringMatching(/^.{32,}$/),
      project_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    const catalog = (await openstackJson('catalog list')) as { Type: string }[];
    expect(catalog.map(({ Type }) => Type).toSorted()).toEqual([
      'block-storage',
      'compute',
      'identity',
      'image',
      'network',
      'placement',
      'volumev3',
    ]);
  });

  test('an image from a file', async () => {
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', join(state, 'empty.qcow2'), '64M']);
    const image = await openstackJson(
      `image create --disk-format qcow2 --container-format bare --file ${join(state, 'empty.qcow2')} --property hw_disk_bus=virtio from-file`,
    );
    expect(image).toMatchObject({ name: 'from-file' });
    expect(await openstackJson('image show from-file')).toMatchObject({
      status: 'active',
      disk_format: 'qcow2',
      checksum: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  test('a flavor, a key pair, a network with a router, a security group', async () => {
    expect(await openstackJson('flavor create --vcpus 1 --ram 256 --disk 1 small')).toMatchObject({ name: 'small', vcpus: 1, ram: 256 });
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(state, 'key')]);
    expect(await openstackJson(`keypair create --public-key ${join(state, 'key.pub')} mine`)).toMatchObject({
      name: 'mine',
      fingerprint: expect.stringMatching(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/),
    });
    await openstack('network create inside');
    expect(
      await openstackJson('subnet create --network inside --subnet-range 10.77.0.0/24 --dns-nameserver 10.77.0.2 inside-4'),
    ).toMatchObject({ cidr: '10.77.0.0/24', gateway_ip: '10.77.0.1' });
    await openstack('router create edge');
    await openstack('router set --external-gateway public edge');
    await openstack('router add subnet edge inside-4');
    await openstack('security group create web');
    expect(await openstackJson('compute service list')).toEqual(
      expect.arrayContaining([expect.objectContaining({ Binary: 'nova-compute', State: 'up', Status: 'enabled' })]),
    );
    const [hypervisor] = await openstackJson('hypervisor list');
    expect(await openstackJson(`hypervisor show ${hypervisor['Hypervisor Hostname']}`)).toMatchObject({ hypervisor_type: 'QEMU' });
  });
});

describe('servers', () => {
  let address: string;
  let serverId: string;

  test('one boots, with its key, its user data and its address', async () => {
    await writeFile(join(state, 'user-data'), '#!/bin/sh\necho "user data of $(hostname) ran"\n');
    const server = await openstackJson(
      `server create --image tiny --flavor small --key-name mine --network inside --security-group web --user-data ${join(state, 'user-data')} --wait first`,
    );
    expect(server).toMatchObject({ status: 'ACTIVE', name: 'first' });
    serverId = server.id;
    const log = await eventually('The login prompt', async () => {
      const text = await openstack('console log show first');
      return /login:\s*$/.test(text) ? text : null;
    });
    expect(log).toMatch(/user data of first\S* ran/);
    expect(log).toMatch(/KILONOVA metadata=http /);
    expect(log).toMatch(/KILONOVA dhcp=10\.77\.0\.\d+\/24/);
  });

  test('it is reached by its floating IP once its security group says so, and not before', async () => {
    const floating = await openstackJson('floating ip create public');
    address = floating.floating_ip_address;
    await openstack(`server add floating ip first ${address}`);
    await eventually('The silence of a server that lets nobody in', async () => ((await pings(address)) ? null : true), 30);
    await openstack('security group rule create --protocol icmp web');
    await openstack('security group rule create --protocol tcp --dst-port 22 web');
    await eventually('An answer to ping', async () => ((await pings(address)) ? true : null), 60);
    const seen = await eventually(
      'ssh',
      async () => {
        const { code, out } = await ssh(address, 'hostname; grep -c ^processor /proc/cpuinfo');
        return code === 0 ? out : null;
      },
      60,
    );
    expect(seen).toMatch(/^first\S*\n1\n$/);
  });

  test('a second one gets the same from a config drive, and reaches the first by its private address', async () => {
    await openstack(
      `server create --image tiny --flavor small --key-name mine --network inside --security-group web --user-data ${join(state, 'user-data')} --config-drive True --wait second`,
    );
    const log = await eventually('The login prompt of the second', async () => {
      const text = await openstack('console log show second');
      return /login:\s*$/.test(text) ? text : null;
    });
    expect(log).toMatch(/KILONOVA metadata=config-drive /);
    expect(log).toMatch(/user data of second\S* ran/);
    const { addresses } = await openstackJson('server show second');
    const [inside] = addresses.inside as string[];
    const { out } = await ssh(address, `ping -c 3 -W 5 ${inside}`);
    expect(out).toMatch(/3 packets transmitted, 3 packets received/);
  });

  test('stop, start, reboot soft and hard', async () => {
    const status = async (wanted: string) =>
      eventually(wanted, async () => ((await openstack('server show first -f value -c status')) === wanted ? true : null));
    await openstack('server stop first');
    await status('SHUTOFF');
    expect(await pings(address)).toBe(false);
    await openstack('server start first');
    await status('ACTIVE');
    await eventually('ping after the start', async () => ((await pings(address)) ? true : null));
    await openstack('server reboot --soft --wait first');
    await eventually('ping after the soft reboot', async () => ((await pings(address)) ? true : null));
    await openstack('server reboot --hard --wait first');
    await eventually('ping after the hard reboot', async () => ((await pings(address)) ? true : null));
  });

  test('deleting a server frees everything that was its own', async () => {
    const [port] = await openstackJson(`port list --device-id ${serverId}`);
    const tap = `tap${String(port.ID).slice(0, 11)}`;
    expect((await outcomeOf('ip', ['link', 'show', tap])).code).toBe(0);
    await openstack('server delete --wait first second');
    expect(await openstackJson('server list')).toEqual([]);
    expect(await openstackJson(`port list --device-id ${serverId}`)).toEqual([]);
    expect((await outcomeOf('ip', ['link', 'show', tap])).code).not.toBe(0);
    const ruleset = async () => (await outcomeOf('nft', ['list', 'ruleset'])).out;
    await eventually('rules without the device', async () => ((await ruleset()).includes(tap) ? null : true), 30);
    expect((await outcomeOf('virsh', ['-c', 'qemu:///system', 'domuuid', serverId])).code).not.toBe(0);
    const { stdout } = await run('find', [join(state, 'instances'), '-name', `*${serverId}*`]).catch(() => ({ stdout: '' }));
    expect(stdout).toBe('');
  });
});

describe('refusals say what is wrong', () => {
  const create = (more: string): string => `server create --flavor small --image tiny --network inside ${more} refused`;

  test('no such image, too small a flavor, a bad name', async () => {
    expect(await refusal('server create --flavor small --image nothing --network inside refused')).toMatch(/nothing/);
    await openstack('image set --min-ram 4096 from-file');
    expect(await refusal('server create --flavor small --image from-file --network inside refused')).toMatch(/memory is too small/);
    expect(await refusal('server create --flavor small --image tiny --network inside " x"')).toMatch(
      /An invalid 'name' value was provided/,
    );
  });

  test('no valid host, with the reason', async () => {
    await openstack('flavor create --vcpus 1 --ram 50000000 --disk 1 huge');
    await openstack('quota set --ram -1 admin');
    // this client ends with 0 even so; it says it on its output
    expect(await openstack('server create --flavor huge --image tiny --network inside --wait too-big')).toBe('Error creating server');
    expect(await openstack('server show too-big -f value -c fault')).toMatch(
      /No valid host was found\. 1 host: 1 lacks 50000000 MB of memory/,
    );
    await openstack('server delete --wait too-big');
  });

  test('quota exceeded', async () => {
    await openstack('quota set --instances 0 admin');
    expect(await refusal(create(''))).toMatch(/Quota exceeded for instances: Requested 1, but already used 0 of 0 instances/);
    await openstack('quota set --instances 10 admin');
  });

  test('a wrong password, a token that is no good, the server of another project', async () => {
    expect(await refusal('token issue', { ...environment, OS_PASSWORD: 'wrong' })).toMatch(/401/);
    await openstack('project create other');
    await openstack('user create --password secret-of-other --project other other');
    await openstack('role add --user other --project other member');
    const stranger = { ...environment, OS_USERNAME: 'other', OS_PASSWORD: 'secret-of-other', OS_PROJECT_NAME: 'other' };
    const server = await openstackJson(create('--wait'));
    expect(await refusal(`server show ${server.id}`, stranger)).toMatch(/No server with a name or ID|could not be found/i);
    await openstack('server delete --wait refused');
    const token = await openstack('token issue -f value -c id', stranger);
    await openstack(`token revoke ${token}`);
    const expired = {
      PATH: environment['PATH'],
      HOME: environment['HOME'],
      OS_AUTH_TYPE: 'token',
      OS_AUTH_URL: environment['OS_AUTH_URL'],
      OS_TOKEN: token,
      OS_PROJECT_NAME: 'other',
      OS_PROJECT_DOMAIN_NAME: 'Default',
      OS_IDENTITY_API_VERSION: '3',
    };
    expect(await refusal('server list', expired)).toMatch(/401|404|Unauthorized/);
  });
});
