import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NodeFacts } from '../../../../domain/hosts.ts';
import type { Instance } from '../../../../domain/instance.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';
import { sampleFlavor } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
let admin: Ask;
let nodes: readonly NodeFacts[];
let servers: readonly Instance[];
const flavor = sampleFlavor({ name: 'm1', vcpus: 2, memoryMb: 1024, rootGb: 10, ephemeralGb: 5 });
beforeAll(async () => {
  api = await startApiUnderTest('[DEFAULT]\nreserved_host_memory_mb = 256\n');
  admin = api.as('ops.admin');
  nodes = [
    await api.host('east-1', {}, { uptime: () => Promise.resolve({ text: ' 10:00:00 up 3 days' }) }),
    await api.host('east-2'),
    await api.host('west-1'),
  ];
  servers = [
    await api.server({ flavor, host: 'east-1', node: 'east-1' }),
    await api.server({ flavor, host: 'east-1', node: 'east-1', taskState: 'rebooting' }),
  ];
  await api.server({ flavor, host: null, node: null, deletedAt: new Date().toISOString() });
});
afterAll(() => api[Symbol.asyncDispose]());

const get = async (path: string, version: string) => {
  const { status, body } = await admin('GET', path, { version });
  return status === 200 ? body : status;
};
const namesIn = (body: unknown): unknown =>
  typeof body === 'number'
    ? body
    : (body as { hypervisors: { hypervisor_hostname: string }[] }).hypervisors.map((hypervisor) => hypervisor.hypervisor_hostname);
const brief = (name: string, id: unknown) => ({ id, hypervisor_hostname: name, state: 'up', status: 'enabled' });

describe('a hypervisor', () => {
  test('is shown with what its servers take, counted now', async () => {
    const shown = await get(`/os-hypervisors/${nodes[0]!.uuid}`, '2.53');
    expect(shown.hypervisor).toEqual({
      ...brief('east-1', nodes[0]!.uuid),
      hypervisor_type: 'fake',
      hypervisor_version: 1_000_000,
      host_ip: '192.0.2.1',
      service: { id: expect.stringMatching(/-/), host: 'east-1', disabled_reason: null },
      vcpus: 8,
      vcpus_used: 4,
      memory_mb: 8192,
      memory_mb_used: 2304,
      free_ram_mb: 5888,
      local_gb: 100,
      local_gb_used: 30,
      free_disk_gb: 70,
      disk_available_least: 90,
      current_workload: 1,
      running_vms: 2,
      cpu_info: { arch: 'x86_64', model: 'fake' },
    });
  });

  test('has a number for an id until 2.52, and its processor as text until 2.27', async () => {
    const { hypervisors } = await get('/os-hypervisors/detail', '2.27');
    expect(hypervisors[0]).toMatchObject({
      id: expect.any(Number),
      service: { id: expect.any(Number) },
      cpu_info: '{"arch":"x86_64","model":"fake"}',
    });
    expect((await get(`/os-hypervisors/${hypervisors[0].id}`, '2.28')).hypervisor.cpu_info).toEqual({ arch: 'x86_64', model: 'fake' });
    expect([
      await get('/os-hypervisors/east-1', '2.52'),
      await get('/os-hypervisors/99', '2.52'),
      await get('/os-hypervisors/1', '2.53'),
      await get(`/os-hypervisors/${crypto.randomUUID()}`, '2.53'),
    ]).toEqual([404, 404, 400, 404]);
  });

  test('tells since 2.88 how long its host has been running, and no amounts', async () => {
    const { hypervisors } = await get('/os-hypervisors/detail', '2.88');
    expect(hypervisors.map((hypervisor: { uptime: unknown }) => hypervisor.uptime)).toEqual([' 10:00:00 up 3 days', null, null]);
    expect(Object.keys(hypervisors[0]).toSorted()).toEqual([
      'host_ip',
      'hypervisor_hostname',
      'hypervisor_type',
      'hypervisor_version',
      'id',
      'service',
      'state',
      'status',
      'uptime',
    ]);
  });

  test('tells that until 2.87 by itself, where the host answers', async () => {
    expect(await get(`/os-hypervisors/${nodes[0]!.uuid}/uptime`, '2.87')).toEqual({
      hypervisor: { ...brief('east-1', nodes[0]!.uuid), uptime: ' 10:00:00 up 3 days' },
    });
    expect(await get(`/os-hypervisors/${nodes[0]!.uuid}/uptime`, '2.88')).toBe(404);
    const id = (await admin('GET', '/os-services?host=west-1', { version: '2.53' })).body.services[0].id;
    await admin('PUT', `/os-services/${id}`, { version: '2.53', body: { forced_down: true } });
    expect(await get(`/os-hypervisors/${nodes[2]!.uuid}/uptime`, '2.87')).toBe(400);
    await admin('PUT', `/os-services/${id}`, { version: '2.53', body: { forced_down: false } });
  });
});

