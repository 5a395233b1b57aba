import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRealCloud, type RealCloud } from '../support/real-cloud.ts';

/**
 * Volumes of real guests, by Debian's `openstack` client: a guest that boots from one, and a second one that comes and goes while the guest
 * runs and keeps what was written on it. The tests are one story: each goes on from where the one before has ended.
 */
let cloud: RealCloud;
let address: string;
let twin: string;
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
const disk = (volumeId: string, of = address) =>
  cloud.eventually(`the disk of volume ${volumeId}`, async () => {
    const found = await cloud.inside(of, `grep -l ${volumeId.slice(0, 20)} /sys/block/*/serial | cut -d/ -f4`);
    return found === '' ? null : `/dev/${found}`;
  });

test('a guest boots from a volume made of an image', async () => {
  await cloud.openstack('volume create --image tiny --size 1 --bootable root');
  await volumeIs('root', 'available');
  ({ address } = await cloud.boot('first', '--volume root'));
  await volumeIs('root', 'in-use');
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

test('a guest of many kinds of disks finds all of them, and by their tags', async () => {
  await cloud.openstack('flavor create --vcpus 1 --ram 256 --disk 1 --ephemeral 2 --swap 64 many');
  const disks = [
    'source_type=blank,destination_type=volume,volume_size=1,disk_bus=scsi,boot_index=-1,delete_on_termination=true,tag=archive',
    'source_type=blank,destination_type=local,volume_size=1,guest_format=ext4,boot_index=-1,delete_on_termination=true',
    'source_type=blank,destination_type=local,volume_size=32,guest_format=swap,boot_index=-1,delete_on_termination=true',
  ];
  const many = await cloud.boot(
    'many',
    `--image tiny --boot-from-volume 1 ${disks.map((disk) => `--block-device ${disk}`).join(' ')} --flavor many --nic net-id=inside,tag=outside --config-drive True`,
  );
  const inside = (script: string): Promise<string> => cloud.inside(many.address, script);
  // ext4 keeps its name 1024 + 120 bytes behind the beginning
  expect(await inside('mkdir -p /mnt; mount -t ext4 /dev/vdb /mnt && dd if=/dev/vdb bs=1 skip=1144 count=10 2>/dev/null')).toBe(
    'ephemeral0',
  );
  expect(await inside("swapon /dev/vdc && awk '/SwapTotal/ {print $2}' /proc/meminfo")).toBe('32764');

  interface Device {
    readonly tags: readonly string[];
    readonly type: string;
    readonly bus: string;
    readonly address: string;
    readonly serial?: string;
  }
  const devicesOf = (text: string): Device[] => (JSON.parse(text) as { devices: Device[] }).devices;
  const onDrive = devicesOf(await inside('cat /run/config/openstack/latest/meta_data.json'));
  const ask = () => inside('wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json').then(devicesOf);
  const tagged = new Map(onDrive.map((device) => [device.tags[0], device]));
  expect([...tagged.keys()].toSorted()).toEqual(['archive', 'outside']);
  const [archive, outside] = ['archive', 'outside'].map((tag) => tagged.get(tag)!);
  expect([archive!.bus, outside!.bus]).toEqual(['scsi', 'pci']);
  expect(await inside('readlink -f /sys/class/net/eth0/device')).toContain(`/${outside!.address}/`);
  expect(await inside('readlink -f /sys/class/block/sda')).toMatch(new RegExp(`target\\d+:0:${archive!.address.split(':')[2]}/`));

  await cloud.openstack('volume create --size 1 late');
  await volumeIs('late', 'available');
  await cloud.openstack('--os-compute-api-version 2.92 server add volume --tag late many late');
  await volumeIs('late', 'in-use');
  await cloud.eventually('the tag of the volume that came later', async () =>
    (await ask()).some(({ tags, bus }) => tags[0] === 'late' && bus === 'pci') ? true : null,
  );
  const last = (await ask()).filter(({ tags }) => tags[0] !== 'late');
  expect(last).toEqual(onDrive);

  const volumes = ((await cloud.json('server volume list many')) as { 'Volume ID': string }[]).map((each) => each['Volume ID']);
  const [system] = volumes.filter((id) => id !== archive!.serial);
  await cloud.openstack('server delete --wait many');
  await volumeIs(system!, 'available');
  await volumeIs('late', 'available');
  expect(await cloud.refusal(`volume show ${archive!.serial!}`)).toMatch(/No volume|could not be found/);
});

test('a guest boots from a snapshot of another one’s volume', async () => {
  await cloud.openstack('volume snapshot create --volume root --force moment');
  await cloud.eventually('the snapshot', async () =>
    (await cloud.openstack('volume snapshot show moment -f value -c status')) === 'available' ? true : null,
  );
  await cloud.inside(address, 'echo changed >/root/marker && sync');
  twin = (await cloud.boot('twin', '--snapshot moment')).address;
  expect(await cloud.inside(twin, 'cat /root/marker')).toBe('here');
});

test('two guests have one volume at the same time', async () => {
  await cloud.openstack('volume type create --property "multiattach=<is> True" shared');
  const { id } = await cloud.json('volume create --type shared --size 1 both');
  await volumeIs('both', 'available');
  for (const name of ['first', 'twin']) await cloud.openstack(`--os-compute-api-version 2.60 server add volume ${name} both`);
  const [mine, theirs] = [await disk(id), await disk(id, twin)];
  await cloud.inside(address, `echo ours | dd of=${mine} bs=512 count=1 conv=sync,fsync 2>/dev/null`);
  expect(await cloud.inside(twin, `dd if=${theirs} bs=512 count=1 2>/dev/null | tr -d "\\0"`)).toBe('ours');
  await cloud.openstack('server remove volume first both');
  await cloud.eventually('one attachment', async () => ((await cloud.json('volume show both')).attachments.length === 1 ? true : null));
  expect(await cloud.inside(twin, `dd if=${theirs} bs=512 count=1 2>/dev/null | tr -d "\\0"`)).toBe('ours');
  await cloud.openstack('server delete --wait twin');
  await volumeIs('both', 'available');
});

test('volumes come and go while a guest is off, and outlive it', async () => {
  await cloud.openstack('server stop first');
  await cloud.status('first', 'SHUTOFF');
  await cloud.openstack('server remove volume first hidden');
  await volumeIs('hidden', 'available');
  await cloud.openstack('server add volume first late');
  await volumeIs('late', 'in-use');
  await cloud.openstack('server start first');
  await cloud.status('first', 'ACTIVE');
  expect(await cloud.inside(address, 'cat /root/marker; ls /sys/block | grep -c ^vd')).toBe('changed\n3');
  expect(await disk((await cloud.json('volume show late')).id)).toMatch(/^\/dev\/vd/);
  await cloud.openstack('server delete --wait first');
  for (const name of ['root', 'data', 'late']) await volumeIs(name, 'available');
});
