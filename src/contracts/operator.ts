import type { WireError } from '../lib/errors.ts';
import type { SagaLogLine, SagaState } from '../lib/saga/store.ts';

/** What `/kilonova/v1` of the Compute API answers its operators: the JSON of each path, for `kilonova inspect` and the dashboard. Audit and reconcilers answer as the conductor does. */
export interface SagaSummary {
  readonly id: string;
  readonly name: string;
  /** The server or the reservation it is about. */
  readonly subject: string;
  readonly cell: string;
  readonly state: SagaState;
  /** Steps that are finished, or still to be undone. */
  readonly position: number;
  readonly cancelRequested: boolean;
  /** The conductor that holds it, or null. */
  readonly owner: string | null;
  /** How often it changed hands. */
  readonly claims: number;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly failure: WireError | null;
}

export interface SagaDetail extends SagaSummary {
  /** Without passwords. */
  readonly params: unknown;
  readonly results: Readonly<Record<string, unknown>>;
  readonly log: readonly SagaLogLine[];
}

export interface HostSummary {
  readonly host: string;
  readonly cell: string;
  readonly up: boolean;
  readonly disabled: boolean;
  readonly forcedDown: boolean;
  readonly lastSeenAt: string | null;
  readonly nodes: readonly { readonly name: string; readonly uuid: string }[];
  /** Live instances that are on it, and how many of them something is being done to. */
  readonly instances: number;
  readonly busy: number;
}
