import type { Settings } from '../../config/index.ts';
import { parseCpuSet } from '../../domain/numa/cpu-set.ts';
import type { CpuSets } from '../../domain/numa/usable-cpus.ts';
import { invalid } from '../../lib/errors.ts';

/** The processors of the settings; what contradicts itself ends the start. */
export function cpuSetsOf({ compute, DEFAULT }: Settings): CpuSets {
  const read = (text: string | null): readonly number[] | null => (text === null ? null : parseCpuSet(text));
  const [shared, dedicated] = [read(compute.cpu_shared_set), read(compute.cpu_dedicated_set)];
  if ((shared !== null || dedicated !== null) && DEFAULT.reserved_host_cpus > 0)
    throw invalid(
      '[DEFAULT] reserved_host_cpus cannot be used with [compute] cpu_shared_set or cpu_dedicated_set: leave processors out of both sets instead.',
    );
  const both = (shared ?? []).filter((cpu) => dedicated?.includes(cpu) === true);
  if (both.length > 0)
    throw invalid(`[compute] cpu_shared_set and cpu_dedicated_set must have no processor in common; both have ${both.join(', ')}.`);
  return { shared, dedicated };
}
