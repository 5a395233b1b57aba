import type { Result, Status } from './check.ts';
import type { Verdict } from './verdict.ts';

const marks: Readonly<Record<Status, string>> = { good: '✓', warning: '!', missing: '✗' };
const mark = (can: boolean): string => (can ? '✓' : '✗');

/** The findings as a person reads them: a line each, its remedy below it, and the verdict at the end. */
export function table(results: readonly Result[], { fakeClouds, realGuests, tests }: Verdict): string {
  const width = Math.max(...results.map(({ about }) => about.length));
  const indent = ' '.repeat(width + 5);
  const lines = results.flatMap(({ status, about, found, remedy }) => [
    ` ${marks[status]} ${about.padEnd(width)}  ${found}`,
    ...(remedy === null ? [] : remedy.split('\n').map((line) => `${indent}→ ${line}`)),
  ]);
  const can = [
    `fake clouds ${mark(fakeClouds)}`,
    `real guests with KVM ${mark(realGuests.kvm)}`,
    `real guests by emulation (TCG) ${mark(realGuests.emulation)}`,
    `all tests ${mark(tests)}`,
  ];
  return `${lines.join('\n')}\n\nThis machine can run: ${can.join(', ')}\n`;
}
