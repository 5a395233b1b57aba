/** Memory pages of one size on a NUMA node. */
export interface MemoryPages {
  readonly sizeKb: number;
  readonly total: number;
  readonly used: number;
  readonly reserved: number;
}

/** A NUMA node of a host, with what guests use of it. */
export interface HostCell {
  readonly id: number;
  /** Processors for floating vCPUs. */
  readonly sharedCpus: readonly number[];
  /** Processors that guests may have for themselves. */
  readonly dedicatedCpus: readonly number[];
  /** Floating vCPUs of guests. */
  readonly cpuUsage: number;
  /** Dedicated processors that are taken. */
  readonly pinnedCpus: readonly number[];
  /** Processors that share a core, for those of the two sets above. */
  readonly siblings: readonly (readonly number[])[];
  readonly memoryMb: number;
  readonly memoryUsageMb: number;
  /** Null when the node spans several sockets. */
  readonly socket: number | null;
  /** Empty when the host does not say. */
  readonly pages: readonly MemoryPages[];
  /** Networks whose cards are on this node. */
  readonly physnets: readonly string[];
  readonly tunneled: boolean;
}

export interface HostTopology {
  readonly cells: readonly HostCell[];
}

export const freeDedicatedCpus = (cell: HostCell): readonly number[] => cell.dedicatedCpus.filter((cpu) => !cell.pinnedCpus.includes(cpu));

/** For each core: its processors that guests may still have for themselves. */
export const freeSiblings = (cell: HostCell): readonly (readonly number[])[] => {
  const free = new Set(freeDedicatedCpus(cell));
  const cores = cell.siblings.length === 0 ? cell.dedicatedCpus.map((cpu) => [cpu]) : cell.siblings;
  return cores.map((core) => core.filter((cpu) => free.has(cpu)).toSorted((a, b) => a - b)).filter((core) => core.length > 0);
};

/** Whether a core of the node has several threads. */
export const hasThreads = (cell: HostCell): boolean => cell.siblings.some((core) => core.length > 1);
