/**
 * libvirt's remote protocol as data: every procedure this library uses, by number, with what it takes and gives.
 *
 * The numbers and layouts are facts of libvirt's public wire protocol (`remote_protocol.x` and `qemu_protocol.x` of libvirt 9.0, stable
 * for ever by libvirt's own promise); names are ours. Sizes on the wire are in the unit libvirt chose, which the facade documents.
 */
import { charArray, double, flag, hyper, int, list, opaque, optional, string, struct, uhyper, uint, union, uuid } from './xdr.ts';
import type { Codec, Fields, Input, Output, StructInput, StructOutput } from './xdr.ts';

/** Program numbers: the first word that tells whose procedure a frame means. */
export const programs = { remote: 0x2000_8086, qemu: 0x2000_8087, keepAlive: 0x6b65_6570 } as const;
export const PROTOCOL_VERSION = 1;

export type ProgramName = 'remote' | 'qemu';

/** Which way the bytes of a stream run that a call opens; `none` for a call that opens none. */
export type StreamDirection = 'none' | 'download' | 'upload' | 'duplex';

/** How a procedure is called. */
export interface Procedure<Arguments, Result> {
  readonly program: ProgramName;
  readonly number: number;
  readonly arguments: Codec<unknown, Arguments>;
  readonly result: Codec<Result, never>;
  readonly stream: StreamDirection;
  /** `long` for work that may take minutes by nature: moving, saving or copying memory. */
  readonly patience: 'short' | 'long';
}

interface Traits {
  readonly program?: ProgramName;
  readonly stream?: StreamDirection;
  readonly patience?: 'short' | 'long';
}

function call<A extends Fields, R extends Fields>(
  number: number,
  args: A,
  result: R,
  traits: Traits = {},
): Procedure<StructInput<A>, StructOutput<R>> {
  const defaults = { program: 'remote', stream: 'none', patience: 'short' } as const;
  return { ...defaults, ...traits, number, arguments: struct(args), result: struct(result) };
}

const qemu = { program: 'qemu' } as const;
const long = { patience: 'long' } as const;
const none = {};

// ── Things ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const domain = struct({ name: string, uuid, id: int });
const snapshot = struct({ name: string, domain });
const secret = struct({ uuid, usageType: int, usageId: string });
const volume = struct({ pool: string, name: string, key: string });
const nodeDevice = struct({ name: string });

/** A domain as libvirt names it in every call. Only the UUID identifies; `id` is -1 while it does not run. */
export type DomainRef = Output<typeof domain>;
export type SnapshotRef = Output<typeof snapshot>;
export type SecretRef = Output<typeof secret>;
export type VolumeRef = Output<typeof volume>;

const typedParameter = struct({
  field: string,
  value: union({
    int: [1, int],
    uint: [2, uint],
    llong: [3, hyper],
    ullong: [4, uhyper],
    double: [5, double],
    boolean: [6, flag],
    string: [7, string],
  }),
});
/** A named value whose type travels with it. */
export type TypedParameter = Output<typeof typedParameter>;
export type TypedParameterInput = Input<typeof typedParameter>;

const parameters = (maximum: number) => list(typedParameter, maximum);
const namedCounters = list(struct({ field: string, value: uhyper }), 16);
const cpuMap = opaque(2048);
const names = (maximum: number) => list(string, maximum);
const cookie = opaque(4_194_304);
const manyDomains = list(domain, 16_384);
const manySnapshots = list(snapshot, 16_384);
const domainOnly = { domain };
const domainFlags = { domain, flags: uint };
const domainDevice = { domain, xml: string, flags: uint };
const domainPath = { domain, path: string, flags: uint };

/** What any daemon says when a call fails. */
export const remoteError = struct({
  code: int,
  domain: int,
  message: optional(string),
  level: int,
  about: optional(domain),
  string1: optional(string),
  string2: optional(string),
  string3: optional(string),
  integer1: int,
  integer2: int,
  network: optional(struct({ name: string, uuid })),
});

