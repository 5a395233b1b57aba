import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { environmentOf, kilonova, outcomeOf } from '../support/kilonova.ts';

/** A real guest gets another flavor on the only host there is: what was written on its disk stays, whatever becomes of the resize. */
let state: string;
let environment: NodeJS.ProcessEnv;
let address: string;

async function openstack(line: string): Promise<string> {
  const { code, out, error } = await outcomeOf('openstack', line.split(' '), environment);
  if (code !== 0) throw new Error(`openstack ${line}: ${error || out}`);
  return out.trim();
}
// oxlint-disable-next-line typescript/no-explicit-any -- what the client prints is judged by the tests
const openstackJson = async (line: string): Promise<any> => JSON.parse(await openstack(`${line} -f json`));
const eventually = <T>(what: string, probe: () => Promise<T | null>, seconds = 480): Promise<T> =>
  waitUntil(probe, { clock: systemClock, timeoutMs: seconds * 1000, everyMs: 500, what });

/** What a script prints inside the guest, once it can be reached. */
const inside = (script: string): Promise<string> =>
  eventually(`ssh to run ${script}`, async () => {
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'ConnectTimeout=5', 'LogLevel=ERROR', 'BatchMode=yes'];
    const { code, out } = await outcomeOf('ssh', [
      '-i',
      join(state, 'key'),
      ...options.flatMap((option) => ['-o', option]),
      `root@${address}`,
      script,
    ]);
    return code === 0 ? out.trim() : null;
  });
const status = async (): Promise<string> => (await openstackJson('server show resized')).status;
const settled = (wanted: string) =>
  eventually(wanted, async () => {
    const now = await status();
    if (now === 'ERROR') throw new Error(JSON.stringify((await openstackJson('server show resized')).fault));
    return now === wanted ? true : null;
  });
/** Processors, MiB of memory in steps of 64, bytes of the disk, and what was written on it. */
const seen = () =>
  inside(
    "grep -c ^processor /proc/cpuinfo; awk '/MemTotal/ {print int(($2 / 1024 + 63) / 64) * 64}' /proc/meminfo; echo $(($(cat /sys/block/vda/size) * 512)); cat /root/kept",
  );

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'kilonova-resize-'));
  const { code, error } = await kilonova('up', '--detach', '--state', state, '--driver', 'libvirt', '--port-base', '0');
  if (code !== 0) throw new Error(`kilonova up ended with ${code}: ${error}`);
  environment = environmentOf(await readFile(join(state, 'openrc'), 'utf8'));
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(state, 'key')]);
  await openstack(`keypair create --public-key ${join(state, 'key.pub')} mine`);
  await openstack('flavor create --vcpus 1 --ram 256 --disk 1 little');
  await openstack('flavor create --vcpus 2 --ram 384 --disk 2 larger');
  await openstack('security group create open');
  await openstack('security group rule create --protocol icmp open');
  await openstack('security group rule create --protocol tcp --dst-port 22 open');
  await openstack('server create --image tiny --flavor little --key-name mine --network private --security-group open --wait resized');
  address = (await openstackJson('floating ip create public')).floating_ip_address;
  await openstack(`server add floating ip resized ${address}`);
  await inside('echo written before the resize > /root/kept; sync');
});
afterAll(async () => {
  await kilonova('reset', '--state', state);
  await rm(state, { recursive: true, force: true });
});

const little = `1\n256\n${1024 ** 3}\nwritten before the resize`;
const larger = `2\n384\n${2 * 1024 ** 3}\nwritten before the resize`;

test('a resize that is reverted gives back the guest with its disk as it was', async () => {
  const before = await seen();
  expect(before.split('\n').slice(2)).toEqual(little.split('\n').slice(2));
  await openstack('server resize --flavor larger resized');
  await settled('VERIFY_RESIZE');
  const [processors, , bytes, kept] = (await seen()).split('\n');
  expect([processors, bytes, kept]).toEqual(['2', String(2 * 1024 ** 3), 'written before the resize']);
  await inside('echo written meanwhile > /root/kept; sync');
  await openstack('server resize revert resized');
  await settled('ACTIVE');
  expect(await seen()).toBe(before);
});

test('a resize that is confirmed keeps the larger guest with what was on its disk, and nothing else', async () => {
  await openstack('server resize --flavor larger resized');
  await settled('VERIFY_RESIZE');
  await openstack('server resize confirm resized');
  await settled('ACTIVE');
  const [processors, , bytes, kept] = (await seen()).split('\n');
  expect([processors, bytes, kept]).toEqual(larger.split('\n').filter((_, index) => index !== 1));
  const { code, out } = await kilonova('inspect', 'audit', '--state', state);
  expect([code, out]).toEqual([0, expect.any(String)]);
});

test('a resize to a smaller disk leaves the guest as it is', async () => {
  await openstack('server resize --flavor little resized');
  await settled('ACTIVE');
  expect((await openstackJson('server show resized')).flavor).toMatch(/^larger /);
  expect((await seen()).split('\n').at(-1)).toBe('written before the resize');
  const [event] = await openstackJson('server event list resized');
  expect(event).toMatchObject({ Action: 'resize' });
});
