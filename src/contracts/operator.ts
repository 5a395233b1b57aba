import type { MoveProgress, MoveStatus, MoveType } from '../domain/move.ts';
import type { WireError } from '../lib/errors.ts';
import type { SagaLogLine, SagaState, SagaWaiting } from '../lib/saga/store.ts';
import type { AuditFinding } from './conductor.ts';

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
  /** What it waits for while it does not get on. */
  readonly waiting: SagaWaiting | null;
  /** It has not got on for long, and never gives up by itself: an operator should look. */
  readonly stuck: boolean;
}

/** One step of an operation's table, and where it stands. */
export interface SagaStep {
  readonly name: string;
  readonly state: 'to come' | 'under way' | 'done' | 'to be undone' | 'being undone' | 'undone' | 'not run' | 'skipped';
  /** Past the point of no return. */
  readonly forwardOnly: boolean;
  /** Whether there is anything to take back. */
  readonly hasUndo: boolean;
}

/** What an operator can have done to an operation: `force` counts the step that does not go on as done, `end` lets everything be as it is. */
export type SagaOrder = 'resume' | 'undo' | 'force' | 'end';

/** What happens when a step that cannot go on is passed over, or the whole operation is given up. */
export interface SagaConsequences {
  /** The step that is passed over. */
  readonly step: string;
  readonly direction: 'forward' | 'backward';
  /** What still happens by itself. */
  readonly goesOn: readonly string[];
  /** Steps that have done something nobody takes back, and those that never do what they should. */
  readonly staysDone: readonly string[];
  readonly neverDone: readonly string[];
  /** What the server has and holds now: states, resources, ports, volumes, guests. */
  readonly holds: readonly string[];
  /** What an audit finds, and how it is mended, if nothing more is done. */
  readonly findings: readonly Pick<AuditFinding, 'invariant' | 'subject' | 'what' | 'repair' | 'outcome'>[];
  /** What the audit could not look at. */
  readonly notSeen: readonly string[];
}

/** What became of an operator's order. */
export interface SagaOrdered {
  readonly order: SagaOrder;
  readonly said: string;
}

export interface SagaDetail extends SagaSummary {
  /** Without passwords. */
  readonly params: unknown;
  readonly results: Readonly<Record<string, unknown>>;
  readonly log: readonly SagaLogLine[];
  /** Until when its conductor holds it without asking again. */
  readonly leaseUntil: string;
  /** When it is undone, if it has not passed its point of no return by then; null where it never is, or no conductor knows. */
  readonly deadline: string | null;
  /** Empty when no conductor knows it, or none answers. */
  readonly steps: readonly SagaStep[];
}

/** A move of a server between hosts or flavors. */
export interface MoveSummary {
  /** Also of the operation that does it. */
  readonly id: string;
  readonly cell: string;
  readonly serverId: string;
  readonly type: MoveType;
  readonly status: MoveStatus;
  readonly ended: boolean;
  readonly sourceHost: string;
  /** Null until one is chosen. */
  readonly destHost: string | null;
  /** Of a live migration, once something was measured. */
  readonly progress: MoveProgress | null;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface HostSummary {
  readonly host: string;
  readonly cell: string;
  readonly up: boolean;
  readonly disabled: boolean;
  /** Why, in the words of whoever disabled it; `AUTO: …` where nobody did. */
  readonly disabledReason: string | null;
  readonly forcedDown: boolean;
  readonly lastSeenAt: string | null;
  readonly nodes: readonly { readonly name: string; readonly uuid: string }[];
  /** Live instances that are on it, and how many of them something is being done to. */
  readonly instances: number;
  readonly busy: number;
}
