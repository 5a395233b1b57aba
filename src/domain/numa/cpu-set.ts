import { invalid } from '../../lib/errors.ts';

/** Reads a set of processors: `0-3,^2,8`. What is excluded is excluded wherever it stands. */
export function parseCpuSet(text: string): readonly number[] {
  const included = new Set<number>();
  const excluded = new Set<number>();
  for (const rule of text.split(',').map((part) => part.trim())) {
    if (rule === '') continue;
    const [, not = '', first = '', last] = /^(\^?)(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(rule) ?? [];
    if (first === '' || (not !== '' && last !== undefined))
      throw invalid(`Invalid CPU set: '${rule}' is neither a number, a range nor ^number.`);
    const [from, to] = [Number(first), Number(last ?? first)];
    if (from > to) throw invalid(`Invalid CPU set: the range '${rule}' is backwards.`);
    for (let cpu = from; cpu <= to; cpu++) (not === '' ? included : excluded).add(cpu);
  }
  return [...included].filter((cpu) => !excluded.has(cpu)).toSorted((a, b) => a - b);
}

/** Writes a set of processors with ranges: `0-1,3`. */
export function formatCpuSet(cpus: readonly number[]): string {
  const sorted = [...new Set(cpus)].toSorted((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const cpu of sorted) {
    const range = ranges.at(-1);
    if (range?.[1] === cpu - 1) range[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}
