import { afterAll, beforeAll, expect, test } from 'vitest';
import { outcomeOf } from '../support/kilonova.ts';
import { startRealCloud, type RealCloud, type RealServer } from '../support/real-cloud.ts';

/**
 * One guest through everything that is done to its power, seen from inside: what its memory holds, how it went down, and what stands on its console.
 * The tests are one story: each goes on from where the one before has ended.
 */
const graceSeconds = 20;
let cloud: RealCloud;
let server: RealServer;
const inside = (script: string): Promise<string> => cloud.inside(server.address, script);
const boots = (): Promise<number> => inside('cat /var/lib/kilonova/boots').then(Number);
/** How often the guest has said that its power button was pressed, as far as its console log is kept. */
const pressed = async (): Promise<number> => (await cloud.console('steady', /^/)).split('KILONOVA power-button').length - 1;
const pings = async (): Promise<boolean> => (await outcomeOf('ping', ['-c', '1', '-W', '1', server.address])).code === 0;
/** Something that lives in memory only. */
const counter = 'cat /run/counter.pid; cat /run/count';
const counting = async () => {
  const [pid, count] = (await inside(counter)).split('\n').map(Number);
  return { pid, count: count! };
};

beforeAll(async () => {
  cloud = await startRealCloud('power', '10.75.0.0/24');
  await cloud.lines([`image set --property os_shutdown_timeout=${graceSeconds} tiny`, 'security group rule create --protocol icmp web']);
  server = await cloud.boot('steady');
  expect(await boots()).toBe(1);
});
afterAll(() => cloud.stop());

test('a guest that is stopped hears its power button and goes down in order', async () => {
  await inside('echo not synced >/root/marker');
  await cloud.openstack('server stop steady');
  await cloud.status('steady', 'SHUTOFF');
  expect(await pressed()).toBe(1);
  expect(await pings()).toBe(false);
  await cloud.openstack('server start steady');
  await cloud.status('steady', 'ACTIVE');
  expect([await inside('cat /root/marker'), await boots()]).toEqual(['not synced', 2]);
});

test('one that does not hear it is switched off when its time is over', async () => {
  await inside('sync; killall acpid');
  const before = await pressed();
  const began = Date.now();
  await cloud.openstack('server stop steady');
  await cloud.status('steady', 'SHUTOFF');
  expect(Date.now() - began).toBeGreaterThan(graceSeconds * 1000);
  expect(await pressed()).toBe(before);
  await cloud.openstack('server start steady');
  await cloud.status('steady', 'ACTIVE');
  expect([await inside('cat /root/marker'), await boots()]).toEqual(['not synced', 3]);
});

test('a soft reboot goes through the guest, a hard one does not, and the console tells of both', async () => {
  await cloud.console('steady', /boot=3[^]*login:\s*$/);
  const before = await pressed();
  await cloud.openstack('server reboot --soft --wait steady');
  expect(await boots()).toBe(4);
  expect(await cloud.console('steady', /KILONOVA boot=4 [^]*KILONOVA ready/)).toMatch(/KILONOVA boot=4 /);
  await inside('sync');
  await cloud.openstack('server reboot --hard --wait steady');
  expect(await boots()).toBe(5);
  const log = await cloud.console('steady', /KILONOVA boot=5 [^]*login:\s*$/);
  expect(log.split('KILONOVA power-button').length - 1).toBeLessThanOrEqual(before + 1);
  expect(await cloud.openstack('console log show --lines 1 steady')).toMatch(/login:$/);
});

test('a paused guest stands still and goes on', async () => {
  await inside('(while :; do count=$((count + 1)); echo $count >/run/count; sleep 0.2; done) >/dev/null 2>&1 & echo $! >/run/counter.pid');
  const before = await counting();
  await cloud.openstack('server pause steady');
  await cloud.status('steady', 'PAUSED');
  expect(await pings()).toBe(false);
  await cloud.openstack('server unpause steady');
  await cloud.status('steady', 'ACTIVE');
  const after = await counting();
  expect([after.pid, after.count > before.count, await boots()]).toEqual([before.pid, true, 5]);
});

test('a suspended guest has no process on its host, and goes on with its memory', async () => {
  const before = await counting();
  await cloud.openstack('server suspend steady');
  await cloud.status('steady', 'SUSPENDED');
  expect((await outcomeOf('virsh', ['-c', 'qemu:///system', 'domstate', server.id])).out.trim()).toBe('shut off');
  await cloud.openstack('server resume steady');
  await cloud.status('steady', 'ACTIVE');
  const after = await counting();
  const later = await cloud.eventually('the counter', async () => {
    const now = await counting();
    return now.count > after.count ? now : null;
  });
  expect([later.pid, later.count > before.count, await boots()]).toEqual([before.pid, true, 5]);
});

test('a locked server is left alone by its users, and a new name does not reach the guest', async () => {
  await cloud.lines([
    'user create --password secret-of-user --project admin user',
    'role add --user user --project admin member',
    'server lock steady',
  ]);
  const user = { ...cloud.environment(), OS_USERNAME: 'user', OS_PASSWORD: 'secret-of-user' };
  expect(await cloud.refusal('server reboot --hard steady', user)).toMatch(/locked/);
  await cloud.openstack('server unlock steady');
  await cloud.openstack('server set --name renamed steady', user);
  expect(await inside('hostname')).toMatch(/^steady/);
  expect(await boots()).toBe(5);
});

test('an administrator can reset what is said of the state; the guest goes on', async () => {
  const { pid } = await counting();
  await cloud.openstack('server set --state error renamed');
  await cloud.status('renamed', 'ERROR');
  await cloud.openstack('server set --state active renamed');
  await cloud.status('renamed', 'ACTIVE');
  expect((await counting()).pid).toBe(pid);
});

test('a guest told to dump its memory is interrupted, and comes back by a hard reboot', async () => {
  await cloud.openstack('--os-compute-api-version 2.17 server dump create renamed');
  expect(await cloud.console('renamed', /Kernel panic/)).toMatch(/NMI/);
  await cloud.openstack('server reboot --hard --wait renamed');
  expect(await boots()).toBe(6);
});
