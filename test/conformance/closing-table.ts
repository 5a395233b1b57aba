import { expectationFor, type Expectation, type Verdict } from './verdict.ts';

/** One run: the verdicts of a suite and what is known to be so. */
export interface SuiteReport {
  readonly suite: string;
  readonly verdicts: readonly Verdict[];
  readonly expectations: readonly Expectation[];
}

interface Closing {
  readonly text: string;
  /** No failure, and no skip, that nobody gave a reason for. */
  readonly good: boolean;
}

const count = (verdicts: readonly Verdict[], outcome: Verdict['outcome']): number =>
  verdicts.filter((verdict) => verdict.outcome === outcome).length;

/** The table a run ends with: numbers by suite, then every failure, and every skip by its reason. */
export function closingTable(reports: readonly SuiteReport[]): Closing {
  const lines = [`${'suite'.padEnd(44)}${'passed'.padStart(8)}${'failed'.padStart(8)}${'skipped'.padStart(9)}`];
  const row = (name: string, verdicts: readonly Verdict[]): string =>
    `${name.padEnd(44)}${String(count(verdicts, 'passed')).padStart(8)}${String(count(verdicts, 'failed')).padStart(8)}${String(count(verdicts, 'skipped')).padStart(9)}`;
  let good = true;
  for (const { suite, verdicts } of reports) {
    lines.push(row(suite, verdicts));
    for (const [family, ofFamily] of Map.groupBy(verdicts, ({ name }) => familyOf(name))) lines.push(row(`  ${family}`, ofFamily));
  }
  for (const { suite, verdicts, expectations } of reports) {
    const known = verdicts
      .filter(({ outcome }) => outcome !== 'passed')
      .map((verdict) => ({ verdict, as: expectationFor(verdict, expectations) }));
    const unexplained = known.filter(({ as }) => as === null).map(({ verdict }) => verdict);
    const explained = known.flatMap(({ verdict, as }) => (as === null ? [] : [{ verdict, because: as.because }]));
    if (unexplained.length > 0) good = false;
    for (const outcome of ['failed', 'skipped'] as const) {
      const without = unexplained.filter((verdict) => verdict.outcome === outcome);
      if (without.length > 0)
        lines.push('', `${suite}: ${outcome}, and nobody said why it may`, ...byReason(without, ({ reason }) => reason));
      const withReason = explained.filter(({ verdict }) => verdict.outcome === outcome);
      if (withReason.length > 0) {
        lines.push('', `${suite}: ${outcome}, as known`);
        for (const [because, ones] of Map.groupBy(withReason, (one) => one.because)) {
          lines.push(`  ${because} (${ones.length})`, ...ones.map(({ verdict }) => `      ${verdict.name}`));
        }
      }
    }
  }
  const all = reports.flatMap(({ verdicts }) => verdicts);
  lines.push('', `${count(all, 'passed')} passed, ${count(all, 'failed')} failed, ${count(all, 'skipped')} skipped`);
  return { text: `${lines.join('\n')}\n`, good };
}

function byReason(verdicts: readonly Verdict[], reasonOf: (verdict: Verdict) => string): string[] {
  return [...Map.groupBy(verdicts, reasonOf)].flatMap(([reason, ones]) => [
    `  ${reason} (${ones.length})`,
    ...ones.map(({ name }) => `      ${name}`),
  ]);
}

/** The first words of a name: the module of a test, the noun of a command. */
const familyOf = (name: string): string => /^tempest\.api\.(compute(?:\.[a-z_]+)?)\./.exec(name)?.[1] ?? name.split(' ')[0] ?? name;
