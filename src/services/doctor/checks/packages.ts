import { readFile } from 'node:fs/promises';
import type { Ability, Check } from '../check.ts';
import { good, missing, warning } from '../check.ts';
import { installedPackages, listedPackages } from '../debian-packages.ts';

/** What the sections of `scripts/debian-packages.txt` are needed for. PostgreSQL is judged by its programs: `base` may come from elsewhere. */
const sections: readonly { readonly section: string; readonly neededFor: readonly Ability[] }[] = [
  { section: 'node', neededFor: [] },
  { section: 'base', neededFor: [] },
  { section: 'cloud', neededFor: ['realGuests', 'tests'] },
  { section: 'guest-image', neededFor: ['realGuests', 'tests'] },
  { section: 'tests', neededFor: ['tests'] },
];

const listFile = new URL('../../../../scripts/debian-packages.txt', import.meta.url);

export const packageChecks: readonly Check[] = sections.map(({ section, neededFor }) => ({
  id: `packages-${section}`,
  about: `Debian packages [${section}]`,
  neededFor,
  async look() {
    const wanted = listedPackages(await readFile(listFile, 'utf8')).get(section) ?? [];
    const status = await readFile('/var/lib/dpkg/status', 'utf8').catch(() => null);
    if (status === null)
      return warning('this is no Debian, so nobody can tell', `Have what these packages hold: ${wanted.map(({ name }) => name).join(' ')}`);
    const installed = installedPackages(status);
    const absent = wanted.filter(({ name }) => !installed.has(name));
    if (absent.length === 0) return good(`all ${wanted.length} installed`);
    const found = `missing: ${absent.map(({ name, why }) => `${name} (${why})`).join('; ')}`;
    const remedy = `apt-get install --no-install-recommends ${absent.map(({ name }) => name).join(' ')}`;
    return neededFor.length === 0 ? warning(found, remedy) : missing(found, remedy);
  },
}));
