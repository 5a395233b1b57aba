import { readFile, statfs } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { availableParallelism, homedir, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { good, missing, warning, type Check, type Finding } from '../check.ts';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const inGiB = (bytes: number): string => `${(bytes / GiB).toFixed(1)} GiB`;

/** Below the first number nothing works, below the second not much does. */
export function judgeAmount(
  bytes: number,
  { least, wanted, found, remedy }: { readonly least: number; readonly wanted: number; readonly found: string; readonly remedy: string },
): Finding {
  if (bytes < least) return missing(found, remedy);
  return bytes < wanted ? warning(found, remedy) : good(found);
}

/** What guests share. */
export const resourceChecks: readonly Check[] = [
  {
    id: 'processors',
    about: 'Processors',
    neededFor: [],
    look: () =>
      availableParallelism() > 1
        ? good(String(availableParallelism()))
        : warning('1', 'Two or more are wanted: give the machine another one.'),
  },
  {
    id: 'memory',
    about: 'Memory',
    neededFor: ['realGuests', 'tests'],
    look() {
      const limit = process.constrainedMemory();
      const limited = limit > 0 && limit < totalmem();
      const bytes = limited ? limit : totalmem();
      const found = `${inGiB(bytes)}${limited ? ` (limited by a control group; the machine has ${inGiB(totalmem())})` : ''}`;
      return judgeAmount(bytes, {
        least: GiB,
        wanted: 4 * GiB,
        found,
        remedy: 'The services take some hundred MiB and each guest what its flavor says: 4 GiB or more are wanted.',
      });
    },
  },
  {
    id: 'disk',
    about: 'Free disk',
    neededFor: ['fakeClouds', 'realGuests', 'tests'],
    async look() {
      let place = process.getuid?.() === 0 ? '/var/lib/kilonova' : homedir();
      while (!existsSync(place)) place = dirname(place);
      const { bavail, bsize } = await statfs(place);
      const free = bavail * bsize;
      return judgeAmount(free, {
        least: 512 * MiB,
        wanted: 5 * GiB,
        found: `${inGiB(free)} at ${place}`,
        remedy: 'Make room, or choose another place: ./kilonova up --state DIR',
      });
    },
  },
  {
    id: 'hugepages',
    about: 'Huge pages',
    neededFor: [],
    async look() {
      const text = await readFile('/proc/meminfo', 'utf8');
      const { total, free, kiB } = hugePages(text);
      return good(
        total === 0
          ? 'none reserved; guests use ordinary pages'
          : `${free} of ${total} free, ${kiB / 1024} MiB each; guests use ordinary pages`,
      );
    },
  },
  {
    id: 'control-groups',
    about: 'Control groups',
    neededFor: [],
    async look() {
      const one = existsSync('/sys/fs/cgroup/cgroup.controllers');
      const controllers = one
        ? (await readFile('/sys/fs/cgroup/cgroup.controllers', 'utf8')).trim().split(' ')
        : (await readFile('/proc/cgroups', 'utf8').catch(() => ''))
            .split('\n')
            .filter((line) => line.endsWith('\t1'))
            .map((line) => line.split('\t')[0] ?? '');
      const lacking = ['cpu', 'memory'].filter((name) => !controllers.includes(name));
      if (lacking.length === 0) return good(`version ${one ? 2 : 1}: ${controllers.join(', ')}`);
      return warning(
        `without ${lacking.join(' and ')}: guests share these without shares or limits`,
        'mount -t cgroup2 none /sys/fs/cgroup',
      );
    },
  },
];

/** The huge pages of the default size, from the text of `/proc/meminfo`. */
export function hugePages(meminfo: string): { readonly total: number; readonly free: number; readonly kiB: number } {
  const value = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0);
  return { total: value('HugePages_Total'), free: value('HugePages_Free'), kiB: value('Hugepagesize') };
}
