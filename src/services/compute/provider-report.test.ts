import { describe, expect, it } from 'vitest';
import { readSettings } from '../../config/index.ts';
import { providerInventories, providerTraits } from './provider-report.ts';

const host = { vcpus: 8, memoryMb: 16_000, localGb: 100 };
const inventories = (conf: string, existing: Parameters<typeof providerInventories>[2] = {}) =>
  providerInventories(host, readSettings(conf).settings, existing);
const inventory = (total: number, allocationRatio: number, reserved = 0) => ({
  total,
  reserved,
  minUnit: 1,
  maxUnit: total,
  stepSize: 1,
  allocationRatio,
});

describe('the inventories of a node', () => {
  it('begin with the initial ratios', () => {
    expect(inventories('')).toEqual({ VCPU: inventory(8, 4), MEMORY_MB: inventory(16_000, 1, 512), DISK_GB: inventory(100, 1) });
  });
  it('keep the ratio an operator gave them in placement', () => {
    expect(inventories('', { VCPU: inventory(8, 2.5) })['VCPU']?.allocationRatio).toBe(2.5);
  });
  it('take the ratio of the settings over that', () => {
    expect(inventories('[DEFAULT]\ncpu_allocation_ratio = 16\n', { VCPU: inventory(8, 2.5) })['VCPU']?.allocationRatio).toBe(16);
    expect(inventories('[DEFAULT]\ncpu_allocation_ratio = 0\n', { VCPU: inventory(8, 2.5) })['VCPU']?.allocationRatio).toBe(2.5);
  });
  it('keep back what the host needs, at most all of it', () => {
    const conf = '[DEFAULT]\nreserved_host_cpus = 9\nreserved_host_disk_mb = 1025\nreserved_host_memory_mb = 0\n';
    expect(Object.values(inventories(conf)).map(({ reserved }) => reserved)).toEqual([8, 0, 2]);
  });
  it('leave custom classes of others', () => {
    expect(Object.keys(inventories('', { CUSTOM_LICENSE: inventory(5, 1), PCPU: inventory(4, 1) }))).toEqual([
      'CUSTOM_LICENSE',
      'VCPU',
      'MEMORY_MB',
      'DISK_GB',
    ]);
  });
});

describe('the traits of a node', () => {
  it("are those of the host, and those that are not the host's to judge", () => {
    expect(
      providerTraits(
        ['HW_CPU_X86_AVX'],
        ['CUSTOM_GOLD', 'COMPUTE_STATUS_DISABLED', 'HW_CPU_X86_SSE', 'COMPUTE_RESCUE_BFV', 'MISC_SHARES_VIA_AGGREGATE'],
      ),
    ).toEqual(['COMPUTE_NODE', 'COMPUTE_STATUS_DISABLED', 'CUSTOM_GOLD', 'HW_CPU_X86_AVX', 'MISC_SHARES_VIA_AGGREGATE', 'OWNER_NOVA']);
  });
});
