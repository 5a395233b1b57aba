/** Numbers a daemon gives its errors (`virErrorNumber`), those a program may want to tell apart. */
export const errorCodes = {
  internalError: 1,
  noMemory: 2,
  noSupport: 3,
  invalidArgument: 8,
  operationFailed: 9,
  domainExists: 28,
  operationDenied: 29,
  openFailed: 30,
  xmlError: 27,
  xmlDetail: 35,
  systemError: 38,
  rpc: 39,
  noDomain: 42,
  authFailed: 45,
  noStorageVolume: 50,
  noNodeDevice: 53,
  operationInvalid: 55,
  invalidSecret: 65,
  noSecret: 66,
  configUnsupported: 67,
  operationTimeout: 68,
  migratePersistFailed: 69,
  noDomainSnapshot: 72,
  invalidStream: 73,
  argumentUnsupported: 74,
  operationAborted: 78,
  noDomainMetadata: 80,
  migrateUnsafe: 81,
  overflow: 82,
  blockCopyActive: 83,
  operationUnsupported: 84,
  agentUnresponsive: 86,
  resourceBusy: 87,
  accessDenied: 88,
  storageVolumeExists: 90,
  cpuIncompatible: 91,
  xmlInvalidSchema: 92,
  migrateFinishOk: 93,
  authUnavailable: 94,
  agentUnsynced: 97,
  deviceMissing: 99,
  noDomainBackup: 104,
} as const;

export type LibvirtErrorName = keyof typeof errorCodes;

const isErrorName = (name: string): name is LibvirtErrorName => name in errorCodes;
const nameOf = (code: number): LibvirtErrorName | null =>
  Object.keys(errorCodes)
    .filter(isErrorName)
    .find((name) => errorCodes[name] === code) ?? null;

/** A call the daemon answered with an error. The message is the daemon's own, which names domains and devices. */
export class LibvirtError extends Error {
  /** `virErrorNumber`; `errorName` where this library has a word for it. */
  readonly code: number;
  readonly errorName: LibvirtErrorName | null;
  /** `virErrorDomain`: which part of libvirt speaks, such as 10 for QEMU. */
  readonly domain: number;
  readonly level: 'warning' | 'error';
  /** The call that failed, such as `domainCreate`. */
  readonly procedure: string;

  constructor(
    procedure: string,
    fields: { readonly code: number; readonly domain: number; readonly level: number; readonly message: string | null },
  ) {
    super(fields.message ?? `libvirt error ${fields.code}`);
    this.name = 'LibvirtError';
    this.procedure = procedure;
    this.code = fields.code;
    this.errorName = nameOf(fields.code);
    this.domain = fields.domain;
    this.level = fields.level === 1 ? 'warning' : 'error';
  }
}

/** True for a daemon's error with one of these names. */
export const isLibvirtError = (error: unknown, ...names: readonly LibvirtErrorName[]): error is LibvirtError =>
  error instanceof LibvirtError && (names.length === 0 || (error.errorName !== null && names.includes(error.errorName)));

/**
 * Why a connection is no more:
 * `closed` by us; `lost` when the network or the daemon went away; `silent` when keepalives stayed unanswered;
 * `protocol` when the other side sent what libvirt never would; `refused` when it would not let us in.
 */
export type DisconnectReason = 'closed' | 'lost' | 'silent' | 'protocol' | 'refused';

/** The connection failed; every call and stream that was open on it ends with this error. */
export class LibvirtConnectionError extends Error {
  readonly reason: DisconnectReason;

  constructor(reason: DisconnectReason, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LibvirtConnectionError';
    this.reason = reason;
  }
}

/** A call without an answer in its time. The daemon may still carry it out: libvirt's protocol cannot take a call back. */
export class LibvirtTimeoutError extends Error {
  readonly procedure: string;

  constructor(procedure: string, timeoutMs: number) {
    super(`libvirt did not answer ${procedure} within ${timeoutMs / 1000} s`);
    this.name = 'LibvirtTimeoutError';
    this.procedure = procedure;
  }
}
