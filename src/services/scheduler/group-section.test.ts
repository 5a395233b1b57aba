import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDatabase } from '../../../test/support/database.ts';
import type { Selection } from '../../contracts/scheduler.ts';
import { createServerGroup, type ServerGroup } from '../../store/server-groups.ts';
import { openStores, type Stores } from '../../store/stores.ts';
import { groupSections } from './group-section.ts';
import { selectDestinations } from './select-destinations.ts';
import { flavorOf, requestSpec } from './test-support/request.ts';
import { schedulerOf } from './test-support/scheduler.ts';

let stores: Stores;
/** The databases as another process sees them. */
let elsewhere: Stores;
let drop: () => Promise<unknown>;

beforeAll(async () => {
  const databases = await Promise.all(
    ['api', 'cell0', 'cell1'].map((name) => temporaryDatabase(() => Promise.resolve(), `scheduler_${name}`)),
  );
  const [api, cell0, cell1] = databases.map(({ url }) => url);
  const open = () => openStores({ api: api!, cell0: cell0!, cell1: cell1!, maxConnections: 6 });
  stores = await open();
  elsewhere = await open();
  drop = () => Promise.all(databases.map((database) => database.drop()));
});
afterAll(async () => {
  await Promise.all([stores.close(), elsewhere.close()]);
  await drop();
});

async function makeGroup(policy: ServerGroup['policy'], rules: ServerGroup['rules'] = {}): Promise<string> {
  const group = { id: randomUUID(), name: 'g', projectId: 'p', userId: 'u', policy, rules };
  await createServerGroup(stores.api, group, -1);
  return group.id;
}

/** An accepted server of a group, which nobody has placed. */
async function join(groupId: string): Promise<string> {
  const uuid = randomUUID();
  const { id } = await stores.api.selectFrom('server_groups').select('id').where('uuid', '=', groupId).executeTakeFirstOrThrow();
  await stores.api.insertInto('server_group_members').values({ group_id: id, instance_id: uuid }).execute();
  const { vcpus, memoryMb, rootGb, ephemeralGb } = flavorOf();
  await stores.cell0.database
    .insertInto('instances')
    .values({
      uuid, project_id: 'p', user_id: 'u', name: uuid, hostname: uuid, vm_state: 'building', task_state: 'scheduling', flavor_id: '2', vcpus, memory_mb: memoryMb,
      root_gb: rootGb, ephemeral_gb: ephemeralGb, flavor: JSON.stringify(flavorOf()), reservation_id: 'r-1',
    })
    .execute(); // prettier-ignore
  return uuid;
}
const become = (uuid: string, changes: { readonly host?: string | null; readonly vm_state?: string; readonly task_state?: string | null; readonly deleted_at?: Date }) =>
  stores.cell0.database.updateTable('instances').set(changes as never).where('uuid', '=', uuid).execute(); // prettier-ignore

const hostsNamed = (count: number) => Array.from({ length: count }, (_, index) => ({ host: `host-${index}` }));
const chosen = (selection: Selection): string => (selection.found ? selection.destinations[0]!.chosen.host : 'none');

/** Two schedulers in two processes over the same hosts and the same placement, which takes its time. */
function twoSchedulers(hosts: Parameters<typeof schedulerOf>[0]) {
  const pause = () => new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 3));
  const one = schedulerOf(hosts, { stores, groups: groupSections({ stores }), pause });
  const other = { ...one.deps, stores: elsewhere, groups: groupSections({ stores: elsewhere }) };
  return {
    ...one,
    place: (groupId: string, id: string, by: number) =>
      selectDestinations(by % 2 === 0 ? one.deps : other, { spec: requestSpec({ groupId }), instanceIds: [id] }),
  };
}

