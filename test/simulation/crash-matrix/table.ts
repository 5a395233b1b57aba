import { operation, operationNames, victimNames, type Cell } from './cells.ts';
import type { CellReport } from './walk.ts';

/** Operation × victim, with one letter a step: `+` done, `-` undone with a reason, `X` broken, `.` not tried. */
export function matrixTable(cells: readonly Cell[], reports: readonly CellReport[]): string {
  const byCell = new Map(reports.map((report) => [report.cell, report]));
  const names = operationNames.filter((name) => cells.some((cell) => cell.operation === name));
  const victims = victimNames.filter((victim) => cells.some((cell) => cell.victim === victim));
  const rows = names.map((name) => {
    const columns = victims.map((victim) => {
      const tried = operation(name).steps.map((_, after) => byCell.get(`${name}/${victim}/${after}`));
      const known = tried.filter((report) => report !== undefined);
      const survived = known.filter(({ problems }) => problems.length === 0).length;
      return `${tried.map(letterOf).join('')} ${survived}/${known.length}`;
    });
    return [name, ...columns, operation(name).steps.join(' → ')];
  });
  const lines = [['', ...victims, 'steps'], ...rows];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const letterOf = (report: CellReport | undefined): string =>
  report === undefined ? '.' : report.problems.length > 0 ? 'X' : report.ended === 'done' ? '+' : '-';
