import Type from 'typebox';
import { contract, trusted, type Client } from '../lib/rpc/contract.ts';
import type { GuestEvent, NodeFacts } from '../domain/hosts.ts';
import type { TaskState, VmState } from '../domain/instance.ts';
import type { ReconcilerStatus } from '../lib/reconciler/reconciler.ts';
import type { SagaConsequences, SagaOrder, SagaOrdered, SagaStep } from './operator.ts';

/** An instance as its host is told of it. */
export interface InstanceOnHost {
  readonly instanceId: string;
  readonly name: string;
  readonly node: string;
  readonly vmState: VmState;
  readonly taskState: TaskState | null;
  readonly powerState: number;
  readonly epoch: number;
}

/** One thing that is not as it must be. */
export interface AuditFinding {
  /** The invariant it breaks, by name. */
  readonly invariant: string;
  /** What it is about: a server, a port, a guest on a host. */
  readonly subject: string;
  readonly what: string;
  /** How it is mended. */
  readonly repair: string;
  /** `mended` and `failed` only of an audit that repairs; `mendable` ones it would repair, the others are an operator's to judge. */
  readonly outcome: 'mended' | 'failed' | 'mendable' | 'left';
  /** Why mending failed. */
  readonly problem?: string;
}

/** What an audit has found. */
export interface AuditReport {
  readonly startedAt: string;
  readonly ms: number;
  readonly invariants: readonly { readonly name: string; readonly says: string; readonly findings: number }[];
  readonly findings: readonly AuditFinding[];
  /** What could not be looked at: hosts that do not answer, invariants whose services do not. */
  readonly notAudited: readonly { readonly what: string; readonly why: string; readonly kind: 'host' | 'invariant' }[];
}

/** What the API and the hosts ask of the conductor, the only door to the database for hosts. Topic: `conductor`. */
export const conductor = contract('conductor', {
  /** There are sagas to run; the rows are already written, so losing this call costs a second. */
  wake: { since: 1, kind: 'query', args: Type.Object({}) },
  /** A host has started: its service and its nodes are recorded. Answers the instances that should be on it, and what it must do about others first. */
  hostStarted: {
    since: 1,
    kind: 'query',
    args: trusted<{ host: string; version: number; nodes: readonly NodeFacts[] }>(),
    result: trusted<{
      instances: readonly InstanceOnHost[];
      /** Instances whose guests may be set aside there. */
      setAside: readonly string[];
      /** Instances that were evacuated from it: their guests go, or, while another is still being made, must not run. */
      evacuated: readonly { readonly instanceId: string; readonly moveId: string; readonly made: boolean }[];
    }>(),
  },
  /** The host has nothing left of what these moves took from it. */
  staleGuestsRemoved: { since: 1, kind: 'query', args: Type.Object({ host: Type.String(), moveIds: Type.Array(Type.String()) }) },
  /** A host stops in an orderly way; it counts as down at once. */
  hostStopped: { since: 1, kind: 'query', args: Type.Object({ host: Type.String() }) },
  /** Fresh facts of a host's nodes. */
  nodesReported: { since: 1, kind: 'query', args: trusted<{ host: string; nodes: readonly NodeFacts[] }>() },
  /** Guests changed state by themselves; instances that nothing is done to follow (Nova's power-state rules). */
  guestsChanged: { since: 1, kind: 'query', args: trusted<{ host: string; events: readonly GuestEvent[] }>() },
  /** The instances that should be on a host. */
  instancesOn: {
    since: 1,
    kind: 'query',
    args: Type.Object({ host: Type.String() }),
    result: trusted<{ instances: readonly InstanceOnHost[] }>(),
  },
  /** Ports of these instances have changed: their interfaces are read anew. */
  networkChanged: { since: 1, kind: 'query', args: Type.Object({ instanceIds: Type.Array(Type.String()) }) },
  /** Looks whether everything is as it must be, on all hosts and services, and repairs what is safe where that is asked for. */
  audit: { since: 1, kind: 'query', args: Type.Object({ repair: Type.Boolean() }), result: trusted<AuditReport>() },
  /** The steps of an operation and where they stand, and when it is undone if it is not over by then. */
  sagaSteps: {
    since: 1,
    kind: 'query',
    args: Type.Object({ sagaId: Type.String() }),
    result: trusted<{ steps: readonly SagaStep[]; deadline: string | null }>(),
  },
  /** What would follow if an operation were forced on, or ended as it is; `conflict` where that cannot be. */
  sagaConsequences: {
    since: 1,
    kind: 'query',
    args: trusted<{ sagaId: string; order: 'force' | 'end' }>(),
    result: trusted<SagaConsequences>(),
  },
  /** Does as an operator says with an operation; `conflict` where that cannot be. */
  orderSaga: { since: 1, kind: 'query', args: trusted<{ sagaId: string; order: SagaOrder }>(), result: trusted<SagaOrdered>() },
  /** What this conductor keeps true, and how its last looks went. */
  reconcilers: { since: 1, kind: 'query', args: Type.Object({}), result: trusted<{ reconcilers: readonly ReconcilerStatus[] }>() },
});
export type Conductor = Client<typeof conductor>;
export const conductorTopic = 'conductor';
