import { afterAll, beforeAll, expect, test } from 'vitest';
import { kilonova } from '../support/kilonova.ts';
import { startRealCloud, type RealCloud, type RealServer } from '../support/real-cloud.ts';

/**
 * A real guest gets another flavor on the only host there is, and is deleted for a time: what was written on its disk stays, whatever becomes of
 * either. The tests are one story: each goes on from where the one before has ended.
 */
let cloud: RealCloud;
let server: RealServer;
const inside = (script: string): Promise<string> => cloud.inside(server.address, script);
/** Processors, MiB of memory in steps of 64, GiB of the disk, and what was written on it. */
const seen = async () => {
  const [processors, memory, bytes, kept] = (
    await inside(
      "grep -c ^processor /proc/cpuinfo; awk '/MemTotal/ {print int(($2 / 1024 + 63) / 64) * 64}' /proc/meminfo; echo $(($(cat /sys/block/vda/size) * 512)); cat /root/kept",
    )
  ).split('\n');
  return { processors: Number(processors), memory: Number(memory), disk: Number(bytes) / 1024 ** 3, kept };
};
const kept = 'written before the resize';
const small = { processors: 1, memory: 256, disk: 1, kept };
const larger = { processors: 2, memory: 384, disk: 2, kept };

beforeAll(async () => {
  cloud = await startRealCloud('resize', '10.74.0.0/24');
  await cloud.lines(['flavor create --vcpus 2 --ram 384 --disk 2 larger', 'flavor create --vcpus 1 --ram 256 --disk 2 slimmer']);
  server = await cloud.boot('resized');
  await inside(`echo ${kept} > /root/kept; sync`);
  expect(await seen()).toEqual(small);
});
afterAll(() => cloud.stop());

const resize = async (flavor: string): Promise<void> => {
  await cloud.openstack(`server resize --flavor ${flavor} resized`);
  await cloud.status('resized', 'VERIFY_RESIZE');
};

test('a resize that is reverted gives back the guest with its disk as it was', async () => {
  await resize('larger');
  expect(await seen()).toEqual(larger);
  await inside('echo written meanwhile > /root/kept; sync');
  await cloud.openstack('server resize revert resized');
  await cloud.status('resized', 'ACTIVE');
  expect(await seen()).toEqual(small);
});

test('a resize that is confirmed keeps the larger guest with what was on its disk, and nothing else', async () => {
  await resize('larger');
  await cloud.openstack('server resize confirm resized');
  await cloud.status('resized', 'ACTIVE');
  expect(await seen()).toEqual(larger);
  const { code, out } = await kilonova('inspect', 'audit', '--state', cloud.state);
  expect([code, out]).toEqual([0, expect.any(String)]);
});

test('a resize to a smaller disk leaves the guest as it is', async () => {
  await cloud.openstack('server resize --flavor small resized');
  await cloud.status('resized', 'ACTIVE');
  expect((await cloud.json('server show resized')).flavor).toMatch(/^larger /);
  expect(await seen()).toEqual(larger);
  const [event] = await cloud.json('server event list resized');
  expect(event).toMatchObject({ Action: 'resize' });
});

test('a resize to fewer processors and less memory that nobody confirms is confirmed when its time is over', async () => {
  await resize('slimmer');
  expect(await seen()).toEqual({ ...larger, processors: 1, memory: 256 });
  await cloud.restart('[DEFAULT]\nresize_confirm_window = 1\nreclaim_instance_interval = 3600');
  await cloud.status('resized', 'ACTIVE');
  expect(await seen()).toEqual({ ...larger, processors: 1, memory: 256 });
});

test('a server that was deleted for a time comes back with its disk, and is gone when the time is over', async () => {
  await inside('sync');
  await cloud.openstack('server delete resized');
  await cloud.status(server.id, 'SOFT_DELETED');
  expect(await cloud.json('server list')).toEqual([]);
  expect(await cloud.domain(server.id)).not.toBe(null);
  await cloud.openstack(`server restore ${server.id}`);
  await cloud.status('resized', 'ACTIVE');
  expect(await seen()).toEqual({ ...larger, processors: 1, memory: 256 });
  await cloud.openstack('server delete resized');
  await cloud.status(server.id, 'SOFT_DELETED');
  await cloud.restart('[DEFAULT]\nreclaim_instance_interval = 1');
  await cloud.eventually('the end of the guest', async () => ((await cloud.domain(server.id)) === null ? true : null));
  await cloud.eventually('the end of its ports', async () =>
    (await cloud.json(`port list --device-id ${server.id}`)).length === 0 ? true : null,
  );
});
