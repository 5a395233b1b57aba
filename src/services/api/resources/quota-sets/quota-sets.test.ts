import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';
import { sampleFlavor } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
let admin: Ask;
let reader: Ask;
const flavor = sampleFlavor({ name: 'm1', vcpus: 2, memoryMb: 1024 });
beforeAll(async () => {
  api = await startApiUnderTest('[quota]\nram = 4096\n');
  [admin, reader] = [api.as('ops.admin'), api.as('alpha.reader')];
  await api.server({ flavor });
  await api.server({ flavor, userId: 'other' });
  await api.server({ flavor, vmState: 'soft-delete' });
});
afterAll(() => api[Symbol.asyncDispose]());

const newest = { instances: 10, cores: 20, ram: 4096, metadata_items: 128, key_pairs: 100, server_groups: 10, server_group_members: 10 };
const files = { injected_files: 5, injected_file_content_bytes: 10_240, injected_file_path_bytes: 255 };
const networks = { fixed_ips: -1, floating_ips: -1, security_groups: -1, security_group_rules: -1 };
const put = (path: string, quota_set: object, version = '2.75') => admin('PUT', path, { version, body: { quota_set } });

describe('quotas of a project', () => {
  test('begin with the configured ones, as each microversion knows them', async () => {
    const at = async (version: string) => (await reader('GET', '/os-quota-sets/alpha', { version })).body.quota_set;
    expect(await at('2.35')).toEqual({ id: 'alpha', ...newest, ...files, ...networks });
    expect(await at('2.56')).toEqual({ id: 'alpha', ...newest, ...files });
    expect(await at('2.57')).toEqual({ id: 'alpha', ...newest });
  });

  test('are shown with what is used, counted', async () => {
    const { quota_set: set } = (await reader('GET', '/os-quota-sets/alpha/detail', { version: '2.75' })).body;
    expect(set).toMatchObject({
      id: 'alpha',
      instances: { limit: 10, in_use: 2, reserved: 0 },
      cores: { limit: 20, in_use: 4, reserved: 0 },
      ram: { limit: 4096, in_use: 2048, reserved: 0 },
      server_groups: { limit: 10, in_use: 0, reserved: 0 },
    });
    const ofUser = (await reader('GET', '/os-quota-sets/alpha/detail?user_id=other', { version: '2.75' })).body.quota_set;
    expect(ofUser.instances).toEqual({ limit: 10, in_use: 1, reserved: 0 });
  });

  test('are changed by administrators, taken back, and have defaults that stay', async () => {
    expect((await put('/os-quota-sets/alpha', { instances: '5', cores: -1 })).body).toEqual({
      quota_set: { ...newest, instances: 5, cores: -1 },
    });
    expect((await reader('GET', '/os-quota-sets/alpha', { version: '2.57' })).body.quota_set).toEqual({
      id: 'alpha',
      ...newest,
      instances: 5,
      cores: -1,
    });
    expect((await reader('GET', '/os-quota-sets/alpha/defaults', { version: '2.57' })).body.quota_set).toEqual({ id: 'alpha', ...newest });
    expect((await admin('DELETE', '/os-quota-sets/alpha')).status).toBe(202);
    expect((await reader('GET', '/os-quota-sets/alpha', { version: '2.57' })).body.quota_set).toEqual({ id: 'alpha', ...newest });
  });

  test('do not go below what is used unless forced', async () => {
    const refused = await put('/os-quota-sets/alpha', { instances: 1 });
    expect(refused.body).toEqual({
      badRequest: { code: 400, message: 'Quota limit 1 for instances must be greater than or equal to already used and reserved 2.' },
    });
    expect((await put('/os-quota-sets/alpha', { instances: 1, force: 'True' })).body.quota_set.instances).toBe(1);
    await admin('DELETE', '/os-quota-sets/alpha');
  });

  test('of a user stay within the project’s', async () => {
    expect((await put('/os-quota-sets/alpha?user_id=other', { instances: 11 })).body.badRequest.message).toBe(
      'Quota limit 11 for instances must be less than or equal to 10.',
    );
    expect((await put('/os-quota-sets/alpha?user_id=other', { instances: -1 })).status).toBe(400);
    expect((await put('/os-quota-sets/alpha?user_id=other', { instances: 3 })).body.quota_set.instances).toBe(3);
    const limit = async (query: string) => (await reader('GET', `/os-quota-sets/alpha${query}`)).body.quota_set.instances;
    expect([await limit(''), await limit('?user_id=other')]).toEqual([10, 3]);
    await admin('DELETE', '/os-quota-sets/alpha?user_id=other');
    expect(await limit('?user_id=other')).toBe(10);
  });

  test.each([
    [{ instances: -2 }, '2.1'],
    [{ instances: 'many' }, '2.1'],
    [{ instances: 2_147_483_648 }, '2.1'],
    [{ colours: 1 }, '2.1'],
    [{ floating_ips: 1 }, '2.36'],
    [{ injected_files: 1 }, '2.57'],
  ])('refuse %j at %s', async (quotas, version) => {
    expect((await put('/os-quota-sets/alpha', quotas, version)).status).toBe(400);
  });

  test('are those of a project that exists, and of one’s own', async () => {
    api.neighbours.projects = new Set(['alpha']);
    const of = async (path: string) => (await admin('GET', path)).status;
    expect([
      await of('/os-quota-sets/alpha'),
      await of('/os-quota-sets/none'),
      await of('/os-quota-sets/none/detail'),
      await of('/os-quota-sets/none/defaults'),
      (await put('/os-quota-sets/none', {})).status,
    ]).toEqual([200, 400, 400, 400, 400]);
    api.neighbours.projects = null;
    expect([
      (await reader('GET', '/os-quota-sets/beta')).status,
      (await reader('GET', '/os-quota-sets/beta/detail')).status,
      (await reader('GET', '/os-quota-sets/beta/defaults')).status,
    ]).toEqual([403, 403, 200]);
    expect([
      (await reader('GET', '/os-quota-sets/alpha?colour=red', { version: '2.75' })).status,
      (await reader('GET', '/os-quota-sets/alpha/defaults?colour=red', { version: '2.104' })).status,
    ]).toEqual([400, 200]);
  });
});

