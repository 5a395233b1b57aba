/** Builds that failed since one succeeded: where they do, others are not sent. */
export interface BuildOutcomes {
  failed(): void;
  succeeded(): void;
  readonly failures: number;
  onChange(listener: () => void): void;
}

export function buildOutcomes(): BuildOutcomes {
  let failures = 0;
  let changed: () => void = () => undefined;
  const become = (count: number): void => {
    if (count === failures) return;
    failures = count;
    changed();
  };
  return {
    failed: () => become(failures + 1),
    succeeded: () => become(0),
    get failures() {
      return failures;
    },
    onChange: (listener) => void (changed = listener),
  };
}
