/** What one test of others, or one command of theirs, said of our cloud. */
export interface Verdict {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped, in a line; empty when it passed. */
  readonly reason: string;
  /** All there is to say about a failure. */
  readonly detail: string;
}

/** Failures and skips that are known, each with its reason. The first row whose `name` and `says` both match a verdict explains it. */
export interface Expectation {
  readonly outcome: 'failed' | 'skipped';
  readonly name?: RegExp;
  /** What the verdict's own reason says. */
  readonly says?: RegExp;
  readonly because: string;
}

export const expectationFor = (verdict: Verdict, expectations: readonly Expectation[]): Expectation | null =>
  expectations.find(
    ({ outcome, name, says }) =>
      outcome === verdict.outcome && (name === undefined || name.test(verdict.name)) && (says === undefined || says.test(verdict.reason)),
  ) ?? null;
