import type { WireError } from '../errors.ts';

/** `running` goes forward, `unwinding` backward; `done` and `undone` have ended; `stuck` waits for an operator. */
export type SagaState = 'running' | 'unwinding' | 'done' | 'undone' | 'stuck';

export interface SagaLogLine {
  readonly step: string;
  readonly event: 'ran' | 'failed' | 'undone' | 'undo-failed' | 'retry' | 'cancelled';
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly ms: number;
  /** How often it was tried; left out when once. */
  readonly tries?: number;
  readonly message?: string;
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
  readonly log: readonly SagaLogLine[];
  readonly createdAt: number;
  readonly updatedAt: number;
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
  claim(owner: string, leaseMs: number, limit: number): Promise<readonly SagaRecord[]>;
  /** Prolongs the leases of the owner; answers for each whether it is cancelled. Sagas missing from the answer are lost to it. */
  renew(
    owner: string,
    held: readonly { readonly id: string; readonly fence: number }[],
    leaseMs: number,
  ): Promise<ReadonlyMap<string, { readonly cancelRequested: boolean }>>;
  /** Writes progress and its log line, if the fence still stands, in one transaction with what the step writes; answers whether it did. */
  advance(id: string, fence: number, progress: SagaProgress, alongside?: readonly Alongside[]): Promise<boolean>;
  /** Gives a saga back, to be claimed again after so many milliseconds. */
  release(id: string, fence: number, afterMs: number): Promise<void>;
}
