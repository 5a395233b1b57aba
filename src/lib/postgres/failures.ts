import { unavailable, type KilonovaError } from '../errors.ts';

/** What PostgreSQL says, and what its operator can do about it. */
const explanations: readonly { readonly says: RegExp; readonly means: (directory: string, line: string) => string }[] = [
  {
    says: /No space left on device|Disk quota exceeded/,
    means: (directory) => `There is no space left on the disk of ${directory}: free some, then start again.`,
  },
  {
    says: /Read-only file system/,
    means: (directory) => `The file system of ${directory} is read-only: mount it writable, or choose another directory.`,
  },
  {
    says: /could not (create|map|resize|open) shared memory|Cannot allocate memory/,
    means: (_directory, line) => `This machine does not give PostgreSQL the (shared) memory it needs: ${line}.`,
  },
  {
    says: /could not access directory|Permission denied|has wrong ownership|has invalid permissions/,
    means: (directory, line) => `PostgreSQL may not use ${directory} (${line}): see to the owner and mode of what is in it.`,
  },
  {
    says: /could not locate a valid checkpoint record|invalid (primary )?checkpoint record|incorrect checksum in control file|could not (open|read) file ".*global\/pg_control"/,
    means: (directory, line) => `The data in ${directory} is damaged (${line}): restore it from a backup.`,
  },
];

/** True for failures that pass by themselves, while what a killed server left behind goes away. */
export const isPassing = (output: readonly string[]): boolean =>
  output.some((line) => /lock file ".*" already exists|pre-existing shared memory block|the database system is shutting down/.test(line));

/** An error that says why PostgreSQL gave up, from what it wrote. */
export function explainFailure(what: string, directory: string, output: readonly string[]): KilonovaError {
  const cause = new Error(output.join('\n'));
  for (const { says, means } of explanations) {
    const line = output.find((line) => says.test(line));
    if (line !== undefined) return unavailable(means(directory, withoutLevel(line)), { cause });
  }
  const line = output.findLast((line) => /FATAL|PANIC|error:/.test(line)) ?? output.at(-1);
  return unavailable(line === undefined ? `${what}.` : `${what}: ${withoutLevel(line)}.`, { cause });
}

const withoutLevel = (line: string): string => line.replace(/^\S*:?\s*(FATAL|PANIC|ERROR|error|LOG):\s+/, '').replace(/\.$/, '');
