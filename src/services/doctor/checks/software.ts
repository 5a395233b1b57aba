import { readFile } from 'node:fs/promises';
import { installedBinaries, oldestVersion } from '../../../lib/postgres/binaries.ts';
import { chooseAccount } from '../../../lib/postgres/account.ts';
import { good, missing, type Check } from '../check.ts';
import { meetsNode } from '../versions.ts';

/** What runs the product itself. */
export const softwareChecks: readonly Check[] = [
  {
    id: 'node',
    about: 'Node.js',
    neededFor: ['fakeClouds', 'realGuests', 'tests'],
    async look() {
      const manifest = await readFile(new URL('../../../../package.json', import.meta.url), 'utf8');
      const { engines }: { readonly engines: { readonly node: string } } = JSON.parse(manifest);
      const found = `${process.versions.node} (wanted: ${engines.node})`;
      return meetsNode(process.versions.node, engines.node)
        ? good(found)
        : missing(found, 'npm ci, then start it by ./kilonova, which takes the Node that comes with the project');
    },
  },
  {
    id: 'account',
    about: 'Account',
    neededFor: ['realGuests', 'tests'],
    look: () =>
      process.getuid?.() === 0
        ? good('root')
        : missing('not root: libvirt, bridges and namespaces cannot be reached', 'sudo ./kilonova doctor'),
  },
  {
    id: 'postgresql',
    about: 'PostgreSQL',
    neededFor: ['fakeClouds', 'realGuests', 'tests'],
    async look() {
      const [newest] = await installedBinaries();
      if (newest === undefined)
        return missing(
          `not installed; ${oldestVersion} or newer is wanted`,
          `apt-get install --no-install-recommends postgresql-${oldestVersion}`,
        );
      const { name, foreign } = await chooseAccount();
      return good(`${newest.version} in ${newest.postgres.replace(/\/postgres$/, '')}${foreign ? `, run as ${name}` : ''}`);
    },
  },
];
