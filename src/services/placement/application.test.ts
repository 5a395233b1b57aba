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