// ── Procedures ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const procedures = {
  // The connection
  authList: call(66, none, { types: list(int, 20) }),
  authPolkit: call(70, none, { complete: int }),
  connectOpen: call(1, { name: optional(string), flags: uint }, none),
  connectClose: call(2, none, none),
  connectSupportsFeature: call(60, { feature: int }, { supported: flag }),
  connectGetType: call(3, none, { type: string }),
  connectGetVersion: call(4, none, { version: uhyper }),
  connectGetLibVersion: call(157, none, { version: uhyper }),
  connectGetHostname: call(59, none, { hostname: string }),
  connectGetUri: call(110, none, { uri: string }),
  connectIsSecure: call(149, none, { secure: flag }),
  connectGetSysinfo: call(203, { flags: uint }, { sysinfo: string }),

  // The host
  connectGetCapabilities: call(7, none, { capabilities: string }),
  connectGetDomainCapabilities: call(
    342,
    { emulator: optional(string), arch: optional(string), machine: optional(string), virtType: optional(string), flags: uint },
    { capabilities: string },
  ),
  connectGetMaxVcpus: call(5, { type: optional(string) }, { maximum: int }),
  connectGetCpuModelNames: call(312, { arch: string, needResults: flag, flags: uint }, { models: names(8192), count: int }),
  connectCompareCpu: call(158, { xml: string, flags: uint }, { result: int }),
  connectCompareHypervisorCpu: call(
    393,
    {
      emulator: optional(string),
      arch: optional(string),
      machine: optional(string),
      virtType: optional(string),
      cpu: string,
      flags: uint,
    },
    { result: int },
  ),
  connectBaselineHypervisorCpu: call(
    394,
    {
      emulator: optional(string),
      arch: optional(string),
      machine: optional(string),
      virtType: optional(string),
      cpus: list(string, 256),
      flags: uint,
    },
    { cpu: string },
  ),
  nodeGetInfo: call(6, none, {
    model: charArray(32),
    memory: uhyper,
    cpus: int,
    mhz: int,
    nodes: int,
    sockets: int,
    cores: int,
    threads: int,
  }),
  nodeGetCpuStats: call(227, { cpu: int, count: int, flags: uint }, { counters: namedCounters, count: int }),
  nodeGetMemoryStats: call(228, { count: int, cell: int, flags: uint }, { counters: namedCounters, count: int }),
  nodeGetFreeMemory: call(102, none, { bytes: uhyper }),
  nodeGetCellsFreeMemory: call(101, { startCell: int, maxCells: int }, { bytes: list(uhyper, 1024) }),
  nodeGetFreePages: call(
    340,
    { pageSizes: list(uint, 1024), startCell: int, cellCount: uint, flags: uint },
    { counts: list(uhyper, 1024) },
  ),
  nodeGetCpuMap: call(293, { needMap: flag, needOnline: flag, flags: uint }, { cpuMap, online: uint, total: int }),
  nodeGetSevInfo: call(395, { count: int, flags: uint }, { parameters: parameters(64), count: int }),
  connectListAllNodeDevices: call(285, { needResults: flag, flags: uint }, { devices: list(nodeDevice, 16_384), count: uint }),
  nodeDeviceLookupByName: call(113, { name: string }, { device: nodeDevice }),
  nodeDeviceGetXml: call(114, { name: string, flags: uint }, { xml: string }),
  nodeDeviceDetach: call(301, { name: string, driver: optional(string), flags: uint }, none),
  nodeDeviceReattach: call(119, { name: string }, none),
  nodeDeviceReset: call(120, { name: string }, none),
  nodeDeviceCreateXml: call(123, { xml: string, flags: uint }, { device: nodeDevice }),
  nodeDeviceDestroy: call(124, { name: string }, none),

  // Domains: which there are
  connectListAllDomains: call(273, { needResults: flag, flags: uint }, { domains: manyDomains, count: uint }),
  domainLookupById: call(22, { id: int }, { domain }),
  domainLookupByName: call(23, { name: string }, { domain }),
  domainLookupByUuid: call(24, { uuid }, { domain }),

  // Domains: life and death
  domainDefineXml: call(350, { xml: string, flags: uint }, { domain }),
  domainCreateXml: call(10, { xml: string, flags: uint }, { domain }, long),
  domainCreate: call(196, domainFlags, { domain }, long),
  domainUndefine: call(231, domainFlags, none),
  domainDestroy: call(234, domainFlags, none),
  domainShutdown: call(258, domainFlags, none),
  domainReboot: call(27, domainFlags, none),
  domainReset: call(245, domainFlags, none),
  domainSuspend: call(34, domainOnly, none),
  domainResume: call(28, domainOnly, none),
  domainManagedSave: call(182, domainFlags, none, long),
  domainHasManagedSave: call(183, domainFlags, { result: flag }),
  domainManagedSaveRemove: call(184, domainFlags, none),
  domainSave: call(232, { domain, path: string, xml: optional(string), flags: uint }, none, long),
  domainRestore: call(233, { path: string, xml: optional(string), flags: uint }, none, long),
  domainSaveImageGetXml: call(235, { path: string, flags: uint }, { xml: string }),
  domainCoreDump: call(334, { domain, path: string, format: uint, flags: uint }, none, long),
  domainRename: call(358, { domain, name: optional(string), flags: uint }, { result: int }),
  domainGetAutostart: call(15, domainOnly, { autostart: flag }),
  domainSetAutostart: call(29, { domain, autostart: flag }, none),
  domainPmWakeup: call(267, domainFlags, none),
  domainPmSuspend: call(261, { domain, target: uint, duration: uhyper, flags: uint }, none),
  domainSetLifecycleAction: call(390, { domain, type: uint, action: uint, flags: uint }, none),

  // Domains: what they are
  domainGetXml: call(14, domainFlags, { xml: string }),
  domainGetState: call(212, domainFlags, { state: int, reason: int }),
  domainGetControlInfo: call(229, domainFlags, { state: uint, details: uint, stateTime: uhyper }),
  domainGetInfo: call(16, domainOnly, { state: uint, maxMemory: uhyper, memory: uhyper, vcpus: uint, cpuTime: uhyper }),
  domainIsActive: call(150, domainOnly, { result: flag }),
  domainIsPersistent: call(151, domainOnly, { result: flag }),
  domainIsUpdated: call(202, domainOnly, { result: flag }),
  domainGetMessages: call(426, domainFlags, { messages: names(2048) }),
  domainSetMetadata: call(
    264,
    { domain, type: int, metadata: optional(string), key: optional(string), uri: optional(string), flags: uint },
    none,
  ),
  domainGetMetadata: call(265, { domain, type: int, uri: optional(string), flags: uint }, { metadata: string }),

  // Domains: processors and memory
  domainSetVcpus: call(199, { domain, vcpus: uint, flags: uint }, none),
  domainGetVcpuCount: call(200, domainFlags, { count: int }),
  domainGetVcpus: call(
    20,
    { domain, maximum: int, mapLength: int },
    { vcpus: list(struct({ number: uint, state: int, cpuTime: uhyper, cpu: int }), 16_384), cpuMaps: opaque(8_388_608) },
  ),
  domainPinVcpu: call(225, { domain, vcpu: uint, cpuMap, flags: uint }, none),
  domainGetVcpuPinInfo: call(230, { domain, count: int, mapLength: int, flags: uint }, { cpuMaps: opaque(8_388_608), count: int }),
  domainPinEmulator: call(279, { domain, cpuMap, flags: uint }, none),
  domainSetVcpu: call(384, { domain, cpus: string, enabled: flag, flags: uint }, none),
  domainSetMemory: call(204, { domain, memory: uhyper, flags: uint }, none),
  domainGetMaxMemory: call(17, domainOnly, { memory: uhyper }),
  domainSetMemoryStatsPeriod: call(308, { domain, period: int, flags: uint }, none),
  domainSetMemoryParameters: call(197, { domain, parameters: parameters(16), flags: uint }, none),
  domainSetSchedulerParameters: call(219, { domain, parameters: parameters(16), flags: uint }, none),
  domainGetSchedulerParameters: call(223, { domain, count: int, flags: uint }, { parameters: parameters(16) }),
  domainSetNumaParameters: call(254, { domain, parameters: parameters(16), flags: uint }, none),
  domainGetNumaParameters: call(255, { domain, count: int, flags: uint }, { parameters: parameters(16), count: int }),
  domainGetLaunchSecurityInfo: call(396, domainFlags, { parameters: parameters(64) }),

  // Domains: devices
  domainAttachDevice: call(160, domainDevice, none),
  domainDetachDevice: call(161, domainDevice, none),
  domainUpdateDevice: call(174, domainDevice, none),
  domainDetachDeviceAlias: call(392, { domain, alias: string, flags: uint }, none),
  domainSetInterfaceParameters: call(256, { domain, device: string, parameters: parameters(16), flags: uint }, none),

  // Domains: disks
  domainBlockResize: call(251, { domain, path: string, size: uhyper, flags: uint }, none),
  domainGetBlockInfo: call(194, domainPath, { allocation: uhyper, capacity: uhyper, physical: uhyper }),
  domainBlockPull: call(240, { domain, path: string, bandwidth: uhyper, flags: uint }, none),
  domainBlockRebase: call(266, { domain, path: string, base: optional(string), bandwidth: uhyper, flags: uint }, none),
  domainBlockCopy: call(345, { domain, path: string, destination: string, parameters: parameters(16), flags: uint }, none),
  domainBlockCommit: call(
    290,
    { domain, path: string, base: optional(string), top: optional(string), bandwidth: uhyper, flags: uint },
    none,
  ),
  domainBlockJobAbort: call(237, domainPath, none, long),
  domainGetBlockJobInfo: call(238, domainPath, { found: flag, type: int, bandwidth: uhyper, cur: uhyper, end: uhyper }),
  domainBlockJobSetSpeed: call(239, { domain, path: string, bandwidth: uhyper, flags: uint }, none),
  domainSetBlockIoTune: call(252, { domain, path: string, parameters: parameters(32), flags: uint }, none),
  domainGetBlockIoTune: call(253, { domain, path: optional(string), count: int, flags: uint }, { parameters: parameters(32), count: int }),
  domainGetDiskErrors: call(
    263,
    { domain, maximum: uint, flags: uint },
    { errors: list(struct({ disk: string, error: int }), 256), count: int },
  ),
  domainSetBlockThreshold: call(386, { domain, device: string, threshold: uhyper, flags: uint }, none),
  domainBackupBegin: call(421, { domain, backup: string, checkpoint: optional(string), flags: uint }, none),
  domainBackupGetXml: call(422, domainFlags, { xml: string }),

  // Domains: snapshots
  domainSnapshotCreate: call(185, domainDevice, { snapshot }, long),
  domainSnapshotGetXml: call(186, { snapshot, flags: uint }, { xml: string }),
  domainSnapshotLookup: call(189, { domain, name: string, flags: uint }, { snapshot }),
  domainListAllSnapshots: call(274, { domain, needResults: flag, flags: uint }, { snapshots: manySnapshots, count: int }),
  domainSnapshotRevert: call(192, { snapshot, flags: uint }, none, long),
  domainSnapshotDelete: call(193, { snapshot, flags: uint }, none, long),

  // Domains: jobs and migration
  domainGetJobInfo: call(163, domainOnly, {
    type: int,
    timeElapsed: uhyper,
    timeRemaining: uhyper,
    dataTotal: uhyper,
    dataProcessed: uhyper,
    dataRemaining: uhyper,
    memoryTotal: uhyper,
    memoryProcessed: uhyper,
    memoryRemaining: uhyper,
    fileTotal: uhyper,
    fileProcessed: uhyper,
    fileRemaining: uhyper,
  }),
  domainGetJobStats: call(298, domainFlags, { type: int, parameters: parameters(64) }),
  domainAbortJob: call(164, domainOnly, none),
  domainMigratePerform3: call(
    305,
    { domain, destination: optional(string), parameters: parameters(64), cookie, flags: uint },
    { cookie },
    long,
  ),
  domainMigrateSetMaxDowntime: call(166, { domain, downtime: uhyper, flags: uint }, none),
  domainMigrateGetMaxDowntime: call(387, domainFlags, { downtime: uhyper }),
  domainMigrateSetMaxSpeed: call(207, { domain, bandwidth: uhyper, flags: uint }, none),
  domainMigrateGetMaxSpeed: call(242, domainFlags, { bandwidth: uhyper }),
  domainMigrateSetCompressionCache: call(300, { domain, size: uhyper, flags: uint }, none),
  domainMigrateStartPostCopy: call(364, domainFlags, none),

  // Domains: statistics
  domainMemoryStats: call(159, { domain, maximum: uint, flags: uint }, { stats: list(struct({ tag: int, value: uhyper }), 1024) }),
  domainBlockStats: call(
    64,
    { domain, path: string },
    { readRequests: hyper, readBytes: hyper, writeRequests: hyper, writeBytes: hyper, errors: hyper },
  ),
  domainBlockStatsFlags: call(243, { domain, path: string, count: int, flags: uint }, { parameters: parameters(16), count: int }),
  domainInterfaceStats: call(
    65,
    { domain, device: string },
    {
      rxBytes: hyper,
      rxPackets: hyper,
      rxErrors: hyper,
      rxDrops: hyper,
      txBytes: hyper,
      txPackets: hyper,
      txErrors: hyper,
      txDrops: hyper,
    },
  ),
  domainGetCpuStats: call(
    262,
    { domain, count: uint, startCpu: int, cpuCount: uint, flags: uint },
    { parameters: parameters(2048), count: int },
  ),
  connectGetAllDomainStats: call(
    344,
    { domains: manyDomains, stats: uint, flags: uint },
    { records: list(struct({ domain, parameters: parameters(262_144) }), 16_384) },
  ),
  domainInterfaceAddresses: call(
    353,
    { domain, source: uint, flags: uint },
    {
      interfaces: list(
        struct({
          name: string,
          mac: optional(string),
          addresses: list(struct({ type: int, address: string, prefix: uint }), 2048),
        }),
        2048,
      ),
    },
  ),

  // Domains: the agent inside
  domainSetUserPassword: call(357, { domain, user: optional(string), password: optional(string), flags: uint }, none),
  domainFsFreeze: call(335, { domain, mountPoints: names(256), flags: uint }, { count: int }),
  domainFsThaw: call(336, { domain, mountPoints: names(256), flags: uint }, { count: int }),
  domainFsTrim: call(294, { domain, mountPoint: optional(string), minimum: uhyper, flags: uint }, none),
  domainGetFsInfo: call(349, domainFlags, {
    fileSystems: list(struct({ mountPoint: string, name: string, type: string, deviceAliases: names(256) }), 256),
    count: uint,
  }),
  domainGetGuestInfo: call(418, { domain, types: uint, flags: uint }, { parameters: parameters(2048) }),
  domainGetHostname: call(277, domainFlags, { hostname: string }),
  domainGetTime: call(337, domainFlags, { seconds: hyper, nanoseconds: uint }),
  domainSetTime: call(338, { domain, seconds: hyper, nanoseconds: uint, flags: uint }, none),
  domainAgentSetResponseTimeout: call(420, { domain, timeout: int, flags: uint }, { result: int }),
  domainSetAuthorizedSshKeys: call(425, { domain, user: string, keys: names(2048), flags: uint }, none),
  domainGetAuthorizedSshKeys: call(424, { domain, user: string, flags: uint }, { keys: names(2048) }),

  // Domains: what a person does at the keyboard and the screen
  domainOpenConsole: call(201, { domain, device: optional(string), flags: uint }, none, { stream: 'duplex' }),
  domainOpenChannel: call(296, { domain, name: optional(string), flags: uint }, none, { stream: 'duplex' }),
  domainScreenshot: call(211, { domain, screen: uint, flags: uint }, { mime: optional(string) }, { stream: 'download' }),
  domainSendKey: call(226, { domain, codeSet: uint, holdMs: uint, keyCodes: list(uint, 16), flags: uint }, none),
  domainInjectNmi: call(210, domainFlags, none),

  // Volumes
  storageVolumeLookupByPath: call(97, { path: string }, { volume }),
  storageVolumeDownload: call(209, { volume, offset: uhyper, length: uhyper, flags: uint }, none, { stream: 'download' }),
  storageVolumeUpload: call(208, { volume, offset: uhyper, length: uhyper, flags: uint }, none, { stream: 'upload' }),

  // Secrets
  secretDefineXml: call(142, { xml: string, flags: uint }, { secret }),
  secretLookupByUuid: call(141, { uuid }, { secret }),
  secretLookupByUsage: call(147, { usageType: int, usageId: string }, { secret }),
  secretSetValue: call(144, { secret, value: opaque(65_536), flags: uint }, none),
  secretGetValue: call(145, { secret, flags: uint }, { value: opaque(65_536) }),
  secretGetXml: call(143, { secret, flags: uint }, { xml: string }),
  secretUndefine: call(146, { secret }, none),
  connectListAllSecrets: call(287, { needResults: flag, flags: uint }, { secrets: list(secret, 16_384), count: uint }),

  // Events
  connectDomainEventRegister: call(316, { event: int, domain: optional(domain) }, { callback: int }),
  connectDomainEventDeregister: call(317, { callback: int }, none),

  // QEMU's own program
  qemuMonitorCommand: call(1, { domain, command: string, flags: uint }, { result: string }, qemu),
  qemuAgentCommand: call(3, { domain, command: string, timeout: int, flags: uint }, { result: optional(string) }, qemu),
} as const;

