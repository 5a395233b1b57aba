import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '../log.ts';
import { withConnection } from './databases.ts';
import { serverProcesses } from './orphans.ts';
import { startPostgres, type PostgresOptions, type PrivatePostgres } from './start-postgres.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const isRoot = process.getuid?.() === 0;
let top: string;
let directory: string;

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'kilonova-pg-')); // 0700, as state directories are
  directory = join(top, 'postgres');
});

afterEach(async () => {
  await rm(top, { recursive: true, force: true });
});

async function start(at = directory, options: Pick<PostgresOptions, 'durability' | 'signal'> = {}): Promise<PrivatePostgres> {
  const server = await startPostgres({ directory: at, log: silentLog, durability: 'off', ...options });
  onTestFinished(() => server.stop());
  return server;
}

async function refusal(starting: Promise<unknown>): Promise<string> {
  const outcome = await starting.then(
    () => 'it started',
    (error: unknown) => error,
  );
  return outcome instanceof Error ? outcome.message : String(outcome);
}

const query = async (server: PrivatePostgres, text: string): Promise<unknown[]> =>
  withConnection(server.url('postgres'), async (client) => (await client.query<Record<string, unknown>>(text)).rows);

describe('a private PostgreSQL', () => {
  test('is made by the first start, and keeps its data over the next', async () => {
    const first = await start();
    await query(first, 'CREATE TABLE kept (n int)');
    await query(first, 'INSERT INTO kept VALUES (1)');
    await first.stop();
    const second = await start();
    expect(await query(second, 'SELECT n, current_user AS who FROM kept')).toEqual([{ n: 1, who: 'kilonova' }]);
    expect(await first.exited).toEqual({ code: 0, signal: null, wanted: true });
  });

  test('has no TCP port, and a socket that none but its account may reach', async () => {
    const server = await start();
    expect(await query(server, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '' }]);
    expect((await stat(server.socketDirectory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, 'data'))).mode & 0o777).toBe(0o700);
  });

  test.runIf(isRoot)('turns away other accounts even when they reach the socket', async () => {
    const server = await start();
    for (const path of [top, directory, server.socketDirectory]) await chmod(path, 0o755);
    await chmod(join(server.socketDirectory, `.s.PGSQL.${server.port}`), 0o777);
    const psql = ['--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups', 'psql', '-w', server.url('postgres'), '-c', 'SELECT 1'];
    expect(() => execFileSync('setpriv', psql, { stdio: 'pipe' })).toThrow('Peer authentication failed');
  });

  test('puts its socket in a short place when the path would be too long for one', async () => {
    const long = join(top, 'a-directory-with-a-long-name'.repeat(4), 'postgres');
    await chmod(top, 0o711);
    const server = await start(long);
    onTestFinished(() => rm(server.socketDirectory, { recursive: true, force: true }));
    expect(server.socketDirectory.length).toBeLessThan(100);
    expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('is used by one process at a time', async () => {
    await start();
    expect(await refusal(start())).toBe(
      `The PostgreSQL in ${directory} is already supervised by process ${process.pid}: stop that one first, or use another directory.`,
    );
  });

  test('is not started when the caller gives up, and can be started later', async () => {
    const giveUp = new AbortController();
    const starting = start(directory, { signal: giveUp.signal });
    setTimeout(() => giveUp.abort(new Error('changed my mind')), 100);
    expect(await refusal(starting)).toBe('changed my mind');
    expect(await query(await start(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('after a violent end', () => {
  test('kill -9 of the supervisor loses nothing that was committed', async () => {
    const script = `
      import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, 'start-postgres.ts'))};
      import { withConnection } from ${JSON.stringify(join(import.meta.dirname, 'databases.ts'))};
      import { silentLog } from ${JSON.stringify(join(import.meta.dirname, '../log.ts'))};
      const server = await startPostgres({ directory: ${JSON.stringify(directory)}, log: silentLog });
      await withConnection(server.url('postgres'), async (client) => {
        await client.query('CREATE TABLE written (n int)');
        for (let n = 1; ; n++) {
          await client.query('INSERT INTO written VALUES ($1)', [n]);
          console.log(n);
        }
      });`;
    const supervisor = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let acknowledged = 0;
    for await (const line of createInterface({ input: supervisor.stdout })) {
      acknowledged = Number(line);
      if (acknowledged === 50) supervisor.kill('SIGKILL');
    }
    const server = await start();
    const [row] = await query(server, 'SELECT count(*)::int AS rows FROM written');
    expect(acknowledged).toBeGreaterThanOrEqual(50);
    expect(row).toEqual({ rows: expect.toSatisfy((rows: number) => rows === acknowledged || rows === acknowledged + 1) });
  });

  test('a server that lost its supervisor and works on is stopped and replaced', async () => {
    const first = await start();
    await query(first, 'CREATE TABLE kept (n int)');
    await first.stop();
    const data = join(directory, 'data');
    const { uid, gid } = await stat(data);
    const orphan = spawn(`/usr/lib/postgresql/${first.version}/bin/postgres`, ['-D', data], {
      stdio: 'ignore',
      ...(isRoot ? { uid, gid } : {}),
    });
    const orphanEnded = once(orphan, 'exit');
    await vi.waitFor(async () => expect(await readFile(join(data, 'postmaster.pid'), 'utf8')).toContain('ready'), 10_000);
    const second = await start();
    await orphanEnded;
    expect(await query(second, 'SELECT * FROM kept')).toEqual([]);
  });

  test('kill -9 of the server is reported, and what its helpers hold does not stop the next start', async () => {
    const first = await start(directory, { durability: 'full' });
    await query(first, 'CREATE TABLE kept (n int)');
    const busy = new Client({ connectionString: first.url('postgres') });
    busy.on('error', () => undefined);
    await busy.connect();
    const sleeping = busy.query('SELECT pg_sleep(60)').catch(() => undefined);
    const postmaster = (await serverProcesses(join(directory, 'data'))).find(({ leads }) => leads);
    process.kill(postmaster?.pid ?? 0, 'SIGKILL');
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL', wanted: false });
    const second = await start();
    await sleeping;
    expect(await query(second, 'SELECT * FROM kept')).toEqual([]);
  });

  test('a postmaster.pid that names some other process is not believed', async () => {
    const first = await start();
    await first.stop();
    await writeFile(
      join(directory, 'data', 'postmaster.pid'),
      `${process.ppid}\n${join(directory, 'data')}\n0\n5432\n/nowhere\n\n0 0\nready\n`,
    );
    expect(await query(await start(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('initdb that was cut off is done again', async () => {
    await mkdir(join(directory, 'data.unfinished'), { recursive: true });
    await writeFile(join(directory, 'data.unfinished', 'PG_VERSION'), '15\n');
    expect(await query(await start(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('what cannot work is refused with what to do about it', () => {
  test('data of a version that is not installed', async () => {
    await (await start()).stop();
    await writeFile(join(directory, 'data', 'PG_VERSION'), '11\n');
    expect(await refusal(start())).toMatch(
      /^The data in .*\/data was made by PostgreSQL 11, but only \d+.* is installed\. Install postgresql-11/,
    );
  });

  test('a directory that holds something else', async () => {
    await (await start()).stop();
    await rm(join(directory, 'data', 'PG_VERSION'));
    expect(await refusal(start())).toBe(
      `${directory}/data holds no PostgreSQL data that can be read: move it out of the way, or restore it from a backup.`,
    );
  });

  test('data that is damaged', async () => {
    await (await start()).stop();
    await rm(join(directory, 'data', 'global', 'pg_control'));
    expect(await refusal(start())).toMatch(/^The data in .* is damaged \(.*pg_control.*\): restore it from a backup\.$/);
  });

  test.runIf(isRoot)('data of another account', async () => {
    await (await start()).stop();
    await chown(join(directory, 'data'), 54321, 54321);
    expect(await refusal(start())).toMatch(/belongs to the account with number 54321, but PostgreSQL would run as '\w+' \(\d+\).*chown -R/);
  });

  test.runIf(isRoot)('a private folder further up, which is not ours to open', async () => {
    expect(await refusal(start(join(top, 'state', 'postgres')))).toMatch(
      new RegExp(`which may not pass through ${top} \\(mode 0700\\): run 'chmod o\\+x ${top}'`),
    );
    expect((await stat(top)).mode & 0o777).toBe(0o700);
  });

  test.runIf(isRoot)('a full disk', async (context) => {
    await mkdir(directory);
    const mounted = ((): boolean => {
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', directory], { stdio: 'pipe' });
        return true;
      } catch {
        return false;
      }
    })();
    context.skip(!mounted, 'this machine does not let us mount a small disk');
    try {
      expect(await refusal(start())).toBe(`There is no space left on the disk of ${directory}: free some, then start again.`);
    } finally {
      execFileSync('umount', ['--lazy', directory]);
    }
  });
});
