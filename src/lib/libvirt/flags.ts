/**
 * libvirt's flags and states by name. A function of the facade takes a list of names (`['live', 'config']`), so a flag of one call
 * cannot be given to another; `flagBits` makes the word that goes on the wire.
 */

/** A set of flags: each name's bits. */
export type FlagTable = Readonly<Record<string, number>>;
export type Flags<T extends FlagTable> = readonly (keyof T & string)[];

/** The bits of these names together. */
export const flagBits = <T extends FlagTable>(table: T, names: Flags<T>): number =>
  names.reduce((bits, name) => (bits | (table[name] ?? 0)) >>> 0, 0);

/** The name a number has in a list, where the list's place is the number; `unknown` for one from a newer libvirt. */
export const nameAt = <T extends string>(names: readonly T[], number: number): T | 'unknown' => names[number] ?? 'unknown';

// ── What a change touches ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The running domain, its persistent definition, or both; neither means whichever is current. */
export const affectFlags = { live: 1, config: 2 } as const;
export const deviceFlags = { ...affectFlags, force: 4 } as const;
export const vcpuFlags = { ...affectFlags, maximum: 4, guest: 8, hotpluggable: 16 } as const;
export const memoryFlags = { ...affectFlags, maximum: 4 } as const;

// ── Life and death ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const defineFlags = { validate: 1 } as const;
export const createFlags = { paused: 1, autodestroy: 2, bypassCache: 4, forceBoot: 8, validate: 16, resetNvram: 32 } as const;
export const undefineFlags = {
  managedSave: 1,
  snapshotsMetadata: 2,
  nvram: 4,
  keepNvram: 8,
  checkpointsMetadata: 16,
  tpm: 32,
  keepTpm: 64,
} as const;
export const destroyFlags = { graceful: 1, removeLogs: 2 } as const;
/** The ways to ask a guest to stop or to start over; without one libvirt chooses. */
export const shutdownFlags = { acpi: 1, agent: 2, initctl: 4, signal: 8, paravirt: 16 } as const;
export const saveFlags = { bypassCache: 1, running: 2, paused: 4, resetNvram: 8 } as const;
export const coreDumpFlags = { crash: 1, live: 2, bypassCache: 4, reset: 8, memoryOnly: 16 } as const;
export const coreDumpFormats = ['raw', 'kdump-zlib', 'kdump-lzo', 'kdump-snappy', 'win-dmp'] as const;
export const xmlFlags = { secure: 1, inactive: 2, updateCpu: 4, migratable: 8 } as const;
export const listFlags = {
  active: 1,
  inactive: 2,
  persistent: 4,
  transient: 8,
  running: 16,
  paused: 32,
  shutoff: 64,
  other: 128,
  managedSave: 256,
  noManagedSave: 512,
  autostart: 1024,
  noAutostart: 2048,
  hasSnapshot: 4096,
  noSnapshot: 8192,
} as const;

// ── States ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const domainStates = ['noState', 'running', 'blocked', 'paused', 'shuttingDown', 'shutOff', 'crashed', 'pmSuspended'] as const;
export type DomainState = (typeof domainStates)[number] | 'unknown';