describe('lists of hypervisors', () => {
  test.each([
    ['/os-hypervisors', '2.1', ['east-1', 'east-2', 'west-1']],
    ['/os-hypervisors?limit=1', '2.32', ['east-1', 'east-2', 'west-1']],
    ['/os-hypervisors?limit=2', '2.33', ['east-1', 'east-2']],
    ['/os-hypervisors?limit=0', '2.33', []],
    ['/os-hypervisors?marker=99', '2.33', 400],
    ['/os-hypervisors?marker=east-1', '2.53', 400],
    ['/os-hypervisors?hypervisor_hostname_pattern=AST', '2.53', ['east-1', 'east-2']],
    ['/os-hypervisors?hypervisor_hostname_pattern=north', '2.53', 404],
    ['/os-hypervisors?hypervisor_hostname_pattern=east&limit=1', '2.53', 400],
    ['/os-hypervisors/east/search', '2.52', ['east-1', 'east-2']],
    ['/os-hypervisors/north/search', '2.52', 404],
    ['/os-hypervisors/east/search', '2.53', 404],
    ['/os-hypervisors/%25/search', '2.52', 404],
    ['/os-hypervisors?colour=red', '2.53', 400],
    ['/os-hypervisors?with_servers=perhaps', '2.53', 400],
  ])('%s at %s: %j', async (path, version, expected) => {
    expect(namesIn(await get(path, version))).toEqual(expected);
  });

  test('link to the next page', async () => {
    const first = await get('/os-hypervisors?limit=2', '2.53');
    expect(first.hypervisors_links).toEqual([
      { rel: 'next', href: `http://localhost:80/v2.1/os-hypervisors?limit=2&marker=${nodes[1]!.uuid}` },
    ]);
    expect(namesIn(await get(`/os-hypervisors/detail?limit=2&marker=${nodes[1]!.uuid}`, '2.53'))).toEqual(['west-1']);
  });

  test('show servers where they are asked for', async () => {
    const east = servers.map(({ id, rowId }) => ({ uuid: id, name: `instance-${rowId!.toString(16).padStart(8, '0')}` }));
    const shown = async (path: string, version: string) =>
      (await get(path, version)).hypervisors.map((hypervisor: { servers?: unknown }) => hypervisor.servers);
    expect(await shown('/os-hypervisors?with_servers=true', '2.74')).toEqual([east, undefined, undefined]);
    expect(await shown('/os-hypervisors/detail?with_servers=1', '2.75')).toEqual([east, [], []]);
    expect(await shown('/os-hypervisors', '2.75')).toEqual([undefined, undefined, undefined]);
    expect(await shown('/os-hypervisors/east/servers', '2.52')).toEqual([east, undefined]);
    expect((await get(`/os-hypervisors/${nodes[0]!.uuid}?with_servers=true`, '2.75')).hypervisor.servers).toEqual(east);
  });

  test('are summed up until 2.87', async () => {
    expect(await get('/os-hypervisors/statistics', '2.87')).toEqual({
      hypervisor_statistics: {
        count: 3,
        vcpus: 24,
        vcpus_used: 4,
        memory_mb: 24_576,
        memory_mb_used: 2816,
        free_ram_mb: 21_760,
        local_gb: 300,
        local_gb_used: 30,
        free_disk_gb: 270,
        disk_available_least: 270,
        current_workload: 1,
        running_vms: 2,
      },
    });
    expect(await get('/os-hypervisors/statistics', '2.88')).toBe(404);
  });
});
