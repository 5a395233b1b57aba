import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Instance } from '../../../../domain/instance.ts';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';
import { sampleFlavor } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
let running: Instance;
let ended: Instance;
const flavor = sampleFlavor({ name: 'm1', vcpus: 2, memoryMb: 1024, rootGb: 10, ephemeralGb: 5 });
beforeAll(async () => {
  api = await startApiUnderTest();
  const id = (number: number) => `00000000-0000-4000-8000-00000000000${number}` as Instance['id'];
  running = await api.server({ id: id(1), flavor, launchedAt: '2026-01-01T06:00:00Z' });
  ended = await api.server({
    id: id(2),
    flavor,
    launchedAt: '2025-12-31T00:00:00Z',
    terminatedAt: '2026-01-01T12:00:00Z',
    deletedAt: '2026-01-01T12:00:00Z',
    vmState: 'deleted',
  });
  await api.server({ id: id(3), projectId: 'beta', flavor, launchedAt: '2026-01-01T23:00:00Z' });
  await api.server({ id: id(4), projectId: 'gamma', flavor, launchedAt: '2026-01-05T00:00:00Z' });
  await api.server({ id: id(5), projectId: 'gamma', flavor, launchedAt: null, vmState: 'building' });
});
afterAll(() => api[Symbol.asyncDispose]());

const day = 'start=2026-01-01T00:00:00&end=2026-01-02T00:00:00';
const get = async (who: string, path: string, version = '2.40') => {
  const { status, body } = await api.as(who)('GET', `/os-simple-tenant-usage${path}`, { version });
  return status === 200 ? body : status;
};
const total = (project: string, hours: number) => ({
  tenant_id: project,
  start: '2026-01-01T00:00:00.000000',
  stop: '2026-01-02T00:00:00.000000',
  total_hours: hours,
  total_vcpus_usage: 2 * hours,
  total_memory_mb_usage: 1024 * hours,
  total_local_gb_usage: 15 * hours,
});

describe('usage', () => {
  test('of all projects is summed over the hours within the period, ended servers included', async () => {
    expect(await get('ops.admin', `?${day}`, '2.1')).toEqual({ tenant_usages: [total('alpha', 30), total('beta', 1)] });
  });

  test('of one project shows each server', async () => {
    const common = { tenant_id: 'alpha', vcpus: 2, memory_mb: 1024, local_gb: 15, flavor: 'm1' };
    expect(await get('alpha.reader', `/alpha?${day}`, '2.1')).toEqual({
      tenant_usage: {
        ...total('alpha', 30),
        server_usages: [
          {
            ...common,
            instance_id: running.id,
            name: running.name,
            hours: 18,
            started_at: '2026-01-01T06:00:00.000000',
            ended_at: null,
            state: 'active',
            uptime: 18 * 3600,
          },
          {
            ...common,
            instance_id: ended.id,
            name: ended.name,
            hours: 12,
            started_at: '2025-12-31T00:00:00.000000',
            ended_at: '2026-01-01T12:00:00.000000',
            state: 'terminated',
            uptime: 36 * 3600,
          },
        ],
      },
    });
    expect(await get('delta.reader', `/delta?${day}`)).toEqual({ tenant_usage: {} });
    expect(await get('alpha.reader', `/beta?${day}`)).toBe(403);
  });

  test('is listed in pages since 2.40', async () => {
    const first = await get('ops.admin', `?${day}&limit=1&detailed=1`);
    expect(first.tenant_usages).toEqual([{ ...total('alpha', 18), server_usages: [expect.objectContaining({ instance_id: running.id })] }]);
    expect(first.tenant_usages_links).toEqual([
      {
        rel: 'next',
        href: expect.stringContaining(
          `/v2.1/os-simple-tenant-usage?detailed=1&end=2026-01-02T00%3A00%3A00&limit=1&start=2026-01-01T00%3A00%3A00&marker=${running.id}`,
        ),
      },
    ]);
    expect((await get('ops.admin', `?${day}&marker=${running.id}`)).tenant_usages).toEqual([total('alpha', 12), total('beta', 1)]);
    expect([
      await get('ops.admin', `?${day}&marker=${crypto.randomUUID()}`),
      await get('ops.admin', `?${day}&marker=none`),
      await get('ops.admin', `?${day}&limit=0`),
    ]).toEqual([400, 400, { tenant_usages: [] }]);
    expect((await get('alpha.reader', `/alpha?${day}&limit=1`)).tenant_usage_links).toHaveLength(1);
  });

  test.each([
    ['?start=2026-01-02T00:00:00&end=2026-01-01T00:00:00'],
    ['?start=2026-01-01T00:00:00&end=2026-01-01T00:00:00'],
    ['?start=yesterday'],
    ['?start=2026-13-01T00:00:00'],
    ['?start=2026-01-01'],
  ])('refuses %s', async (query) => {
    expect(await get('ops.admin', query)).toBe(400);
  });

  test('takes now where no end of the period is given', async () => {
    expect(
      (await get('ops.admin', '?start=2026-01-01 00:00:00.000000')).tenant_usages.map((usage: { tenant_id: string }) => usage.tenant_id),
    ).toEqual(['alpha', 'beta', 'gamma']);
    expect(await get('delta.reader', '/delta')).toEqual({ tenant_usage: {} });
  });
});
