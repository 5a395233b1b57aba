/** What went wrong, as far as a program must tell the cases apart. `lib/http` alone turns a kind into a status. */
export type ErrorKind =
  | 'invalid' // the request itself is wrong
  | 'unauthenticated' // nobody known is asking
  | 'forbidden' // known, and not allowed
  | 'notFound'
  | 'conflict' // right in itself, wrong now: state, generation, duplicate
  | 'quota'
  | 'gone' // existed in an older API, for good away
  | 'unsupported' // this cloud cannot do it
  | 'unavailable' // a part that is needed does not answer
  | 'internal';

export interface ErrorOptions {
  /** What caused it, for the log; never shown to a user. */
  readonly cause?: unknown;
  /** A machine-readable code where a protocol has one, such as `placement.concurrent_update`. */
  readonly code?: string;
  /** Facts a client may read, merged into the fault where the protocol has a place for them. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error of the project: a message for the user, a kind for programs, a cause for the log. */
export class KilonovaError extends Error {
  readonly kind: ErrorKind;
  readonly code: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(kind: ErrorKind, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'KilonovaError';
    this.kind = kind;
    this.code = options.code;
    this.details = options.details ?? {};
  }
}

const factory =
  (kind: ErrorKind) =>
  (message: string, options?: ErrorOptions): KilonovaError =>
    new KilonovaError(kind, message, options);

export const invalid = factory('invalid');
export const unauthenticated = factory('unauthenticated');
export const forbidden = factory('forbidden');
export const notFound = factory('notFound');
export const conflict = factory('conflict');
export const overQuota = factory('quota');
export const gone = factory('gone');
export const unsupported = factory('unsupported');
export const unavailable = factory('unavailable');
export const internal = factory('internal');

/** True for a KilonovaError of one of these kinds. */
export const isKind = (error: unknown, ...kinds: readonly ErrorKind[]): error is KilonovaError =>
  error instanceof KilonovaError && kinds.includes(error.kind);

/** The message of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Plain JSON of an error, so that it can cross a bus or be kept in a log row. */
export interface WireError {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly code?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function toWireError(error: unknown): WireError {
  if (!(error instanceof KilonovaError)) return { kind: 'internal', message: messageOf(error) };
  return {
    kind: error.kind,
    message: error.message,
    ...(error.code === undefined ? {} : { code: error.code }),
    ...(Object.keys(error.details).length === 0 ? {} : { details: error.details }),
  };
}

export const fromWireError = ({ kind, message, code, details }: WireError): KilonovaError =>
  new KilonovaError(kind, message, { ...(code === undefined ? {} : { code }), ...(details === undefined ? {} : { details }) });
