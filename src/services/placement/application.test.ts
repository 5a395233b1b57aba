import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDatabase, type TemporaryDatabase } from '../../../test/support/database.ts';
import { migratePlacement } from './start-placement.ts';
import { placementForTests, type PlacementForTests } from './testing/placement-for-tests.ts';

let database: TemporaryDatabase;
let placement: PlacementForTests;

beforeAll(async () => {
  database = await temporaryDatabase(migratePlacement, 'placement');
  placement = placementForTests(database.url);
});
afterAll(async () => {
  await placement[Symbol.asyncDispose]();
  await database.drop();
});

async function makeHost(
  resources: Record<string, Record<string, number>>,
  options: { traits?: string[]; parent?: string } = {},
): Promise<string> {
  const uuid = randomUUID();
  const made = await placement.ask('POST', '/resource_providers', {
    body: { name: uuid, uuid, ...(options.parent === undefined ? {} : { parent_provider_uuid: options.parent }) },
  });
  expect(made.status).toBe(200);
  const set = await placement.ask('PUT', `/resource_providers/${uuid}/inventories`, {
    body: { resource_provider_generation: 0, inventories: resources },
  });
  expect(set.status).toBe(200);
  if (options.traits !== undefined) {
    const traits = await placement.ask('PUT', `/resource_providers/${uuid}/traits`, {
      body: { resource_provider_generation: 1, traits: options.traits },
    });
    expect(traits.status).toBe(200);
  }
  return uuid;
}

const claim = (provider: string, resources: Record<string, number>, generation: number | null = null) => ({
  allocations: { [provider]: { resources } },
  project_id: 'p',
  user_id: 'u',
  consumer_generation: generation,
  consumer_type: 'INSTANCE',
});

test('the version document is public and names the window', async () => {
  const answer = await placement.app.inject({ url: '/' });
  expect({ status: answer.statusCode, body: answer.json<unknown>(), version: answer.headers['openstack-api-version'] }).toMatchObject({
    status: 200,
    version: 'placement 1.0',
    body: { versions: [{ min_version: '1.0', max_version: '1.39' }] },
  });
});

test('a claim is granted, shown and released, and candidates follow it', async () => {
  const host = await makeHost({ VCPU: { total: 4 }, MEMORY_MB: { total: 4096 } }, { traits: ['HW_CPU_X86_VMX'] });
  const query = `/allocation_candidates?resources=VCPU:3,MEMORY_MB:1024&required=HW_CPU_X86_VMX&in_tree=${host}`;
  const consumer = randomUUID();
  const before = await placement.ask('GET', query);
  expect(before.body).toEqual({
    allocation_requests: [{ allocations: { [host]: { resources: { VCPU: 3, MEMORY_MB: 1024 } } }, mappings: { '': [host] } }],
    provider_summaries: {
      [host]: {
        resources: { VCPU: { capacity: 4, used: 0 }, MEMORY_MB: { capacity: 4096, used: 0 } },
        traits: ['HW_CPU_X86_VMX'],
        parent_provider_uuid: null,
        root_provider_uuid: host,
      },
    },
  });
  expect((await placement.ask('PUT', `/allocations/${consumer}`, { body: claim(host, { VCPU: 3, MEMORY_MB: 1024 }) })).status).toBe(204);
  expect((await placement.ask('GET', query)).body).toEqual({ allocation_requests: [], provider_summaries: {} });
  expect((await placement.ask('GET', `/allocations/${consumer}`)).body).toEqual({
    allocations: { [host]: { generation: 3, resources: { VCPU: 3, MEMORY_MB: 1024 } } },
    project_id: 'p',
    user_id: 'u',
    consumer_generation: 1,
    consumer_type: 'INSTANCE',
  });
  expect((await placement.ask('DELETE', `/allocations/${consumer}`)).status).toBe(204);
  expect((await placement.ask('GET', query)).body).toEqual(before.body);
});

test('only administrators and services may use placement; a project may read its own usage', async () => {
  const host = await makeHost({ VCPU: { total: 4 } });
  const statuses = async (roles: string) =>
    Promise.all(
      [
        '/resource_providers',
        `/resource_providers/${host}/inventories`,
        '/allocation_candidates?resources=VCPU:1',
        '/usages?project_id=project',
        '/usages?project_id=other',
      ].map(async (url) => (await placement.ask('GET', url, { roles })).status),
    );
  expect(await statuses('reader')).toEqual([403, 403, 403, 200, 403]);
  expect(await statuses('service')).toEqual([200, 200, 200, 200, 200]);
  expect((await placement.ask('POST', '/reshaper', { roles: 'admin', body: {} })).status).toBe(403);
  expect((await placement.app.inject({ url: '/resource_providers' })).statusCode).toBe(401);
});

test('errors have a code since 1.23, unknown methods name the known ones, versions outside the window are 406', async () => {
  const old = await placement.ask('GET', `/resource_providers/${randomUUID()}`, { version: '1.22' });
  const recent = await placement.ask('GET', `/resource_providers/${randomUUID()}`, { version: '1.23' });
  expect([old.body.errors[0].code, recent.body.errors[0].code, recent.body.errors[0].title]).toEqual([
    undefined,
    'placement.undefined_code',
    'Not Found',
  ]);
  const unknown = await placement.ask('PUT', '/resource_providers', { body: {} });
  expect([unknown.status, unknown.headers['allow']]).toEqual([405, 'GET, POST']);
  expect((await placement.ask('GET', '/traits', { version: '1.5' })).status).toBe(404);
  expect((await placement.ask('DELETE', `/resource_providers/${randomUUID()}/inventories`, { version: '1.4' })).status).toBe(405);
  expect((await placement.ask('GET', '/resource_providers', { version: '1.40' })).body.errors[0]).toMatchObject({
    status: 406,
    min_version: '1.0',
    max_version: '1.39',
  });
});

