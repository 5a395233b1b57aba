import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitUntil } from '../../src/lib/retry.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { startTestCloud, type Asker, type TestCloud } from '../support/cloud.ts';

/** Two hosts of one NUMA node with eight cores of two threads, and a PCI device each. */
const conf = `
[kilonova]
fake_numa_nodes = 1
fake_pci_devices = 1
[pci]
device_spec = {"vendor_id": "10de"}
alias = {"name": "gpu", "vendor_id": "10de", "product_id": "1db4"}
[quota]
instances = -1
cores = -1
ram = -1
[filter_scheduler]
enabled_filters = ComputeFilter,AvailabilityZoneFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,ServerGroupAntiAffinityFilter,ServerGroupAffinityFilter,NUMATopologyFilter,PciPassthroughFilter,DifferentHostFilter,SameHostFilter,JsonFilter
`;
let cloud: TestCloud;
let user: Asker;
beforeAll(async () => {
  cloud = await startTestCloud(conf);
  user = await cloud.user('member');
});
afterAll(() => cloud?.stop());

/** What became of a server that is built. */
const settledStatus = (id: string): Promise<string> =>
  waitUntil(
    async () => {
      const { status } = (await user.ask('compute', 'GET', `/servers/${id}`)).body.server;
      return status === 'BUILD' ? null : (status as string);
    },
    { clock: systemClock, timeoutMs: 60_000, everyMs: 50, what: 'a server to settle' },
  );

let flavors = 0;
async function flavor(extraSpecs: Record<string, string>, vcpus = 1): Promise<string> {
  const id = `f${++flavors}`;
  await cloud.admin.ask('compute', 'POST', '/flavors', { flavor: { id, name: id, ram: 512, vcpus, disk: 1 } });
  await cloud.admin.ask('compute', 'POST', `/flavors/${id}/os-extra_specs`, { extra_specs: extraSpecs });
  return id;
}
const latest = { 'OpenStack-API-Version': 'compute 2.100' };
async function boot(
  asker: Asker,
  flavorRef: string,
  more: Record<string, unknown> = {},
  hints: Record<string, unknown> = {},
): Promise<string> {
  const { status, body } = await asker.ask(
    'compute',
    'POST',
    '/servers',
    { server: { name: 's', flavorRef, imageRef: cloud.imageId, networks: 'none', ...more }, 'OS-SCH-HNT:scheduler_hints': hints },
    latest,
  );
  if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body.server.id as string;
}
const hostOf = async (id: string): Promise<string> =>
  (await cloud.admin.ask('compute', 'GET', `/servers/${id}`)).body.server['OS-EXT-SRV-ATTR:host'];
const active = async (...args: Parameters<typeof boot>): Promise<{ id: string; host: string }> => {
  const id = await boot(...args);
  await cloud.settled(args[0], id, 'ACTIVE');
  return { id, host: await hostOf(id) };
};
const faultOf = async (...args: Parameters<typeof boot>): Promise<string> => {
  const id = await boot(...args);
  const server = await cloud.settled(args[0], id, 'ERROR');
  await args[0].ask('compute', 'DELETE', `/servers/${id}`);
  await cloud.gone(args[0], id);
  return server.fault.message;
};
const remove = async (asker: Asker, ...ids: readonly string[]): Promise<void> => {
  for (const id of ids) await asker.ask('compute', 'DELETE', `/servers/${id}`);
  for (const id of ids) await cloud.gone(asker, id);
};

test('servers with dedicated processors fill the hosts and no more; what a deleted one leaves is given again', async () => {
  const half = await flavor({ 'hw:cpu_policy': 'dedicated' }, 8);
  const servers = [await active(user, half), await active(user, half), await active(user, half), await active(user, half)];
  expect(servers.map(({ host }) => host).toSorted()).toEqual(['fake-1', 'fake-1', 'fake-2', 'fake-2']);
  expect(await faultOf(user, half)).toContain('2 lack NUMA nodes the server fits on');
  await remove(user, servers[0]!.id);
  // until the host has told what it has again, there may be none
  const again = await waitUntil(
    async () => {
      const id = await boot(user, half);
      const status = await settledStatus(id);
      if (status === 'ACTIVE') return id;
      await remove(user, id);
      return null;
    },
    { clock: systemClock, timeoutMs: 20_000, everyMs: 50, what: 'the processors of a deleted server' },
  );
  expect(await hostOf(again)).toBe(servers[0]!.host);
  await remove(user, again);
  await remove(user, ...servers.slice(1).map(({ id }) => id));
});

