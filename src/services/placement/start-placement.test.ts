import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDatabase, type TemporaryDatabase } from '../../../test/support/database.ts';
import { createPlacementClient } from '../../clients/placement-http.ts';
import type { NewAllocations } from '../../clients/placement.ts';
import { readSettings } from '../../config/index.ts';
import { systemClock } from '../../lib/clock.ts';
import { randomIds } from '../../lib/ids.ts';
import { silentLog } from '../../lib/log.ts';
import { migratePlacement, startPlacement, type RunningPlacement } from './start-placement.ts';
import { callerOf } from './testing/placement-for-tests.ts';

let database: TemporaryDatabase;
let services: readonly RunningPlacement[];

const start = (): Promise<RunningPlacement> =>
  startPlacement({
    databaseUrl: database.url,
    settings: readSettings('').settings,
    identity: { authenticate: (headers) => Promise.resolve(callerOf(headers['x-auth-token']?.toString())) },
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
    host: '127.0.0.1',
    port: 0,
  });

beforeAll(async () => {
  database = await temporaryDatabase(migratePlacement, 'placement');
  services = await Promise.all([start(), start()]);
});
afterAll(async () => {
  await Promise.all(services.map((service) => service.stop()));
  await database.drop();
});

const session = { token: () => Promise.resolve('admin,service') };
const clientOf = (service: RunningPlacement | undefined) =>
  createPlacementClient({ endpoints: { url: () => Promise.resolve(service!.url) }, log: silentLog });
const inventory = (total: number) => ({ total, reserved: 0, minUnit: 1, maxUnit: total, stepSize: 1, allocationRatio: 1 });
const wanted = (allocations: NewAllocations['allocations'], consumerGeneration: number | null = null): NewAllocations => ({
  allocations,
  projectId: 'p',
  userId: 'u',
  consumerGeneration,
  consumerType: 'INSTANCE',
});

test('a host reports itself through the client, a server is placed on it, and another process of the service knows at once', async () => {
  const [one, other] = services.map(clientOf);
  const host = randomUUID();
  const server = randomUUID();
  const made = await one!.ensureProvider(session, { uuid: host, name: `host-${host}` });
  expect(await one!.ensureProvider(session, { uuid: host, name: `host-${host}` })).toEqual(made);
  await one!.ensureTraits(session, ['CUSTOM_FAST', 'HW_CPU_X86_AVX']);
  await one!.ensureResourceClasses(session, ['CUSTOM_GOLD', 'VCPU']);
  let generation = await one!.setInventories(session, host, made.generation, { VCPU: inventory(4), CUSTOM_GOLD: inventory(2) });
  generation = await one!.setTraits(session, host, generation, ['CUSTOM_FAST']);
  const aggregate = randomUUID();
  generation = await one!.setAggregates(session, host, generation, [aggregate]);
  expect(await other!.provider(session, host)).toEqual({
    uuid: host,
    name: `host-${host}`,
    generation,
    parentProviderUuid: null,
    rootProviderUuid: host,
  });

  const query = `limit=10&member_of=in:${aggregate}&required=CUSTOM_FAST&resources=CUSTOM_GOLD:1,VCPU:3`;
  const { candidates, summaries } = await other!.allocationCandidates(session, query);
  expect([candidates, summaries[host]?.resources]).toEqual([
    [{ allocations: { [host]: { resources: { CUSTOM_GOLD: 1, VCPU: 3 } } }, mappings: { '': [host] } }],
    { CUSTOM_GOLD: { capacity: 2, used: 0 }, VCPU: { capacity: 4, used: 0 } },
  ]);
  await other!.putAllocations(session, server, wanted(candidates[0]!.allocations));
  expect((await one!.allocationCandidates(session, query)).candidates).toEqual([]);
  expect(await one!.providerAllocations(session, host)).toEqual({ [server]: { CUSTOM_GOLD: 1, VCPU: 3 } });
  expect(await one!.usages(session, 'p', 'u')).toEqual({ INSTANCE: { CUSTOM_GOLD: 1, VCPU: 3, consumer_count: 1 } });
  await one!.deleteAllocations(session, server);
  await one!.deleteAllocations(session, server);
  expect(await one!.allocations(session, server)).toEqual({
    allocations: {},
    consumerGeneration: null,
    projectId: null,
    userId: null,
    consumerType: null,
  });
  await one!.deleteProvider(session, host);
  expect([await other!.provider(session, host), await other!.providers(session, { uuid: host })]).toEqual([null, []]);
});

test('a lost race is a conflict with its code, and nothing is changed', async () => {
  const client = clientOf(services[0]);
  const host = randomUUID();
  const server = randomUUID();
  await client.ensureProvider(session, { uuid: host, name: host });
  await client.setInventories(session, host, 0, { VCPU: inventory(4) });
  await expect(client.setInventories(session, host, 0, { VCPU: inventory(5) })).rejects.toMatchObject({
    kind: 'conflict',
    code: 'placement.concurrent_update',
  });
  await client.putAllocations(session, server, wanted({ [host]: { resources: { VCPU: 1 } } }));
  await expect(client.putAllocations(session, server, wanted({ [host]: { resources: { VCPU: 2 } } }))).rejects.toMatchObject({
    kind: 'conflict',
    code: 'placement.concurrent_update',
  });
  expect((await client.allocations(session, server)).allocations).toEqual({ [host]: { resources: { VCPU: 1 } } });
});

test('a reshape moves inventory and what is used of it to a child, all at once or not at all', async () => {
  const client = clientOf(services[0]);
  const [host, child, server] = [randomUUID(), randomUUID(), randomUUID()];
  await client.ensureProvider(session, { uuid: host, name: host });
  await client.ensureProvider(session, { uuid: child, name: child, parentProviderUuid: host });
  await client.setInventories(session, host, 0, { VCPU: inventory(4), VGPU: inventory(1) });
  await client.putAllocations(session, server, wanted({ [host]: { resources: { VCPU: 2, VGPU: 1 } } }));
  const change = (vgpus: number) => ({
    inventories: {
      [host]: { generation: 2, inventories: { VCPU: inventory(4) } },
      [child]: { generation: 0, inventories: { VGPU: inventory(vgpus) } },
    },
    allocations: { [server]: wanted({ [host]: { resources: { VCPU: 2 } }, [child]: { resources: { VGPU: 2 } } }, 1) },
  });
  await expect(client.reshape(session, change(1))).rejects.toMatchObject({ kind: 'conflict' });
  expect(Object.keys((await client.inventories(session, host)).inventories)).toEqual(['VCPU', 'VGPU']);
  await client.reshape(session, change(2));
  expect([(await client.inventories(session, host)).inventories, await client.providerAllocations(session, child)]).toEqual([
    { VCPU: inventory(4) },
    { [server]: { VGPU: 2 } },
  ]);
});
