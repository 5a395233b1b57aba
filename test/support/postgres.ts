import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { silentLog } from '../../src/lib/log.ts';
import { startPostgres } from '../../src/lib/postgres/start-postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of the run's PostgreSQL. Tests make databases of their own in it: `test/support/database.ts`. */
    postgresUrl: string;
  }
}

const prefix = 'kilonova-tests-';

/** Vitest's globalSetup: one private PostgreSQL for the whole run, which forgets everything at its end. */
export default async function startPostgresForTests(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers();
  const directory = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  const server = await startPostgres({ directory: join(directory, 'postgres'), log: silentLog, durability: 'off' });
  project.provide('postgresUrl', server.url('postgres'));
  return async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
}

/** Removes what runs that were killed have left. */
async function removeLeftovers(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  const running = new Set(await readdir('/proc'));
  const stale = names.filter((name) => !running.has(name.slice(prefix.length).split('-')[0] ?? ''));
  await Promise.all(stale.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true })));
}
