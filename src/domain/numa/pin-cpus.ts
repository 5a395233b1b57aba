import type { CpuThreadPolicy } from './guest-topology.ts';
import { freeDedicatedCpus, freeSiblings, hasThreads, type HostCell } from './host-topology.ts';

export interface Pinning {
  /** The processor of each vCPU. */
  readonly pinning: Readonly<Record<number, number>>;
  readonly reservedCpus: readonly number[];
  readonly shadowedCpus: readonly number[];
}

/** Gives each vCPU a processor of a node, and the emulator so many more, by a thread policy; a text says why that cannot be. */
export function pinCpus(cell: HostCell, vcpus: readonly number[], policy: CpuThreadPolicy | null, reserve: number): Pinning | string {
  const cores = freeSiblings(cell);
  const chosen = policy === 'isolate' ? onWholeCores(cell, cores, vcpus.length) : onSiblings(cores, vcpus.length, policy, hasThreads(cell));
  if (typeof chosen === 'string') return chosen;
  const shadowedCpus =
    policy === 'isolate' ? chosen.flatMap((cpu) => cores.find((core) => core.includes(cpu))!.filter((other) => other !== cpu)) : [];
  const taken = new Set([...chosen, ...shadowedCpus]);
  const reservedCpus = reserveFrom(cores, taken, reserve);
  if (reservedCpus.length < reserve) return 'it has no processor left for the threads of the emulator';
  const sorted = vcpus.toSorted((a, b) => a - b);
  return { pinning: Object.fromEntries(sorted.map((vcpu, index) => [vcpu, chosen[index]!])), reservedCpus, shadowedCpus };
}

/** One thread of each of so many cores that are free as a whole; the others of the core stay empty. */
function onWholeCores(cell: HostCell, cores: readonly (readonly number[])[], count: number): readonly number[] | string {
  const threads = hasThreads(cell);
  if (threads && (cell.sharedCpus.length !== cell.dedicatedCpus.length || cell.sharedCpus.some((cpu) => !cell.dedicatedCpus.includes(cpu))))
    return 'it shares cores between floating and dedicated processors, so that none can be isolated';
  const sizeOf = new Map(cell.siblings.flatMap((core) => core.map((cpu) => [cpu, core.length] as const)));
  const whole = cores.filter((core) => core.length === (sizeOf.get(core[0]!) ?? 1));
  return whole.length < count
    ? `it has ${whole.length} free cores for ${count} isolated vCPUs`
    : whole.slice(0, count).map(([cpu]) => cpu!);
}

/** As many threads as possible of as few cores as possible. `require` never takes a thread of a core alone. */
function onSiblings(
  cores: readonly (readonly number[])[],
  count: number,
  policy: CpuThreadPolicy | null,
  threads: boolean,
): readonly number[] | string {
  if (policy === 'require' && !threads) return 'its cores have no threads';
  const most = Math.max(0, ...cores.map((core) => core.length));
  for (let perCore = most; perCore >= (policy === 'require' ? 2 : 1); perCore--) {
    const usable = cores.filter((core) => core.length >= perCore);
    if (usable.length * perCore >= count) return usable.flatMap((core) => core.slice(0, perCore)).slice(0, count);
  }
  if (policy === 'require') return `it has no ${count} free threads on cores of which several are free`;
  const any = cores.flat();
  return any.length >= count ? any.slice(0, count) : `it has ${any.length} free dedicated processors for ${count} vCPUs`;
}

/** Processors of cores that nothing else was taken from, then of the others. */
function reserveFrom(cores: readonly (readonly number[])[], taken: ReadonlySet<number>, count: number): readonly number[] {
  const left = cores.map((core) => core.filter((cpu) => !taken.has(cpu)));
  const untouched = left.filter((free, index) => free.length === cores[index]!.length).flat();
  const rest = left.filter((free, index) => free.length < cores[index]!.length).flat();
  return [...untouched, ...rest].slice(0, count);
}

/** How many dedicated processors of a node are still to be had. */
export const countFreeDedicated = (cell: HostCell): number => freeDedicatedCpus(cell).length;
