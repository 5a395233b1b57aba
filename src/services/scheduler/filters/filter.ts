import type { Settings } from '../../../config/index.ts';
import type { GroupConstraint, RequestSpec } from '../../../domain/request-spec.ts';
import type { HostState } from '../host-state.ts';

/** Why a host does not do; null when it does. `constraint` is the same for all hosts refused for one reason, `because` is about this one. */
export type Verdict = { readonly constraint: string; readonly because: string } | null;

/** What is being placed. The group's member hosts grow as its servers are placed. */
export interface Placing {
  readonly spec: RequestSpec;
  readonly group: (Omit<GroupConstraint, 'memberHosts'> & { readonly memberHosts: string[] }) | null;
  readonly settings: Settings;
}

/** One reason to refuse a host, under Nova's name. */
export interface HostFilter {
  readonly name: string;
  readonly check: (host: HostState, placing: Placing) => Verdict;
}

export const pass: Verdict = null;
export const reject = (constraint: string, because: string): Verdict => ({ constraint, because });
