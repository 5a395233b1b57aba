import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRealCloud, type RealCloud } from '../support/real-cloud.ts';

/**
 * Volumes of real guests, by Debian's `openstack` client: a guest that boots from one, and a second one that comes and goes while the guest
 * runs and keeps what was written on it. The tests are one story: each goes on from where the one before has ended.
 */
let cloud: RealCloud;
let address: string;
beforeAll(async () => {
  cloud = await startRealCloud('volumes', '10.79.0.0/24');
});
afterAll(() => cloud.stop());

const volumeIs = (name: string, wanted: string) =>
  cloud.eventually(`volume ${name} ${wanted}`, async () => {
    const shown = await cloud.openstack(`volume show ${name} -f value -c status`);
    if (shown.startsWith('error')) throw new Error(`volume ${name} is in ${shown}`);
    return shown === wanted ? true : null;
  });
/** The disk with this serial number, which begins with the volume's id, as soon as the guest sees it. */
const disk = (volumeId: string) =>
  cloud.eventually(`the disk of volume ${volumeId}`, async () => {
    const found = await cloud.inside(address, `grep -l ${volumeId.slice(0, 20)} /sys/block/*/serial | cut -d/ -f4`);
    return found === '' ? null : `/dev/${found}`;
  });

test('a guest boots from a volume made of an image', async () => {
  await cloud.openstack('volume create --image tiny --size 1 --bootable root');
  await volumeIs('root', 'available');
  await cloud.openstack('server create --volume root --flavor small --key-name mine --network inside --security-group web --wait first');
  await volumeIs('root', 'in-use');
  address = (await cloud.json('floating ip create public')).floating_ip_address;
  await cloud.openstack(`server add floating ip first ${address}`);
  await cloud.inside(address, 'echo here >/root/marker && sync');
  expect(await cloud.inside(address, 'cat /root/marker')).toBe('here');
});

test('a volume is plugged into the running guest, keeps what is written, and comes back', async () => {
  const { id } = await cloud.json('volume create --size 1 data');
  await volumeIs('data', 'available');
  await cloud.openstack('server add volume first data');
  await volumeIs('data', 'in-use');
  const first = await disk(id);
  await cloud.inside(address, `echo kept | dd of=${first} bs=512 count=1 conv=sync,fsync 2>/dev/null`);
  await cloud.openstack('server remove volume first data');
  await volumeIs('data', 'available');
  await cloud.openstack('server add volume first data');
  await volumeIs('data', 'in-use');
  const again = await disk(id);
  expect(await cloud.inside(address, `dd if=${again} bs=512 count=1 2>/dev/null | tr -d "\\0"`)).toBe('kept');
});

test('a volume does not grow under a guest that could not follow it, and does when it is free', async () => {
  const grow = () => cloud.openstack('--os-volume-api-version 3.42 volume set --size 2 data');
  await expect(grow()).rejects.toThrow('detach it first');
  expect(await cloud.openstack('volume show data -f value -c status')).toBe('in-use');
  await cloud.openstack('server remove volume first data');
  await volumeIs('data', 'available');
  await grow();
  await cloud.eventually('2 GiB', async () => ((await cloud.openstack('volume show data -f value -c size')) === '2' ? true : null));
  await volumeIs('data', 'available');
  await cloud.openstack('server add volume first data');
  await volumeIs('data', 'in-use');
  const place = await disk((await cloud.json('volume show data')).id);
  expect(Number(await cloud.inside(address, `cat /sys/block/${place.slice('/dev/'.length)}/size`))).toBe(4 * 1024 ** 2);
});

test('an encrypted volume is plain inside and cipher outside', async () => {
  await cloud.openstack(
    'volume type create --encryption-provider luks --encryption-cipher aes-xts-plain64 --encryption-key-size 256 --encryption-control-location front-end secret',
  );
  const { id } = await cloud.json('volume create --type secret --size 1 hidden');
  await volumeIs('hidden', 'available');
  await cloud.openstack('server add volume first hidden');
  await volumeIs('hidden', 'in-use');
  const place = await disk(id);
  await cloud.inside(address, `echo cleartext | dd of=${place} bs=512 count=1 conv=sync,fsync 2>/dev/null`);
  expect(await cloud.inside(address, `dd if=${place} bs=512 count=1 2>/dev/null | tr -d "\\0"`)).toBe('cleartext');
});

test('a guest that was stopped has its volumes when it starts, and they outlive it', async () => {
  await cloud.openstack('server stop first');
  await cloud.status('first', 'SHUTOFF');
  await cloud.openstack('server start first');
  await cloud.status('first', 'ACTIVE');
  expect(await cloud.inside(address, 'cat /root/marker; ls /sys/block | grep -c ^vd')).toBe('here\n3');
  await cloud.openstack('server delete --wait first');
  for (const name of ['root', 'data', 'hidden']) await volumeIs(name, 'available');
});
