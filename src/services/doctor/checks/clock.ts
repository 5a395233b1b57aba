import { readdir, readFile, stat } from 'node:fs/promises';
import { good, missing, warning, type Check } from '../check.ts';

/** Programs that keep a clock in step with the world's. */
const keepers = ['chronyd', 'ntpd', 'systemd-timesyn', 'openntpd'];

/** Tokens, leases and proofs of life carry times. */
export const clockChecks: readonly Check[] = [
  {
    id: 'clock',
    about: 'Clock',
    neededFor: ['fakeClouds', 'realGuests', 'tests'],
    async look() {
      const now = new Date();
      const { mtimeMs } = await stat(new URL('../../../../package.json', import.meta.url));
      const found = `${now.toISOString().slice(0, 19)}Z`;
      if (now.getTime() < mtimeMs) return missing(`${found} is before this program was installed`, "date --set 'YYYY-MM-DD hh:mm:ss'");
      if (await isKept()) return good(`${found}, kept in step`);
      return warning(
        `${found}; no program here keeps it in step, which matters as soon as there are several hosts`,
        'apt-get install --no-install-recommends chrony',
      );
    },
  },
];

async function isKept(): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')));
  return names.some((name) => keepers.includes(name.trim()));
}
