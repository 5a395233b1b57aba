import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { invalid } from '../../lib/errors.ts';

/** What earlier starts have added to providers from an operator's files, so that what is taken out of a file can be taken out of placement. */
export interface KeptAdditions {
  of(provider: string): Names;
  keep(provider: string, names: Names): void;
}

export interface Names {
  readonly classes: readonly string[];
  readonly traits: readonly string[];
}

const nothing: Names = { classes: [], traits: [] };

/** Kept in a file of the host's state directory; without one they are known only as long as the process runs. */
export function keptAdditions(file: string | null): KeptAdditions {
  const known = new Map<string, Names>(file === null || !existsSync(file) ? [] : Object.entries(read(file)));
  return {
    of: (provider) => known.get(provider) ?? nothing,
    keep(provider, names) {
      const before = known.get(provider) ?? nothing;
      if (JSON.stringify(before) === JSON.stringify(names)) return;
      known.set(provider, names);
      if (file === null) return;
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(known)), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
  };
}

function read(file: string): Readonly<Record<string, Names>> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, Names>>;
  } catch (error) {
    throw invalid(`${file} is not as nova-compute has written it; remove it to begin anew.`, { cause: error });
  }
}
