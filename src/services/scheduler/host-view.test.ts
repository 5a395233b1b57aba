import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDatabase } from '../../../test/support/database.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { waitUntil } from '../../lib/retry.ts';
import { addHost, createAggregate } from '../../store/aggregates.ts';
import { deleteService, listServices, recordNodes, recordSeen, recordService, recordStopped, updateService } from '../../store/services.ts';
import { openStores, type Stores } from '../../store/stores.ts';
import { createHostViews } from './host-view.ts';
import { watchSettling } from './settling.ts';
import { factsOf } from './test-support/hosts.ts';
import { flavorOf, imageOf, settingsOf } from './test-support/request.ts';
import { plainHost } from '../../domain/numa/testing/hosts.ts';

let stores: Stores;
let drop: () => Promise<unknown>;
/** Time that passes when it is told to; waits end at once. */
const clock = {
  time: Date.now(),
  now: () => clock.time,
  sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 1)),
};

beforeAll(async () => {
  const databases = await Promise.all(
    ['api', 'cell0', 'cell1'].map((name) => temporaryDatabase(() => Promise.resolve(), `scheduler_${name}`)),
  );
  const [api, cell0, cell1] = databases.map(({ url }) => url);
  stores = await openStores({ api: api!, cell0: cell0!, cell1: cell1!, maxConnections: 4 });
  drop = () => Promise.all(databases.map((database) => database.drop()));
});
afterAll(async () => {
  await stores.close();
  await drop();
});

async function makeHost(host: string, changes: Parameters<typeof factsOf>[0] = {}): Promise<string> {
  const uuid = randomUUID();
  const { database } = stores.defaultCell;
  await recordService(database, { uuid: randomUUID(), host, binary: 'nova-compute', topic: 'compute', version: 1, enabled: true });
  await recordNodes(database, host, [factsOf({ uuid, name: host, ...changes })]);
  return uuid;
}
const makeInstance = (host: string, vm_state: string, task_state: string | null, properties: Record<string, string> = {}) => {
  const { vcpus, memoryMb, rootGb, ephemeralGb } = flavorOf();
  const uuid = randomUUID();
  return stores.defaultCell.database
    .insertInto('instances')
    .values({
      uuid, project_id: 'p', user_id: 'u', name: uuid, hostname: uuid, vm_state, task_state, flavor_id: '2', vcpus, memory_mb: memoryMb, host,
      root_gb: rootGb, ephemeral_gb: ephemeralGb, flavor: JSON.stringify(flavorOf()), image: JSON.stringify(imageOf(properties)), reservation_id: 'r-1',
    })
    .execute(); // prettier-ignore
};

test('a view shows hosts, their aggregates and how busy they are; what has not changed is the same as before', async () => {
  const [one, two] = [await makeHost('one'), await makeHost('two')];
  const aggregate = await createAggregate(stores.api, {
    uuid: randomUUID(),
    name: 'az',
    metadata: { availability_zone: 'az1', filter_tenant_id: 'a, b' },
  });
  await addHost(stores.api, aggregate.id, 'one');
  await Promise.all([
    makeInstance('one', 'building', 'spawning', { os_distro: 'debian' }),
    makeInstance('one', 'active', null, { os_distro: 'debian' }),
    makeInstance('one', 'active', 'image_snapshot'),
    makeInstance('one', 'active', 'rebooting'),
  ]);
  const settings = settingsOf('[filter_scheduler]', 'num_instances_weight_multiplier = 1', 'image_props_weight_multiplier = 1');
  const views = createHostViews({ stores, settings, clock });
  const view = await views.current();
  expect([view.isUp('one'), view.isUp('nobody'), view.zoneOf.get('one'), view.zoneOf.get('two')]).toEqual([true, false, 'az1', undefined]);
  expect(view.aggregateMetadataOf('one')).toEqual({ availability_zone: ['az1'], filter_tenant_id: ['a', 'b'] });
  expect([view.instancesOn('one'), view.instancesOn('two'), view.ioOpsOn('one'), view.ioOpsOn('two')]).toEqual([4, 0, 2, 0]);
  expect(view.imagePropertiesOn('one')).toEqual(new Map([['os_distro=debian', 2]]));

  await recordNodes(stores.defaultCell.database, 'two', [factsOf({ uuid: two, name: 'two', vcpus: 99 })]);
  expect(await views.current()).toBe(view);
  clock.time += 1001;
  const next = await views.current();
  expect([next.nodesByUuid.get(two)?.facts.vcpus, next.nodesByUuid.get(one) === view.nodesByUuid.get(one)]).toEqual([99, true]);

  const service = (await listServices(stores)).find(({ host }) => host === 'two')!;
  await deleteService(stores, service);
  views.refresh();
  expect([...(await views.current()).nodesByUuid.keys()]).toEqual([one]);
});

test('what was taken of a host is remembered until the host says what it has', async () => {
  const uuid = await makeHost('three', { numaTopology: plainHost({}) });
  const views = createHostViews({ stores, settings: settingsOf(), clock });
  const node = (await views.current()).nodesByUuid.get(uuid)!;
  (await views.current()).remainderOf(node).numaTopology = null;
  views.refresh();
  expect((await views.current()).remainderOf(node).numaTopology).toBeNull();
  await recordNodes(stores.defaultCell.database, 'three', [factsOf({ uuid, name: 'three', numaTopology: plainHost({}) })]);
  views.refresh();
  expect((await views.current()).remainderOf(node).numaTopology).toEqual(plainHost({}));
});

test('hosts that were there are waited for until each was seen, or until time is over', async () => {
  const { database } = stores.defaultCell;
  const settle = () => watchSettling({ stores, settings: settingsOf(), clock, log: silentLog });
  clock.time = Date.now();
  await makeHost('four');
  const nobodyMissing = await settle();
  expect(nobodyMissing.isUnderWay()).toBe(false);

  await recordStopped(database, 'nova-compute', 'four');
  const waiting = await settle();
  expect(waiting.isUnderWay()).toBe(true);
  await recordSeen(database, 'nova-compute', ['four']);
  await waitUntil(() => (waiting.isUnderWay() ? null : true), {
    clock: systemClock,
    timeoutMs: 5000,
    everyMs: 5,
    what: 'the host to be back',
  });
  await recordStopped(database, 'nova-compute', 'four');
  expect(waiting.isUnderWay()).toBe(false); // it was back, and went away again
  await waiting.stop();

  const patient = await settle();
  expect(patient.isUnderWay()).toBe(true);
  clock.time += 45_001;
  expect(patient.isUnderWay()).toBe(false);
  await patient.stop();

  const four = (await listServices(stores)).find(({ host }) => host === 'four')!;
  await updateService(stores, four, { forcedDown: true });
  clock.time = Date.now();
  expect((await settle()).isUnderWay()).toBe(false); // its operator has given it up
});