test('a flavor that contradicts itself is refused at once', async () => {
  const refused = async (extraSpecs: Record<string, string>): Promise<string> =>
    boot(user, await flavor(extraSpecs, 3)).then(
      () => 'accepted',
      (error: unknown) => (error as Error).message,
    );
  expect(await refused({ 'hw:numa_nodes': '2' })).toContain('400');
  expect(await refused({ 'hw:cpu_thread_policy': 'require' })).toContain(
    'Cannot set cpu thread pinning policy in a non dedicated CPU policy',
  );
  expect(await refused({ 'pci_passthrough:alias': 'tpu:1' })).toContain('PCI alias tpu is not defined');
});

test('PCI devices are given once, and why there is none left is said', async () => {
  const gpu = await flavor({ 'pci_passthrough:alias': 'gpu:1' });
  const [one, two] = [await active(user, gpu), await active(user, gpu)];
  expect([one.host, two.host].toSorted()).toEqual(['fake-1', 'fake-2']);
  expect(await faultOf(user, gpu)).toContain('2 lack the PCI devices that are asked for');
  await remove(user, one.id, two.id);
});

test('placement counts PCI devices where it is told of them', async () => {
  const counted = await startTestCloud(`${conf}\npci_in_placement = true\n[pci]\nreport_in_placement = true\n`);
  try {
    await counted.admin.ask('compute', 'POST', '/flavors', { flavor: { id: 'gpu', name: 'gpu', ram: 512, vcpus: 1, disk: 1 } });
    await counted.admin.ask('compute', 'POST', '/flavors/gpu/os-extra_specs', { extra_specs: { 'pci_passthrough:alias': 'gpu:1' } });
    const made = await Promise.all(
      [1, 2].map(async () => {
        const server = { name: 's', flavorRef: 'gpu', imageRef: counted.imageId, networks: 'none' };
        const { body } = await counted.admin.ask('compute', 'POST', '/servers', { server }, latest);
        await counted.settled(counted.admin, body.server.id, 'ACTIVE');
        return body.server.id as string;
      }),
    );
    const holders = await Promise.all(
      made.map(async (id) => {
        const { allocations } = (await counted.admin.ask('placement', 'GET', `/allocations/${id}`)).body;
        return Object.values(allocations as Record<string, { resources: Record<string, number> }>).find(
          ({ resources }) => 'CUSTOM_PCI_10DE_1DB4' in resources,
        );
      }),
    );
    expect(holders.map((holder) => holder?.resources)).toEqual([{ CUSTOM_PCI_10DE_1DB4: 1 }, { CUSTOM_PCI_10DE_1DB4: 1 }]);
  } finally {
    await counted.stop();
  }
});

test('servers of an anti-affinity group that are made at once are apart, and one too many is told why', async () => {
  const group = (await user.ask('compute', 'POST', '/os-server-groups', { server_group: { name: 'g', policy: 'anti-affinity' } }, latest))
    .body.server_group;
  const small = await flavor({});
  const ids = await Promise.all(Array.from({ length: 3 }, () => boot(user, small, {}, { group: group.id })));
  await Promise.all(ids.map(settledStatus));
  const servers = await Promise.all(ids.map(async (id) => (await user.ask('compute', 'GET', `/servers/${id}`)).body.server));
  const hosts = await Promise.all(servers.filter(({ status }) => status === 'ACTIVE').map(({ id }) => hostOf(id)));
  expect(hosts.toSorted()).toEqual(['fake-1', 'fake-2']);
  expect(servers.find(({ status }) => status === 'ERROR').fault.message).toContain('2 are taken by another server of the group');
  await remove(user, ...ids);
});

test('hints keep servers together, apart, or where an expression holds', async () => {
  const small = await flavor({});
  const first = await active(user, small);
  const beside = await active(user, small, {}, { same_host: [first.id] });
  const apart = await active(user, small, {}, { different_host: [first.id] });
  const asked = await active(user, small, {}, { query: JSON.stringify(['=', '$host', 'fake-2']) });
  expect([beside.host === first.host, apart.host === first.host, asked.host]).toEqual([true, false, 'fake-2']);
  await remove(user, first.id, beside.id, apart.id, asked.id);
});

test('an administrator sends a server to a host, past filters or through them', async () => {
  const small = await flavor({});
  const forced = await active(cloud.admin, small, { availability_zone: 'nova:fake-2' });
  const requested = await active(cloud.admin, small, { host: 'fake-1' });
  expect([forced.host, requested.host]).toEqual(['fake-2', 'fake-1']);
  await remove(cloud.admin, forced.id, requested.id);
});
