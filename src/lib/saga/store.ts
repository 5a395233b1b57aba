import type { WireError } from '../errors.ts';

/** `running` goes forward, `unwinding` backward; `done` and `undone` have ended; `abandoned` was ended by an operator, as it was. */
export type SagaState = 'running' | 'unwinding' | 'done' | 'undone' | 'abandoned';
/** States in which something is still to be done. */
export const activeStates = ['running', 'unwinding'] as const satisfies readonly SagaState[];

export interface SagaLogLine {
  readonly step: string;
  readonly event: 'ran' | 'failed' | 'undone' | 'cancelled' | 'overdue' | 'skipped' | 'abandoned';
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly ms: number;
  /** How often it was tried; left out when once. */
  readonly tries?: number;
  readonly message?: string;
}

/** What a saga waits for that does not get on: a step, or the undo of one, that has failed and is tried again. */
export interface SagaWaiting {
  readonly step: string;
  readonly direction: 'forward' | 'backward';
  /** Milliseconds since the epoch: the first try. */
  readonly since: number;
  readonly tries: number;
  /** Why the last try failed. */
  readonly failure: WireError;
  /** When it is given up and everything is undone; null where it is tried until it works. */
  readonly until: number | null;
}

/** One saga as it is kept: everything another conductor needs to go on with it. */
export interface SagaRecord {
  readonly id: string;
  readonly name: string;
  /** What it is about, such as the id of a server. */
  readonly subject: string;
  readonly params: unknown;
  readonly state: SagaState;
  /** Steps that are finished (running) or still to be undone (unwinding). */
  readonly position: number;
  readonly results: Readonly<Record<string, unknown>>;
  readonly failure: WireError | null;
  readonly cancelRequested: boolean;
  /** Grows with each change of owner; a write of an older owner has no effect. */
  readonly fence: number;
  readonly owner: string | null;
  /** Until when the owner holds it, by the store's clock, or until when it rests. */
  readonly leaseUntil: number;
  readonly log: readonly SagaLogLine[];
  /** Null while it gets on. */
  readonly waiting: SagaWaiting | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Minutes after which something that is tried until it works is an operator's to look at, and hours without any progress. */
const stuckAfterMs = 300_000;
const silentAfterMs = 24 * 3_600_000;

/** Whether a saga has not got on for long, and never gives up by itself. */
export const isStuck = ({ state, waiting, updatedAt }: Pick<SagaRecord, 'state' | 'waiting' | 'updatedAt'>, now: number): boolean =>
  activeStates.some((active) => active === state) &&
  ((waiting !== null && waiting.until === null && now - waiting.since >= stuckAfterMs) || now - updatedAt >= silentAfterMs);

/** A saga with its age by the store's clock, for processes whose own clocks differ. */
export interface ClaimedSaga extends SagaRecord {
  readonly ageMs: number;
}

export interface NewSaga {
  readonly id: string;
  readonly name: string;
  readonly subject: string;
  readonly params: unknown;
}

export interface SagaProgress {
  readonly state: SagaState;
  readonly position: number;
  /** Results to add. */
  readonly results?: Readonly<Record<string, unknown>>;
  readonly failure?: WireError;
  readonly line: SagaLogLine;
}

/** What a step writes when its end is logged; takes a transaction of the store's own kind. */
export type Alongside = (transaction: never) => Promise<void>;

/** Where sagas are kept. */
export interface SagaStore {
  /** Takes up to `limit` sagas that nobody holds a lease on, for so many milliseconds. */
  claim(owner: string, leaseMs: number, limit: number): Promise<readonly ClaimedSaga[]>;
  /** Prolongs the leases of the owner; answers for each whether it is cancelled. Sagas missing from the answer are lost to it. */
  renew(
    owner: string,
    held: readonly { readonly id: string; readonly fence: number }[],
    leaseMs: number,
  ): Promise<ReadonlyMap<string, { readonly cancelRequested: boolean }>>;
  /** Writes progress and its log line, if the fence still stands, in one transaction with what the step writes; answers whether it did. */
  advance(id: string, fence: number, progress: SagaProgress, alongside?: readonly Alongside[]): Promise<boolean>;
  /** Writes down what a saga waits for, if the fence still stands; its next progress takes that away. */
  note(id: string, fence: number, waiting: SagaWaiting): Promise<void>;
  /** Gives a saga back, to be claimed again after so many milliseconds. */
  release(id: string, fence: number, afterMs: number): Promise<void>;
}
