import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPlacementClient } from '../../src/clients/placement-http.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { ManageDeps } from '../../src/services/manage/manage-deps.ts';
import { auditAllocations } from '../../src/services/manage/placement/audit.ts';
import { healAllocations, type HealOptions } from '../../src/services/manage/placement/heal-allocations.ts';
import { syncAggregates } from '../../src/services/manage/placement/sync-aggregates.ts';
import { resourcesOf } from '../../src/services/scheduler/candidates-query.ts';
import { startTestCloud, type TestCloud } from '../support/cloud.ts';

let cloud: TestCloud;
let placement: ReturnType<typeof createPlacementClient>;
beforeAll(async () => {
  cloud = await startTestCloud();
  placement = createPlacementClient({ endpoints: cloud.cloud.identity.endpoints, log: silentLog });
});
afterAll(async () => {
  await placement.close();
  await cloud.stop();
});

/** Runs a command; answers its exit code and what it wrote. */
async function run<Options>(
  command: (deps: ManageDeps, options: Options) => Promise<number>,
  options: Options,
): Promise<{ readonly code: number; readonly text: string }> {
  let text = '';
  const deps: ManageDeps = {
    stores: cloud.cloud.stores,
    placement,
    session: cloud.cloud.identity.serviceSession,
    amountsOf: (server) => resourcesOf(server as never),
    write: (more) => void (text += more),
  };
  return { code: await command(deps, options), text };
}
const heal = (options: HealOptions = {}) => run(healAllocations, options);

async function boot(): Promise<string> {
  const server = { name: 'one', imageRef: cloud.imageId, flavorRef: '1', networks: 'none' };
  const { id } = (await cloud.admin.ask('compute', 'POST', '/servers', { server })).body.server;
  await cloud.settled(cloud.admin, id, 'ACTIVE');
  return id;
}
const allocationsOf = async (id: string) => (await cloud.admin.ask('placement', 'GET', `/allocations/${id}`)).body.allocations;

test('servers without allocations are given what their flavors take, on their hosts', async () => {
  const [first, second] = [await boot(), await boot()];
  const before = await allocationsOf(first);
  expect(await heal()).toEqual({ code: 4, text: expect.stringContaining('Processed 2 instances.') });
  for (const id of [first, second]) await cloud.admin.ask('placement', 'DELETE', `/allocations/${id}`);

  const dry = await heal({ dryRun: true });
  expect(dry.code).toBe(4);
  expect(dry.text).toContain(`[dry-run] Create allocations for instance ${first}`);
  expect(await allocationsOf(first)).toEqual({});

  expect(await heal({ maxCount: '1' })).toEqual({ code: 1, text: expect.stringContaining('Max count reached. Processed 1 instances.') });
  const healed = await heal({ verbose: true });
  expect(healed).toEqual({ code: 0, text: expect.stringContaining('Found 2 candidate instances.') });
  expect(healed.text).toContain('already has allocations with matching consumer project/user');
  const after = await allocationsOf(first);
  expect(Object.values(after).map((held) => (held as { resources: object }).resources)).toEqual(
    Object.values(before).map((held) => (held as { resources: object }).resources),
  );
  expect(Object.keys(after)).toEqual(Object.keys(before));
  expect(
    (await cloud.admin.ask('placement', 'GET', `/allocations/${second}`, undefined, { 'openstack-api-version': 'placement 1.38' })).body,
  ).toMatchObject({
    project_id: cloud.admin.projectId,
    consumer_type: 'INSTANCE',
  });
  const forced = await heal({ instance: first, force: true });
  expect(forced).toEqual({ code: 0, text: `Successfully updated allocations for instance ${first}.\nProcessed 1 instances.\n` });
});

test('what cannot be healed and what makes no sense have exit codes of their own', async () => {
  const codes = await Promise.all([
    heal({ maxCount: '0' }),
    heal({ maxCount: 'many' }),
    heal({ force: true }),
    heal({ instance: randomUUID(), cell: randomUUID() }),
    heal({ cell: randomUUID() }),
    heal({ instance: 'no-id' }),
    heal({ instance: randomUUID() }),
  ]);
  expect(codes.map(({ code }) => code)).toEqual([127, 127, 127, 127, 127, 127, 4]);
  const id = await boot();
  await cloud.admin.ask('placement', 'DELETE', `/allocations/${id}`);
  const { database } = cloud.cloud.stores.defaultCell;
  const { node } = await database.selectFrom('instances').select('node').where('uuid', '=', id).executeTakeFirstOrThrow();
  await database.updateTable('instances').set({ node: 'gone' }).where('uuid', '=', id).execute();
  expect((await heal({ instance: id })).code).toBe(2);
  await database.updateTable('instances').set({ node }).where('uuid', '=', id).execute();
  await cloud.admin.ask('placement', 'PUT', `/allocations/${id}`, undefined);
  expect((await heal({ instance: id })).code).toBe(0);
});

