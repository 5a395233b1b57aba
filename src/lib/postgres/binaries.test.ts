import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chooseBinaries, installedBinaries } from './binaries.ts';

let top: string;

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'kilonova-binaries-'));
});
afterEach(() => rm(top, { recursive: true }));

async function install(directory: string, version: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of ['initdb', 'postgres'])
    await writeFile(join(directory, name), `#!/bin/sh\necho 'postgres (PostgreSQL) ${version}'\n`, { mode: 0o755 });
}

const places = () => ({ debianDirectory: join(top, 'debian'), path: `${join(top, 'local')}:${join(top, 'missing')}` });

test('the newest comes first, wherever it is, and what is too old does not count', async () => {
  await install(join(top, 'debian/13/bin'), '13.4');
  await install(join(top, 'debian/15/bin'), '15.1');
  await install(join(top, 'debian/9.6/bin'), '9.6.1');
  await install(join(top, 'local'), '18.2');
  expect((await installedBinaries(places())).map(({ version }) => version)).toEqual([18, 15]);
  expect((await chooseBinaries(null, places())).initdb).toBe(join(top, 'local/initdb'));
});

test('data is served by the version that made it', async () => {
  await install(join(top, 'debian/15/bin'), '15.1');
  await install(join(top, 'debian/17/bin'), '17.0');
  expect((await chooseBinaries({ directory: '/data', version: 15 }, places())).version).toBe(15);
  await expect(chooseBinaries({ directory: '/data', version: 16 }, places())).rejects.toThrow(
    'The data in /data was made by PostgreSQL 16, but only 17 and 15 is installed. Install postgresql-16, or carry the data over with pg_upgrade.',
  );
});

test('without any, the package to install is named', async () => {
  await expect(chooseBinaries(null, places())).rejects.toThrow("Install Debian's package postgresql-15");
});