test('a provider moves with all below it, and never below itself', async () => {
  const [a, b] = [await makeHost({}), await makeHost({})];
  const child = await makeHost({ VGPU: { total: 1 } }, { parent: a });
  const grandchild = await makeHost({ VGPU: { total: 1 } }, { parent: child });
  const move = async (uuid: string, parent: string | null, version = '1.37') =>
    (await placement.ask('PUT', `/resource_providers/${uuid}`, { version, body: { name: uuid, parent_provider_uuid: parent } })).status;
  expect([await move(child, grandchild), await move(child, b, '1.36'), await move(child, b)]).toEqual([400, 400, 200]);
  expect((await placement.ask('GET', `/resource_providers/${grandchild}`)).body.root_provider_uuid).toBe(b);
  const inTree = await placement.ask('GET', `/allocation_candidates?resources=VGPU:1&in_tree=${b}`);
  expect(inTree.body.allocation_requests).toHaveLength(2);
  expect((await placement.ask('DELETE', `/resource_providers/${b}`)).body.errors[0].code).toBe(
    'placement.resource_provider.cannot_delete_parent',
  );
});

test('an older claim is a list and an older candidate fits it', async () => {
  const host = await makeHost({ VCPU: { total: 4 } });
  const aggregate = randomUUID();
  await placement.ask('PUT', `/resource_providers/${host}/aggregates`, { version: '1.18', body: [aggregate] });
  const { body } = await placement.ask('GET', `/allocation_candidates?resources=VCPU:4`, { version: '1.10' });
  const found = body.allocation_requests.find(
    (request: { allocations: { resource_provider: { uuid: string } }[] }) => request.allocations[0]?.resource_provider.uuid === host,
  );
  const consumer = randomUUID();
  expect((await placement.ask('PUT', `/allocations/${consumer}`, { version: '1.7', body: found })).status).toBe(204);
  expect((await placement.ask('GET', `/allocations/${consumer}`)).body).toMatchObject({
    project_id: '00000000-0000-0000-0000-000000000000',
    consumer_type: 'unknown',
  });
});

test('what is used cannot be taken away, and the refusal says what', async () => {
  const host = await makeHost({ VCPU: { total: 4 }, DISK_GB: { total: 10 } });
  const consumer = randomUUID();
  await placement.ask('PUT', `/allocations/${consumer}`, { body: claim(host, { VCPU: 1 }) });
  const emptied = await placement.ask('PUT', `/resource_providers/${host}/inventories`, {
    body: { resource_provider_generation: 2, inventories: { DISK_GB: { total: 10 } } },
  });
  expect([emptied.status, emptied.body.errors[0].code]).toEqual([409, 'placement.inventory.inuse']);
  expect((await placement.ask('DELETE', `/resource_providers/${host}`)).body.errors[0].code).toBe('placement.resource_provider.inuse');
  const again = await placement.ask('PUT', `/allocations/${consumer}`, { body: claim(host, { VCPU: 9 }, 1) });
  expect([again.status, again.body.errors[0].detail]).toEqual([
    409,
    `Unable to allocate inventory: Unable to create allocation for 'VCPU' on resource provider '${host}'. The requested amount would exceed the capacity: 9 requested, 4 free.`,
  ]);
});

test('who follows the changes of providers sees claims as usage, everything else whole, and hostile snapshots are refused', async () => {
  const host = await makeHost({ VCPU: { total: 8 } }, { traits: ['HW_CPU_X86_AVX'] });
  const feed = (since?: string) =>
    placement.ask('GET', `/kilonova/v1/provider_changes${since === undefined ? '' : `?since=${encodeURIComponent(since)}`}`);
  const all = (await feed()).body;
  const row = all.changed.find(([, uuid]: [number, string]) => uuid === host);
  expect([row[7], all.traits[row[8]]]).toEqual([{ VCPU: [8, 0, 1, 2_147_483_647, 1, 1, 0] }, 'HW_CPU_X86_AVX']);
  await placement.ask('PUT', `/allocations/${randomUUID()}`, { body: claim(host, { VCPU: 3 }) });
  const claimed = (await feed(all.snapshot)).body;
  expect([claimed.changed, claimed.usages]).toEqual([null, [[row[0], 3, expect.any(Number), { VCPU: 3 }]]]);
  await placement.ask('PUT', `/resource_providers/${host}/traits`, { body: { resource_provider_generation: 3, traits: [] } });
  const changed = (await feed(claimed.snapshot)).body;
  expect([changed.usages, changed.changed[0].slice(7)]).toEqual([null, [{ VCPU: [8, 0, 1, 2_147_483_647, 1, 1, 3] }, null, null]]);
  const refused = await Promise.all(["1:1:'", '', '1:1:1,', 'x'].map((since) => feed(since)));
  expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
  expect((await placement.ask('GET', '/kilonova/v1/provider_changes', { roles: 'reader' })).status).toBe(403);
});
