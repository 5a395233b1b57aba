/** Reads a list of `name=factor`; an entry without a number is left out. */
export function weightedNames(list: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    list.flatMap((entry) => {
      const [, name = '', factor = ''] = /^(.*?)\s*=\s*(-?\d+(?:\.\d+)?)$/.exec(entry.trim()) ?? [];
      return name === '' ? [] : [[name, Number(factor)] as const];
    }),
  );
}
