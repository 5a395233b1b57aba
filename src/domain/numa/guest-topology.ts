export type CpuPolicy = 'shared' | 'dedicated' | 'mixed';
export type CpuThreadPolicy = 'prefer' | 'isolate' | 'require';
export type EmulatorThreads = 'share' | 'isolate';
/** A size in KiB, or one of a kind. */
export type PageSizeWish = 'small' | 'large' | 'any' | number;

/** A NUMA node of a guest, as it is asked for. */
export interface GuestCell {
  readonly id: number;
  /** vCPUs that float over the shared processors of the host's node. */
  readonly cpus: readonly number[];
  /** vCPUs that have a processor each for themselves. */
  readonly pinnedCpus: readonly number[];
  readonly memoryMb: number;
}

/** How a guest is laid out on NUMA nodes, processors and pages, as it is asked for. */
export interface GuestTopology {
  readonly cells: readonly GuestCell[];
  readonly cpuPolicy: CpuPolicy;
  /** Null is `prefer` where it was not said. */
  readonly cpuThreadPolicy: CpuThreadPolicy | null;
  readonly emulatorThreads: EmulatorThreads | null;
  readonly pageSize: PageSizeWish | null;
}

/** A NUMA node of a guest on that of a host. */
export interface FittedCell extends GuestCell {
  readonly hostCell: number;
  /** Null uses the host's ordinary pages. */
  readonly pageSizeKb: number | null;
  /** The processor of each pinned vCPU. */
  readonly pinning: Readonly<Record<number, number>>;
  /** Processors for the emulator's own threads. */
  readonly reservedCpus: readonly number[];
  /** Processors kept empty beside the pinned ones (`isolate`). */
  readonly shadowedCpus: readonly number[];
}

export interface FittedTopology extends Omit<GuestTopology, 'cells'> {
  readonly cells: readonly FittedCell[];
}
