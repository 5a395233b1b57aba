import type { Inventory } from '../../clients/placement.ts';
import type { Settings } from '../../config/index.ts';
import { cpuSetsOf } from './cpu-sets.ts';
import type { HostInventory } from './drivers/driver.ts';

type Inventories = Readonly<Record<string, Inventory>>;
type Ratios = Readonly<Record<'VCPU' | 'MEMORY_MB' | 'DISK_GB', { readonly forced: number | null; readonly initial: number }>>;

/**
 * The inventories a node must have in placement: a ratio that is set wins over an operator's edit, one that is not leaves the edit alone.
 * Custom classes that others put there stay.
 */
export function providerInventories(
  host: Pick<HostInventory, 'vcpus' | 'memoryMb' | 'localGb'>,
  settings: Settings,
  existing: Inventories,
  canPin = false,
): Inventories {
  const { shared, dedicated } = cpuSetsOf(settings);
  const { DEFAULT } = settings;
  const online = (set: readonly number[]): number => set.filter((cpu) => cpu < host.vcpus).length;
  const vcpus = shared !== null ? online(shared) : dedicated !== null ? 0 : host.vcpus;
  const pcpus = canPin && dedicated !== null ? online(dedicated) : 0;
  const ratios: Ratios = {
    VCPU: { forced: DEFAULT.cpu_allocation_ratio, initial: DEFAULT.initial_cpu_allocation_ratio },
    MEMORY_MB: { forced: DEFAULT.ram_allocation_ratio, initial: DEFAULT.initial_ram_allocation_ratio },
    DISK_GB: { forced: DEFAULT.disk_allocation_ratio, initial: DEFAULT.initial_disk_allocation_ratio },
  };
  const inventory = (name: keyof Ratios, total: number, reserved: number): readonly [string, Inventory][] => {
    if (total < 1) return [];
    // Nova takes 0 as not set
    const allocationRatio = ratios[name].forced || (existing[name]?.allocationRatio ?? ratios[name].initial);
    return [[name, { total, reserved: Math.min(reserved, total), minUnit: 1, maxUnit: total, stepSize: 1, allocationRatio }]];
  };
  return Object.fromEntries([
    ...Object.entries(existing).filter(([name]) => name.startsWith('CUSTOM_')),
    ...inventory('VCPU', vcpus, DEFAULT.reserved_host_cpus),
    ...(pcpus === 0 ? [] : [['PCPU', { total: pcpus, reserved: 0, minUnit: 1, maxUnit: pcpus, stepSize: 1, allocationRatio: 1 }] as const]),
    ...inventory('MEMORY_MB', host.memoryMb, DEFAULT.reserved_host_memory_mb),
    ...inventory('DISK_GB', host.localGb, Math.ceil(DEFAULT.reserved_host_disk_mb / 1024)),
  ]);
}

/** Traits of which the host alone says whether they are true. All others (an operator's CUSTOM_*, the disabled mark) are left as they are. */
const isOwned = (trait: string): boolean => /^(COMPUTE_|HW_CPU_|HW_ARCH_|OWNER_NOVA$)/.test(trait) && trait !== 'COMPUTE_STATUS_DISABLED';

/** The traits a node must have: those of the host, and foreign ones that are there. */
export function providerTraits(ofHost: readonly string[], existing: readonly string[]): readonly string[] {
  return [...new Set([...existing.filter((trait) => !isOwned(trait)), ...ofHost, 'OWNER_NOVA', 'COMPUTE_NODE'])].toSorted();
}
