import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { unavailable } from '../errors.ts';

/** The oldest PostgreSQL whose SQL we may use; Debian 12 has it. */
export const oldestVersion = 15;

/** One installed PostgreSQL. */
export interface Binaries {
  readonly version: number;
  readonly initdb: string;
  readonly postgres: string;
}

/** Where to look: Debian's folder with one PostgreSQL a major version, and the folders of PATH. */
export interface SearchPlaces {
  readonly debianDirectory: string;
  readonly path: string;
}

const systemPlaces = (): SearchPlaces => ({ debianDirectory: '/usr/lib/postgresql', path: process.env['PATH'] ?? '' });

/** Every PostgreSQL of this machine that we can use, newest first. */
export async function installedBinaries(places: SearchPlaces = systemPlaces()): Promise<Binaries[]> {
  const versions = await readdir(places.debianDirectory).catch(() => []);
  const found = await Promise.all([
    ...versions.filter((name) => /^\d+$/.test(name)).map((name) => binariesIn(join(places.debianDirectory, name, 'bin'), Number(name))),
    ...places.path
      .split(delimiter)
      .filter((directory) => directory !== '')
      .map((directory) => binariesIn(directory)),
  ]);
  return found
    .filter((binaries) => binaries !== null)
    .filter(({ version }) => version >= oldestVersion)
    .toSorted((a, b) => b.version - a.version);
}

/** The newest PostgreSQL, or for data that exists the one of the version that made it. */
export async function chooseBinaries(
  data: { readonly directory: string; readonly version: number } | null,
  places: SearchPlaces = systemPlaces(),
): Promise<Binaries> {
  const installed = await installedBinaries(places);
  const newest = installed[0];
  if (newest === undefined) {
    throw unavailable(
      `PostgreSQL ${oldestVersion} or newer is not installed: no initdb in ${places.debianDirectory}/*/bin or on PATH. ` +
        `Install Debian's package postgresql-${oldestVersion}, or set [database] connection to a server of yours.`,
    );
  }
  if (data === null) return newest;
  const matching = installed.find(({ version }) => version === data.version);
  if (matching !== undefined) return matching;
  throw unavailable(
    `The data in ${data.directory} was made by PostgreSQL ${data.version}, but only ${installed.map(({ version }) => version).join(' and ')} is installed. ` +
      `Install postgresql-${data.version}, or carry the data over with pg_upgrade.`,
  );
}

async function binariesIn(directory: string, knownVersion?: number): Promise<Binaries | null> {
  const initdb = join(directory, 'initdb');
  const postgres = join(directory, 'postgres');
  try {
    await access(initdb, constants.X_OK);
    await access(postgres, constants.X_OK);
    return { version: knownVersion ?? (await askVersion(postgres)), initdb, postgres };
  } catch {
    return null; // not there, or not a PostgreSQL
  }
}

async function askVersion(postgres: string): Promise<number> {
  const { stdout } = await promisify(execFile)(postgres, ['--version']);
  return Number(/\d+/.exec(stdout)?.[0] ?? 0);
}
