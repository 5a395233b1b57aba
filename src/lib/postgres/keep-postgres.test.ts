import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { retry } from '../retry.ts';
import { openDatabase } from '../sql/database.ts';
import { keepPostgres } from './keep-postgres.ts';
import { serverProcesses } from './orphans.ts';

vi.setConfig({ testTimeout: 60_000 });

const started = async () => {
  const top = await mkdtemp(join(tmpdir(), 'kilonova-pg-'));
  onTestFinished(() => rm(top, { recursive: true, force: true }));
  const directory = join(top, 'postgres');
  const server = await keepPostgres({ directory, log: silentLog, durability: 'off' });
  onTestFinished(() => server.stop());
  const postmaster = async (): Promise<number | undefined> =>
    (await serverProcesses(join(directory, 'data'))).find(({ leads }) => leads)?.pid;
  const database = openDatabase(server.url('postgres'));
  onTestFinished(() => database.destroy());
  const one = async (): Promise<unknown> => (await sql<{ one: number }>`SELECT 1 AS one`.execute(database)).rows[0]?.one;
  return { server, postmaster, database, one };
};

test('a PostgreSQL that was killed is started again, and statements wait for it', async () => {
  const { postmaster, one } = await started();
  for (let round = 1; round <= 2; round++) {
    expect(await one()).toBe(1);
    const killed = await postmaster();
    process.kill(killed!, 'SIGKILL');
    await vi.waitFor(async () => expect(await postmaster()).not.toBe(killed), 10_000);
    // a statement may fall on a connection that is just breaking; the next ones wait
    expect(await retry(one, { clock: systemClock, attempts: 4, delayMs: 20 })).toBe(1);
  }
});

test('a statement that is cut off says that the database is away', async () => {
  const { postmaster, database } = await started();
  const sleeping = sql`SELECT pg_sleep(60)`.execute(database).then(
    () => 'done',
    (error: unknown) => error,
  );
  await vi.waitFor(async () => {
    const { rows } = await sql<{ busy: number }>`SELECT count(*)::int AS busy FROM pg_stat_activity WHERE query LIKE '%pg_sleep%'`.execute(
      database,
    );
    expect(rows[0]?.busy).toBe(2);
  }, 10_000);
  process.kill((await postmaster())!, 'SIGKILL');
  expect(await sleeping).toMatchObject({ kind: 'unavailable', code: 'database-away' });
});

test('one that is stopped stays so', async () => {
  const { server, postmaster } = await started();
  await server.stop();
  expect(await postmaster()).toBeUndefined();
});
