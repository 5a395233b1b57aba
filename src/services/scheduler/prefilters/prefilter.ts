import type { Settings } from '../../../config/index.ts';
import type { RequestSpec } from '../../../domain/request-spec.ts';
import type { Aggregate } from '../../../store/aggregates.ts';

/** What is being placed, and where it could be. */
export interface PrefilterContext {
  readonly spec: RequestSpec;
  readonly settings: Settings;
  readonly aggregates: readonly Aggregate[];
  /** Traits the request requires by itself, of any provider. */
  readonly requiredTraits: ReadonlySet<string>;
}

/** Conditions on hosts as placement knows them, while they are gathered. */
export interface HostConditions {
  readonly rootRequired: Set<string>;
  readonly rootForbidden: Set<string>;
  /** A host must be in one aggregate of each list. */
  readonly memberOf: (readonly string[])[];
  readonly notMemberOf: Set<string>;
}

/** Narrows the hosts before any is looked at, because placement can tell. Answers why there can be none, or null. */
export interface Prefilter {
  /** Nova's name. */
  readonly name: string;
  readonly apply: (context: PrefilterContext, conditions: HostConditions) => string | null;
}

/** A pre-filter that asks for traits of the host. */
export const rootTraits = (name: string, traitsOf: (context: PrefilterContext) => readonly string[]): Prefilter => ({
  name,
  apply(context, { rootRequired }) {
    for (const trait of traitsOf(context)) rootRequired.add(trait);
    return null;
  },
});