export type Procedures = typeof procedures;
export type ProcedureName = keyof Procedures;
export type Arguments<N extends ProcedureName> = Input<Procedures[N]['arguments']>;
export type Result<N extends ProcedureName> = Output<Procedures[N]['result']>;

/** A procedure by its name, with the types that belong to that name. */
export const procedureNamed = <N extends ProcedureName>(name: N): Procedure<Arguments<N>, Result<N>> => typedProcedures[name];
const typedProcedures: { readonly [N in ProcedureName]: Procedure<Arguments<N>, Result<N>> } = procedures;

// ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How an event is asked for and told. */
export interface EventKind<Message> {
  readonly program: ProgramName;
  /** The number to register with. */
  readonly id: number;
  /** The procedure number of its messages. */
  readonly number: number;
  /** Its first word is the callback's id, whatever follows. */
  readonly message: Codec<Message, never>;
}

function event<F extends Fields>(id: number, number: number, fields: F): EventKind<StructOutput<{ readonly callback: typeof int } & F>> {
  return { program: 'remote', id, number, message: struct({ callback: int, ...fields }) };
}

const graphicsAddress = struct({ family: int, node: string, service: string });

/** Events about domains. A message starts with the id of the callback it answers to. */
export const events = {
  lifecycle: event(0, 318, { domain, event: int, detail: int }),
  reboot: event(1, 319, { domain }),
  rtcChange: event(2, 320, { domain, offset: hyper }),
  watchdog: event(3, 321, { domain, action: int }),
  graphics: event(5, 323, {
    domain,
    phase: int,
    local: graphicsAddress,
    remote: graphicsAddress,
    authScheme: string,
    subject: list(struct({ type: string, name: string }), 20),
  }),
  ioError: event(6, 324, { domain, path: string, deviceAlias: string, action: int, reason: string }),
  controlError: event(7, 325, { domain }),
  diskChange: event(9, 327, { domain, oldPath: optional(string), newPath: optional(string), deviceAlias: string, reason: int }),
  trayChange: event(10, 328, { domain, deviceAlias: string, reason: int }),
  pmWakeup: event(11, 329, { reason: int, domain }),
  pmSuspend: event(12, 330, { reason: int, domain }),
  balloonChange: event(13, 331, { domain, actual: uhyper }),
  pmSuspendDisk: event(14, 332, { reason: int, domain }),
  deviceRemoved: event(15, 333, { domain, deviceAlias: string }),
  /** Names the disk by its target (`vda`), whatever its file is called now. */
  blockJob: event(16, 339, { domain, disk: string, type: int, status: int }),
  tunable: event(17, 346, { domain, parameters: parameters(2048) }),
  agentLifecycle: event(18, 348, { domain, state: int, reason: int }),
  deviceAdded: event(19, 354, { domain, deviceAlias: string }),
  migrationIteration: event(20, 359, { domain, iteration: int }),
  jobCompleted: event(21, 363, { domain, parameters: parameters(64) }),
  deviceRemovalFailed: event(22, 367, { domain, deviceAlias: string }),
  metadataChange: event(23, 379, { domain, type: int, uri: optional(string) }),
  blockThreshold: event(24, 385, { domain, device: string, path: optional(string), threshold: uhyper, excess: uhyper }),
  memoryFailure: event(25, 423, { domain, recipient: int, action: int, flags: uint }),
  memoryDeviceSizeChange: event(26, 438, { domain, alias: string, size: uhyper }),
} as const;

export type EventName = keyof typeof events;
/** What one event tells. */
export type EventMessage<N extends EventName> = Output<(typeof events)[N]['message']>;

/** An event by its name, with the type of its messages. */
export const eventNamed = <N extends EventName>(name: N): EventKind<EventMessage<N>> => typedEvents[name];
const typedEvents: { readonly [N in EventName]: EventKind<EventMessage<N>> } = events;
