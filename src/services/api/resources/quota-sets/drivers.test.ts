import { afterEach, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';
import { sampleImage } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
afterEach(() => api[Symbol.asyncDispose]());

const image = sampleImage();
async function started(conf: string) {
  api = await startApiUnderTest(`[quota]\n${conf}`);
  api.neighbours.images.set(image.id, image);
  const { flavorId } = await api.flavor({ vcpus: 2, memoryMb: 512, rootGb: 4 });
  const create = () =>
    api.as('alpha.member')('POST', '/servers', {
      body: { server: { name: 'x', flavorRef: flavorId, imageRef: image.id } },
    });
  const quotas = async () => (await api.as('alpha.reader')('GET', '/os-quota-sets/alpha', { version: '2.57' })).body.quota_set;
  return { create, quotas };
}

describe('unified limits', () => {
  test('come from the identity service, and nothing of compute changes them', async () => {
    const { quotas } = await started('driver = nova.quota.UnifiedLimitsDriver');
    api.neighbours.limits = { registered: { servers: 3, 'class:VCPU': 20, server_groups: 4 }, ofProject: { 'class:VCPU': 40 } };
    const limits = { instances: 3, cores: 40, ram: -1, metadata_items: -1, key_pairs: -1, server_groups: 4, server_group_members: -1 };
    expect(await quotas()).toEqual({ id: 'alpha', ...limits });
    const set = await api.as('ops.admin')('PUT', '/os-quota-sets/alpha', { version: '2.57', body: { quota_set: { cores: 1 } } });
    expect([set.status, set.body.quota_set.cores, (await quotas()).cores]).toEqual([200, 40, 40]);
    const defaults = (await api.as('alpha.reader')('GET', '/os-quota-sets/alpha/defaults', { version: '2.57' })).body.quota_set;
    expect(defaults).toEqual({ id: 'alpha', ...limits, cores: 20 });
  });

  test('allow nothing of what must be registered and is not, and as much as one likes of the rest', async () => {
    const { create } = await started('driver = nova.quota.UnifiedLimitsDriver');
    expect((await create()).body.forbidden.message).toBe('Quota exceeded for instances: Requested 1, but already used 0 of 0 instances');
    api.neighbours.limits = { registered: { servers: 2 }, ofProject: {} };
    expect([(await create()).status, (await create()).status, (await create()).status]).toEqual([202, 202, 403]);
  });

  test('limit disks, too, and everything that is not listed when only what is listed is ignored', async () => {
    const { create, quotas } = await started(
      'driver = nova.quota.UnifiedLimitsDriver\nunified_limits_resource_strategy = ignore\nunified_limits_resource_list = servers,class:MEMORY_MB',
    );
    api.neighbours.limits = { registered: { 'class:VCPU': 100, 'class:DISK_GB': 7 }, ofProject: {} };
    const { instances, ram, key_pairs } = await quotas();
    expect({ instances, ram, key_pairs }).toEqual({ instances: -1, ram: -1, key_pairs: 0 });
    expect([(await create()).status, (await create()).body.forbidden.message]).toEqual([
      202,
      'Quota exceeded for disk: Requested 4, but already used 4 of 7 disk',
    ]);
  });
});

test('without quotas nothing is limited', async () => {
  const { create, quotas } = await started('driver = nova.quota.NoopQuotaDriver\ninstances = 0');
  expect([(await create()).status, (await quotas()).instances]).toEqual([202, -1]);
});
