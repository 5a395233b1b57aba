import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { environmentOf, kilonova, outcomeOf, type Outcome } from '../support/kilonova.ts';

/**
 * What becomes of a file that a user wrote in a guest, through everything that is done to the disk it lies on: a snapshot, a rescue, shelving and
 * a rebuild of a real guest, by Debian's `openstack` client. The tests are one story: each goes on from where the one before has ended.
 */
const run = promisify(execFile);
let state: string;
let environment: NodeJS.ProcessEnv;
let serverId: string;
let address: string;

async function openstack(line: string): Promise<string> {
  const { code, out, error } = await outcomeOf('openstack', line.split(' '), environment);
  if (code !== 0) throw new Error(`openstack ${line}: ${error || out}`);
  return out.trim();
}
// oxlint-disable-next-line typescript/no-explicit-any -- what the client prints is judged by the tests
const openstackJson = async (line: string): Promise<any> => JSON.parse(await openstack(`${line} -f json`));

const eventually = <T>(what: string, probe: () => Promise<T | null>, seconds = 300): Promise<T> =>
  waitUntil(probe, { clock: systemClock, timeoutMs: seconds * 1000, everyMs: 1000, what });

const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'ConnectTimeout=5', 'LogLevel=ERROR', 'BatchMode=yes'];
const ssh = (to: string, script: string): Promise<Outcome> =>
  outcomeOf('ssh', ['-i', join(state, 'key'), ...options.flatMap((option) => ['-o', option]), `root@${to}`, script]);
/** What a script prints in a guest, as soon as the guest lets one in. */
const inside = (to: string, script: string): Promise<string> =>
  eventually(`ssh to ${to}`, async () => {
    const { code, out } = await ssh(to, script);
    return code === 255 ? null : out.trim();
  });
const status = (wanted: string): Promise<true> =>
  eventually(wanted, async () => {
    const shown = await openstack(`server show ${serverId} -f value -c status`);
    if (shown === 'ERROR' && wanted !== 'ERROR')
      throw new Error(`the server is in ERROR: ${await openstack(`server show ${serverId} -c fault`)}`);
    return shown === wanted ? true : null;
  });
const domainIsThere = async (): Promise<boolean> => (await outcomeOf('virsh', ['-c', 'qemu:///system', 'domuuid', serverId])).code === 0;

/** An action of the server that the client has no command for. */
async function act(action: object): Promise<{ readonly status: number; readonly text: string }> {
  const token = await openstack('token issue -f value -c id');
  const [endpoint] = (await openstackJson('catalog show compute'))['endpoints'] as { readonly url: string }[];
  const answer = await fetch(`${endpoint!.url}/servers/${serverId}/action`, {
    method: 'POST',
    headers: { 'x-auth-token': token, 'content-type': 'application/json', 'openstack-api-version': 'compute 2.93' },
    body: JSON.stringify(action),
  });
  return { status: answer.status, text: await answer.text() };
}

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'kilonova-disks-'));
  const { code, error } = await kilonova('up', '--detach', '--state', state, '--driver', 'libvirt', '--port-base', '0');
  if (code !== 0) throw new Error(`kilonova up ended with ${code}: ${error}`);
  environment = environmentOf(await readFile(join(state, 'openrc'), 'utf8'));
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(state, 'key')]);
  await openstack(`keypair create --public-key ${join(state, 'key.pub')} mine`);
  await openstack('flavor create --vcpus 1 --ram 256 --disk 1 small');
  await openstack('network create inside');
  await openstack('subnet create --network inside --subnet-range 10.78.0.0/24 inside-4');
  await openstack('router create edge');
  await openstack('router set --external-gateway public edge');
  await openstack('router add subnet edge inside-4');
  await openstack('security group create web');
  await openstack('security group rule create --protocol tcp --dst-port 22 web');
  await openstack('image set --property hw_qemu_guest_agent=yes --property os_require_quiesce=yes tiny');
  const server = await openstackJson(
    'server create --image tiny --flavor small --key-name mine --network inside --security-group web --wait first',
  );
  serverId = server.id;
  address = (await openstackJson('floating ip create public')).floating_ip_address;
  await openstack(`server add floating ip first ${address}`);
  await inside(address, 'echo before >/root/marker && sync');
});

afterAll(async () => {
  await kilonova('reset', '--state', state);
  await rm(state, { recursive: true, force: true });
});

test('a snapshot of the running guest holds the file as it was, and another server boots from it', async () => {
  await openstack('server image create --name copy --wait first');
  expect(await openstackJson('image show copy')).toMatchObject({ status: 'active', disk_format: 'qcow2', min_disk: 1 });
  expect(await inside(address, 'cat /root/marker && echo after >/root/marker && sync')).toBe('before');
  const image = await run('find', [join(state, 'instances', serverId), '-name', 'copy.*']);
  expect(image.stdout).toBe('');
  await openstack('server create --image copy --flavor small --key-name mine --network inside --security-group web --wait second');
  const other = (await openstackJson('floating ip create public')).floating_ip_address as string;
  await openstack(`server add floating ip second ${other}`);
  expect(await inside(other, 'cat /root/marker')).toBe('before');
  await openstack('server delete --wait second');
});

test('the agent inside sets a password', async () => {
  const before = await inside(address, 'grep ^root: /etc/shadow');
  expect(await act({ changePassword: { adminPass: 'a new secret' } })).toEqual({ status: 202, text: '' });
  expect(await inside(address, 'grep ^root: /etc/shadow')).not.toBe(before);
  const { stdout } = await run('grep', ['-rl', 'a new secret', state]).catch((error: { readonly stdout: string }) => error);
  expect(stdout).toBe('');
});

test('a rescued guest sees the file on its second disk', async () => {
  await openstack('server rescue first');
  await status('RESCUE');
  const look = 'cat /root/marker 2>/dev/null; mkdir -p /mnt && mount /dev/vdb2 /mnt && cat /mnt/root/marker && umount /mnt';
  expect(await inside(address, look)).toBe('after');
  await openstack('server unrescue first');
  await status('ACTIVE');
  expect(await inside(address, 'cat /root/marker')).toBe('after');
  const { stdout } = await run('find', [join(state, 'instances', serverId), '-name', '*.rescue']);
  expect(stdout).toBe('');
});

test('a shelved server leaves nothing on its host, and has the file when it comes back', async () => {
  await inside(address, 'sync');
  await openstack('server shelve first');
  await status('SHELVED_OFFLOADED');
  expect(await domainIsThere()).toBe(false);
  const { stdout } = await run('find', [join(state, 'instances'), '-name', serverId]);
  expect(stdout).toBe('');
  await openstack('server unshelve first');
  await status('ACTIVE');
  expect(await inside(address, 'cat /root/marker')).toBe('after');
  expect(await openstackJson('image list --name first-shelved')).toEqual([]);
});

test('a rebuilt server has lost the file, and kept its address and its key', async () => {
  await openstack('server rebuild --image tiny --wait first');
  expect(await inside(address, 'cat /root/marker 2>/dev/null || echo lost')).toBe('lost');
});
