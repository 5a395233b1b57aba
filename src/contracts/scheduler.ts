import Type from 'typebox';
import { contract, trusted, type Client } from '../lib/rpc/contract.ts';
import type { Explanation } from '../domain/decision.ts';
import type { Destination, PlacementRefusal, RequestSpec } from '../domain/request-spec.ts';

/** What was decided for a request: a claimed place for every instance, or why there is none. */
export type Selection =
  | {
      readonly found: true;
      readonly decisionId: string;
      readonly destinations: readonly {
        readonly instanceId: string;
        readonly chosen: Destination;
        readonly alternates: readonly Destination[];
      }[];
    }
  | { readonly found: false; readonly decisionId: string; readonly message: string; readonly refusal: PlacementRefusal };

/** Topic: `scheduler`. */
export const scheduler = contract('scheduler', {
  /**
   * Finds and claims places in placement, all or none. Allocations the instances hold from an earlier try of the same operation are
   * given back first, so the call may be repeated.
   */
  selectDestinations: {
    since: 1,
    kind: 'query',
    args: trusted<{ spec: RequestSpec; instanceIds: readonly string[]; requestId?: string }>(),
    result: trusted<Selection>(),
  },
  /** Where a request would fit, and why not elsewhere; claims nothing. */
  explain: { since: 2, kind: 'query', args: trusted<{ spec: RequestSpec }>(), result: trusted<Explanation>() },
  /** Whether the host a server is on takes the image of this request; nothing is claimed. */
  judgeHost: {
    since: 1,
    kind: 'query',
    args: trusted<{ spec: RequestSpec; host: string; node: string }>(),
    result: Type.Object({ accepted: Type.Boolean(), message: Type.String() }),
  },
  /** Something the scheduler remembers about hosts has changed. */
  refresh: { since: 1, kind: 'query', args: Type.Object({}) },
});
export type Scheduler = Client<typeof scheduler>;
export const schedulerTopic = 'scheduler';