test('allocations of nobody are found and given back, those of servers stay', async () => {
  const id = await boot();
  expect((await run(auditAllocations, {})).code).toBe(0);
  const [provider] = Object.keys(await allocationsOf(id));
  const orphan = randomUUID();
  const claim = { allocations: { [provider!]: { resources: { VCPU: 1 } } }, project_id: 'p', user_id: 'u', consumer_generation: null };
  const version = { 'openstack-api-version': 'placement 1.28' };
  expect((await cloud.admin.ask('placement', 'PUT', `/allocations/${orphan}`, claim, version)).status).toBe(204);

  const found = await run(auditAllocations, { verbose: true });
  expect(found.code).toBe(3);
  expect(found.text).toContain(`Allocations for consumer UUID ${orphan} on Resource Provider ${provider} can be deleted`);
  expect(found.text).not.toContain(id);
  expect((await run(auditAllocations, { resourceProvider: randomUUID() })).code).toBe(127);
  expect((await run(auditAllocations, { resourceProvider: 'x' })).code).toBe(127);

  expect((await run(auditAllocations, { delete: true, resourceProvider: provider! })).code).toBe(4);
  expect([await allocationsOf(orphan), Object.keys(await allocationsOf(id))]).toEqual([{}, [provider]]);
  expect((await run(auditAllocations, { delete: true })).code).toBe(0);
});

test('aggregates of hosts are put into placement; what is missing is told by the exit code', async () => {
  const { body } = await cloud.admin.ask('compute', 'POST', '/os-aggregates', { aggregate: { name: 'rack' } });
  await cloud.admin.ask('compute', 'POST', `/os-aggregates/${body.aggregate.id}/action`, { add_host: { host: 'fake-1' } });
  const { uuid } = await cloud.cloud.stores.defaultCell.database
    .selectFrom('compute_nodes')
    .select('uuid')
    .where('host', '=', 'fake-1')
    .executeTakeFirstOrThrow();
  const version = { 'openstack-api-version': 'placement 1.19' };
  const path = `/resource_providers/${uuid}/aggregates`;
  const aggregates = async () => (await cloud.admin.ask('placement', 'GET', path, undefined, version)).body;
  const { aggregates: kept, resource_provider_generation } = await aggregates();
  expect(kept).toHaveLength(1);
  await cloud.admin.ask('placement', 'PUT', path, { aggregates: [], resource_provider_generation }, version);

  expect(await run(syncAggregates, {})).toEqual({ code: 0, text: expect.stringContaining('Successfully added host (fake-1)') });
  expect((await aggregates()).aggregates).toEqual(kept);
  expect(await run(syncAggregates, {})).toEqual({ code: 0, text: '' });
  expect((await run(syncAggregates, { verbose: true })).text).toContain('already');

  const { api, defaultCell } = cloud.cloud.stores;
  const add = (host: string) => api.insertInto('aggregate_hosts').values({ aggregate_id: body.aggregate.id, host }).execute();
  const drop = (host: string) => api.deleteFrom('aggregate_hosts').where('host', '=', host).execute();
  await add('nowhere');
  expect((await run(syncAggregates, {})).code).toBe(4);
  await api.insertInto('host_mappings').values({ host: 'nowhere', cell_id: defaultCell.id }).execute();
  expect((await run(syncAggregates, {})).code).toBe(5);
  await defaultCell.database
    .insertInto('compute_nodes')
    .values([1, 2].map((n) => ({ uuid: randomUUID(), host: 'nowhere', name: `nowhere-${n}`, facts: '{}' })))
    .execute();
  expect((await run(syncAggregates, {})).code).toBe(1);
  await defaultCell.database.deleteFrom('compute_nodes').where('name', '=', 'nowhere-2').execute();
  expect((await run(syncAggregates, {})).code).toBe(6);
  await drop('nowhere');
});
