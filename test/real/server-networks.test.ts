import { afterAll, beforeAll, expect, test } from 'vitest';
import { outcomeOf } from '../support/kilonova.ts';
import { startRealCloud, type RealCloud, type RealServer } from '../support/real-cloud.ts';

/**
 * Interfaces, addresses and security groups of a real guest that come and go, by Debian's `openstack` client and seen from inside. The tests are one
 * story: each goes on from where the one before has ended.
 */
let cloud: RealCloud;
let server: RealServer;
const inside = (script: string): Promise<string> => cloud.inside(server.address, script);
const pings = async (): Promise<boolean> => (await outcomeOf('ping', ['-c', '1', '-W', '1', server.address])).code === 0;
/** The interface with this address of its own, its IPv4 address, and where it is, as soon as it has got one. */
const nic = (mac: string) =>
  cloud.eventually(`the interface ${mac}`, async () => {
    const found = await inside(
      `name=$(grep -l ${mac} /sys/class/net/*/address | cut -d/ -f5); [ -n "$name" ] && ip -4 addr show $name | awk '/inet/ {print $2}' && readlink -f /sys/class/net/$name/device`,
    );
    const [address, place] = found.split('\n');
    return address === undefined || place === undefined ? null : { address: address.split('/')[0], place };
  });
const nicsInside = (): Promise<number> => inside('ls -d /sys/class/net/e* | wc -l').then(Number);
const metadata = async (): Promise<{
  readonly devices: readonly { readonly tags: readonly string[]; readonly mac: string; readonly address: string }[];
}> => JSON.parse(await inside('wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json'));

beforeAll(async () => {
  cloud = await startRealCloud('networks', '10.73.0.0/24');
  await cloud.lines([
    'security group rule create --protocol icmp web',
    'network create side',
    'subnet create --network side --subnet-range 10.73.1.0/24 --gateway none side-4',
    'port create --network side own',
  ]);
  server = await cloud.boot('first');
  await inside('true');
});
afterAll(() => cloud.stop());

test('an interface is plugged into the running guest, which gets its address and knows its tag, and out again', async () => {
  await cloud.openstack('--os-compute-api-version 2.92 server add network --tag side first side');
  const [port] = await cloud.json(`port list --network side --device-id ${server.id}`);
  const mac: string = port['MAC Address'];
  const { address, place } = await nic(mac);
  expect(JSON.stringify(port['Fixed IP Addresses'])).toContain(`"${address}"`);
  const told = await cloud.eventually('the tag', async () => (await metadata()).devices.find(({ tags }) => tags[0] === 'side') ?? null);
  expect(told).toMatchObject({ type: 'nic', bus: 'pci', mac });
  expect(place).toContain(`/${told.address}/`);
  await cloud.openstack('server remove network first side');
  expect(await nicsInside()).toBe(1);
  expect(await cloud.json(`port list --network side --device-id ${server.id}`)).toEqual([]);
});

test('a port is plugged in while the guest is off, and taken out of the running guest without being deleted', async () => {
  await cloud.openstack('server stop first');
  await cloud.status('first', 'SHUTOFF');
  await cloud.openstack('server add port first own');
  await cloud.openstack('server start first');
  await cloud.status('first', 'ACTIVE');
  const { mac_address: mac, fixed_ips: fixed } = await cloud.json('port show own');
  expect((await nic(mac)).address).toBe(fixed[0].ip_address);
  await cloud.openstack('server remove port first own');
  expect(await nicsInside()).toBe(1);
  expect(await cloud.json('port show own')).toMatchObject({ device_id: '', status: 'DOWN' });
});

test('a second fixed address may be used by the guest until it is taken away', async () => {
  const { id: networkId } = await cloud.json('network show inside');
  const addresses = async (): Promise<string[]> => (await cloud.json('server show first')).addresses.inside;
  const before = await addresses();
  expect(await cloud.act(server.id, { addFixedIp: { networkId } }, '2.1')).toEqual({ status: 202, text: '' });
  const added = await cloud.eventually('the address', async () => (await addresses()).find((address) => !before.includes(address)) ?? null);
  /** Whether packets from that address get through the protection against false senders. */
  const passes = async () => (await inside(`ping -I ${added} -c 1 -W 1 10.73.0.1 >/dev/null && echo yes || echo no`)) === 'yes';
  await inside(`ip addr add ${added}/24 dev eth0`);
  await cloud.eventually('packets from the new address', async () => ((await passes()) ? true : null), 60);
  expect(await cloud.act(server.id, { removeFixedIp: { address: added } }, '2.1')).toEqual({ status: 202, text: '' });
  await cloud.eventually('no packets from the address that was taken', async () => ((await passes()) ? null : true), 60);
  expect(await addresses()).toEqual(before);
});

test('security groups come and go while the guest runs', async () => {
  await cloud.eventually('ping', async () => ((await pings()) ? true : null), 60);
  await cloud.openstack('server remove security group first web');
  await cloud.eventually('silence', async () => ((await pings()) ? null : true), 60);
  await cloud.openstack('server add security group first web');
  await cloud.eventually('ping again', async () => ((await pings()) ? true : null), 60);
  expect(await inside('echo in')).toBe('in');
});