const reasons = {
  running: [
    'unknown',
    'booted',
    'migrated',
    'restored',
    'fromSnapshot',
    'unpaused',
    'migrationCanceled',
    'saveCanceled',
    'wakeup',
    'crashed',
    'postCopy',
    'postCopyFailed',
  ],
  paused: [
    'unknown',
    'user',
    'migration',
    'save',
    'dump',
    'ioError',
    'watchdog',
    'fromSnapshot',
    'shuttingDown',
    'snapshot',
    'crashed',
    'startingUp',
    'postCopy',
    'postCopyFailed',
  ],
  shuttingDown: ['unknown', 'user'],
  shutOff: ['unknown', 'shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'fromSnapshot', 'daemon'],
  crashed: ['unknown', 'panicked'],
} as const satisfies Partial<Record<DomainState, readonly string[]>>;

export type StateReason = (typeof reasons)[keyof typeof reasons][number];

const isReasoned = (state: string): state is keyof typeof reasons => state in reasons;

/** Why a domain is in its state; `unknown` where libvirt gives no reason. */
export function stateReason(state: DomainState, reason: number): StateReason {
  const names: readonly StateReason[] = isReasoned(state) ? reasons[state] : [];
  return names[reason] ?? 'unknown';
}

// ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What a lifecycle event can say: each event with its details, in libvirt's order. */
export const lifecycleEvents = {
  defined: ['added', 'updated', 'renamed', 'fromSnapshot'],
  undefined: ['removed', 'renamed'],
  started: ['booted', 'migrated', 'restored', 'fromSnapshot', 'wakeup'],
  suspended: ['paused', 'migrated', 'ioError', 'watchdog', 'restored', 'fromSnapshot', 'apiError', 'postCopy', 'postCopyFailed'],
  resumed: ['unpaused', 'migrated', 'fromSnapshot', 'postCopy', 'postCopyFailed'],
  stopped: ['shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'fromSnapshot'],
  shutdown: ['finished', 'guest', 'host'],
  pmSuspended: ['memory', 'disk'],
  crashed: ['panicked', 'crashLoaded'],
} as const;
export type LifecycleEvent = keyof typeof lifecycleEvents | 'unknown';
export type LifecycleDetail = (typeof lifecycleEvents)[keyof typeof lifecycleEvents][number] | 'unknown';

export const blockJobTypes = ['unknown', 'pull', 'copy', 'commit', 'activeCommit', 'backup'] as const;
export type BlockJobType = (typeof blockJobTypes)[number];
export const blockJobStatuses = ['completed', 'failed', 'canceled', 'ready'] as const;
export const ioErrorActions = ['none', 'pause', 'report'] as const;
export const agentStates = ['unknown', 'connected', 'disconnected'] as const;

// ── Disks ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const blockRebaseFlags = {
  shallow: 1,
  reuseExternal: 2,
  copyRaw: 4,
  copy: 8,
  relative: 16,
  copyDevice: 32,
  bandwidthBytes: 64,
} as const;
export const blockCopyFlags = { shallow: 1, reuseExternal: 2, transientJob: 4, synchronousWrites: 8 } as const;
export const blockCommitFlags = { shallow: 1, delete: 2, active: 4, relative: 8, bandwidthBytes: 16 } as const;
export const blockPullFlags = { bandwidthBytes: 64 } as const;
export const blockJobAbortFlags = { async: 1, pivot: 2 } as const;

// ── Snapshots ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const snapshotCreateFlags = {
  redefine: 1,
  current: 2,
  noMetadata: 4,
  halt: 8,
  diskOnly: 16,
  reuseExternal: 32,
  quiesce: 64,
  atomic: 128,
  live: 256,
  validate: 512,
} as const;
export const snapshotDeleteFlags = { children: 1, metadataOnly: 2, childrenOnly: 4 } as const;
export const snapshotRevertFlags = { running: 1, paused: 2, force: 4, resetNvram: 8 } as const;

// ── Migration and jobs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const migrateFlags = {
  live: 1,
  peer2peer: 2,
  tunnelled: 4,
  persistDestination: 8,
  undefineSource: 16,
  paused: 32,
  nonSharedDisk: 64,
  nonSharedIncremental: 128,
  changeProtection: 256,
  unsafe: 512,
  offline: 1024,
  compressed: 2048,
  abortOnError: 4096,
  autoConverge: 8192,
  rdmaPinAll: 16_384,
  postCopy: 32_768,
  tls: 65_536,
  parallel: 131_072,
  nonSharedSynchronousWrites: 262_144,
  postCopyResume: 524_288,
  zeroCopy: 1_048_576,
} as const;
export const jobTypes = ['none', 'bounded', 'unbounded', 'completed', 'failed', 'cancelled'] as const;
export type JobType = (typeof jobTypes)[number] | 'unknown';
export const jobStatsFlags = { completed: 1, keepCompleted: 2 } as const;

// ── Statistics ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Groups of statistics; none asks for all. */
export const statsGroups = {
  state: 1,
  cpu: 2,
  balloon: 4,
  vcpu: 8,
  interface: 16,
  block: 32,
  perf: 64,
  iothread: 128,
  memory: 256,
  dirtyRate: 512,
  vm: 1024,
} as const;
/** Which domains, and how: `noWait` leaves out what would block behind a busy domain, `backing` adds backing files. */
export const statsFlags = {
  active: 1,
  inactive: 2,
  persistent: 4,
  transient: 8,
  running: 16,
  paused: 32,
  shutoff: 64,
  other: 128,
  noWait: 0x2000_0000,
  backing: 0x4000_0000,
  enforce: 0x8000_0000,
} as const;
/** Tags of memory statistics in their order; all in KiB but the faults. Place 9 is the time of the last update in seconds. */
export const memoryStatTags = [
  'swapIn',
  'swapOut',
  'majorFaults',
  'minorFaults',
  'unused',
  'available',
  'actual',
  'rss',
  'usable',
  'lastUpdate',
  'diskCaches',
  'hugetlbAllocations',
  'hugetlbFailures',
] as const;
export type MemoryStat = (typeof memoryStatTags)[number];

// ── The guest ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const addressSources = ['lease', 'agent', 'arp'] as const;
export const passwordFlags = { encrypted: 1 } as const;
export const consoleFlags = { force: 1, safe: 2 } as const;
export const keyCodeSets = ['linux', 'xt', 'atset1', 'atset2', 'atset3', 'osx', 'xtKbd', 'usb', 'win32', 'qnum'] as const;
export const metadataTypes = ['description', 'title', 'element'] as const;
/** What a secret is for, in libvirt's order. */
export const secretUsages = ['none', 'volume', 'ceph', 'iscsi', 'tls', 'vtpm'] as const;
