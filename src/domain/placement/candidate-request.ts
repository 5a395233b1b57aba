/** One request group of GET /allocation_candidates. */
export interface RequestGroup {
  /** Empty for the one group that may be spread over a tree; any other group is satisfied by one provider. */
  readonly suffix: string;
  /** Amounts by resource class; empty only for a group that is there for `same_subtree`. */
  readonly resources: ReadonlyMap<string, number>;
  /** Each list is satisfied by any of its traits; all lists must be. */
  readonly required: readonly (readonly string[])[];
  readonly forbidden: readonly string[];
  /** Each list is satisfied by membership in any of its aggregates; all lists must be. */
  readonly memberOf: readonly (readonly string[])[];
  readonly notMemberOf: readonly string[];
  /** Any provider of the tree that must satisfy the group. */
  readonly inTree: string | null;
}

export interface CandidateRequest {
  readonly groups: readonly RequestGroup[];
  readonly groupPolicy: 'none' | 'isolate' | null;
  readonly rootRequired: readonly string[];
  readonly rootForbidden: readonly string[];
  /** In each list, the provider of one group must be an ancestor of those of the others. */
  readonly sameSubtrees: readonly (readonly string[])[];
  readonly limit: number | null;
  /** Whether several providers of one tree may make up a candidate (1.29). */
  readonly nested: boolean;
}