test('the default class sets the limits of all who have none of their own', async () => {
  const at = async (version: string) => (await admin('GET', '/os-quota-class-sets/default', { version })).body.quota_class_set;
  const { server_groups: _, server_group_members: __, ...before } = newest;
  expect(await at('2.49')).toEqual({ id: 'default', ...before, ...files, ...networks });
  expect(await at('2.50')).toEqual({ id: 'default', ...newest, ...files });
  const set = await admin('PUT', '/os-quota-class-sets/default', { version: '2.57', body: { quota_class_set: { cores: 99 } } });
  expect(set.body).toEqual({ quota_class_set: { ...newest, cores: 99 } });
  expect((await reader('GET', '/os-quota-sets/alpha', { version: '2.57' })).body.quota_set.cores).toBe(99);
  expect((await put('/os-quota-sets/alpha', { cores: 50 })).body.quota_set.cores).toBe(50);
  await admin('DELETE', '/os-quota-sets/alpha');
  await admin('PUT', '/os-quota-class-sets/default', { body: { quota_class_set: { cores: 20 } } });
});

test('limits show the caller’s project, or another one to administrators', async () => {
  const at = async (version: string) => (await reader('GET', '/limits', { version })).body.limits;
  const absolute = {
    maxTotalInstances: 10,
    maxTotalCores: 20,
    maxTotalRAMSize: 4096,
    maxTotalKeypairs: 100,
    maxServerMeta: 128,
    maxServerGroups: 10,
    maxServerGroupMembers: 10,
    totalInstancesUsed: 2,
    totalCoresUsed: 4,
    totalRAMUsed: 2048,
    totalServerGroupsUsed: 0,
  };
  expect(await at('2.57')).toEqual({ rate: [], absolute });
  expect(Object.keys((await at('2.35')).absolute).toSorted()).toEqual(
    [
      ...Object.keys(absolute),
      'maxSecurityGroups',
      'maxSecurityGroupRules',
      'maxTotalFloatingIps',
      'totalFloatingIpsUsed',
      'totalSecurityGroupsUsed',
      'maxImageMeta',
      'maxPersonality',
      'maxPersonalitySize',
    ].toSorted(),
  );
  const of = async (ask: Ask, query: string, version = '2.57') => {
    const { status, body } = await ask('GET', `/limits${query}`, { version });
    return status === 200 ? body.limits.absolute.totalInstancesUsed : status;
  };
  expect([
    await of(admin, '?tenant_id=alpha'),
    await of(admin, ''),
    await of(reader, '?tenant_id=alpha'),
    await of(reader, '?tenant_id=beta'),
    await of(reader, '?colour=red'),
    await of(reader, '?colour=red', '2.75'),
  ]).toEqual([2, 0, 2, 403, 2, 400]);
});
