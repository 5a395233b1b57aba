import type { FittedTopology } from './guest-topology.ts';

/** Processors the emulator's own threads run on; null leaves them to the host. */
export function emulatorCpus(
  fitted: FittedTopology,
  { cpuSharedSet, realtime }: { readonly cpuSharedSet: readonly number[]; readonly realtime: readonly number[] },
): readonly number[] | null {
  if (fitted.cpuPolicy === 'shared') return null;
  const reserved = fitted.cells.flatMap(({ reservedCpus }) => reservedCpus);
  if (fitted.emulatorThreads === 'isolate') return reserved;
  if (fitted.emulatorThreads === 'share' && cpuSharedSet.length > 0) return cpuSharedSet;
  const own = fitted.cells.flatMap(({ pinning }) => Object.entries(pinning));
  const ordinary = own.filter(([vcpu]) => !realtime.includes(Number(vcpu)));
  return (ordinary.length === 0 ? own : ordinary).map(([, cpu]) => cpu).toSorted((a, b) => a - b);
}