test('a hundred servers of an anti-affinity group that are placed at once are on a hundred hosts', async () => {
  const groupId = await makeGroup('anti-affinity');
  const { place, placement } = twoSchedulers(hostsNamed(100));
  const ids = await Promise.all(Array.from({ length: 101 }, () => join(groupId)));
  const hosts = (await Promise.all(ids.map((id, by) => place(groupId, id, by)))).map(chosen);
  expect(hosts.filter((host) => host === 'none')).toHaveLength(1);
  expect(new Set(hosts).size).toBe(101);
  expect(placement.held.size).toBe(100);
});

test('max_server_per_host is not passed by one', async () => {
  const groupId = await makeGroup('anti-affinity', { max_server_per_host: 3 });
  const { place } = twoSchedulers(hostsNamed(4));
  const ids = await Promise.all(Array.from({ length: 16 }, () => join(groupId)));
  const hosts = (await Promise.all(ids.map((id, by) => place(groupId, id, by)))).map(chosen);
  expect([...Map.groupBy(hosts, (host) => host)].map(([host, list]) => [host, list.length]).toSorted()).toEqual([
    ['host-0', 3], ['host-1', 3], ['host-2', 3], ['host-3', 3], ['none', 4],
  ]); // prettier-ignore
});

test('a hundred servers of an affinity group that are placed at once are on one host', async () => {
  const groupId = await makeGroup('affinity');
  const { place } = twoSchedulers(
    hostsNamed(10).map((made) => ({ ...made, capacity: { VCPU: 1000, MEMORY_MB: 1_000_000, DISK_GB: 10_000 } })),
  );
  const ids = await Promise.all(Array.from({ length: 100 }, () => join(groupId)));
  const hosts = (await Promise.all(ids.map((id, by) => place(groupId, id, by)))).map(chosen);
  expect(new Set(hosts).size).toBe(1);
});

test('members count where they are, and while something is done to them where they go; no more when they are gone', async () => {
  const groupId = await makeGroup('anti-affinity');
  const { place } = twoSchedulers(hostsNamed(3));
  const [first, second, third] = await Promise.all([join(groupId), join(groupId), join(groupId)]);
  expect(chosen(await place(groupId, first, 0))).toBe('host-0');
  await become(first, { host: 'host-1', vm_state: 'active', task_state: 'migrating' }); // comes from there
  expect(chosen(await place(groupId, second, 0))).toBe('host-2');
  await become(first, { host: 'host-1', task_state: null });
  expect(chosen(await place(groupId, third, 0))).toBe('host-0');
  await become(second, { vm_state: 'error', task_state: null }); // its build has failed
  await become(first, { deleted_at: new Date() });
  const more = [await join(groupId), await join(groupId)];
  expect([chosen(await place(groupId, more[0]!, 0)), chosen(await place(groupId, more[1]!, 0))].toSorted()).toEqual(['host-1', 'host-2']);
});

test('a policy nobody enforces is refused', async () => {
  const groupId = await makeGroup('affinity');
  const { deps } = schedulerOf(hostsNamed(1), {
    stores,
    groups: groupSections({ stores }),
    conf: ['[filter_scheduler]', 'enabled_filters = ComputeFilter'],
  });
  expect(await selectDestinations(deps, { spec: requestSpec({ groupId }), instanceIds: [await join(groupId)] })).toMatchObject({
    found: false,
    message: 'No valid host was found. ServerGroup policy is not supported: ServerGroupAffinityFilter not configured',
  });
});

test('soft policies prefer, and yield', async () => {
  const capacity = { VCPU: 4, MEMORY_MB: 16_384, DISK_GB: 200 };
  const { place } = twoSchedulers(hostsNamed(2).map((made) => ({ ...made, capacity })));
  const near = await makeGroup('soft-affinity');
  const hosts: string[] = [];
  for (let count = 0; count < 3; count++) hosts.push(chosen(await place(near, await join(near), 0)));
  expect([hosts[0] === hosts[1], hosts[1] === hosts[2]]).toEqual([true, false]);
});
