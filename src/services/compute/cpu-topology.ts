import type { InstanceFlavor } from '../../domain/instance.ts';
import { invalid } from '../../lib/errors.ts';
import { readProperty } from './image-properties.ts';

export interface CpuTopology {
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

/** How the processors of a guest are arranged: what the image prefers, else the flavor, within the limits of both; else one socket each. */
export function cpuTopology(
  { vcpus, extraSpecs }: Pick<InstanceFlavor, 'vcpus' | 'extraSpecs'>,
  properties: Readonly<Record<string, string>>,
): CpuTopology {
  const image = readProperty(properties);
  const flavor = readProperty(extraSpecs);
  const parts = ['sockets', 'cores', 'threads'] as const;
  const fromImage = parts.map((part) => image.count(`hw_cpu_${part}`));
  const preferred = fromImage.some((n) => n !== null) ? fromImage : parts.map((part) => flavor.count(`hw:cpu_${part}`));
  const limits = parts.map((part) => image.count(`hw_cpu_max_${part}`) ?? flavor.count(`hw:cpu_max_${part}`) ?? vcpus);
  const candidates: CpuTopology[] = [];
  for (let sockets = 1; sockets <= Math.min(vcpus, limits[0]!); sockets++) {
    if (vcpus % sockets !== 0) continue;
    for (let cores = 1; cores <= Math.min(vcpus / sockets, limits[1]!); cores++) {
      const threads = vcpus / sockets / cores;
      if (Number.isInteger(threads) && threads <= limits[2]!) candidates.push({ sockets, cores, threads });
    }
  }
  const matches = (c: CpuTopology): number => parts.filter((part, index) => preferred[index] === c[part]).length;
  candidates.sort(
    (a, b) => matches(b) - matches(a) || b.sockets * b.cores - a.sockets * a.cores || b.sockets - a.sockets || b.threads - a.threads,
  );
  const [best] = candidates;
  if (best === undefined) throw invalid(`No arrangement of ${vcpus} processors keeps the limits for sockets, cores and threads.`);
  return best;
}
