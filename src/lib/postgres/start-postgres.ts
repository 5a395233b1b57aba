import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, lstat, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../clock.ts';
import { unavailable } from '../errors.ts';
import type { Log } from '../log.ts';
import { chooseAccount, giveTo, openWayTo, type Account } from './account.ts';
import { chooseBinaries, type Binaries } from './binaries.ts';
import { lockDirectory } from './directory-lock.ts';
import { explainFailure, isPassing } from './failures.ts';
import { serverProcesses, stopOrphans } from './orphans.ts';
import { pgHbaConf, pgIdentConf, postgresqlConf, superuser, type Durability } from './settings.ts';

export interface PostgresOptions {
  /** Everything of the server lives in it; made when missing. */
  readonly directory: string;
  readonly log: Log;
  /** `full` unless the data is a test's. */
  readonly durability?: Durability;
  /** Gives up starting; a server that runs is stopped with `stop()`. */
  readonly signal?: AbortSignal;
}

/** How a server ended. */
export interface PostgresExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** True when `stop()` asked for it. */
  readonly wanted: boolean;
}

/** A PostgreSQL of our own that runs. */
export interface PrivatePostgres {
  readonly socketDirectory: string;
  readonly port: number;
  readonly user: string;
  readonly version: number;
  /** The address of one of its databases, for `pg` as for psql. */
  url(database: string): string;
  /** Lets running transactions go and ends; may be called twice. */
  stop(): Promise<void>;
  /** Settles when the server has ended, for whatever reason; never rejects. */
  readonly exited: Promise<PostgresExit>;
}

/** Names the socket's file; no TCP port is ever opened. */
const port = 5432;
/** A socket's path is cut off by the kernel after 107 bytes. */
const longestSocketDirectory = 90;
const patienceMs = 15_000;

/**
 * Starts the private PostgreSQL of a directory, and makes it first when there is none:
 *
 *     directory/data             the cluster                        directory/run   the socket (elsewhere when the path is too long)
 *     directory/supervisor.pid   which process of ours watches it
 *
 * Only the operating system's account that called this can connect. The server ends with our process, even a killed one; should it not, the next start
 * stops it first.
 */
export async function startPostgres(options: PostgresOptions): Promise<PrivatePostgres> {
  const { log, signal, durability = 'full' } = options;
  signal?.throwIfAborted();
  const account = await chooseAccount();
  await mkdir(options.directory, { recursive: true, mode: 0o711 }).catch((error: unknown) => {
    throw unavailable(`The directory ${options.directory} for PostgreSQL cannot be made.`, { cause: error });
  });
  const directory = await realpath(options.directory);
  await openWayTo(account, directory);
  const lock = await lockDirectory(directory);
  try {
    const place: Place = {
      directory,
      data: join(directory, 'data'),
      socketDirectory: await makeSocketDirectory(directory, account),
      account,
    };
    const madeBy = await versionOf(place);
    const binaries = await chooseBinaries(madeBy === null ? null : { directory: place.data, version: madeBy });
    const orphans = await stopOrphans(place.data, systemClock);
    if (orphans > 0) log.warn({ directory, processes: orphans }, 'stopped a PostgreSQL that had lost its supervisor');
    if (madeBy === null) {
      log.info({ directory, version: binaries.version }, 'making a PostgreSQL');
      await makeCluster(binaries, place, durability, signal);
    }
    await configure(place, durability);
    const server = await launchPatiently(binaries, place, log, signal);
    log.info({ directory, version: binaries.version, socketDirectory: place.socketDirectory }, 'PostgreSQL runs');
    return supervised(server, binaries, place, () => lock.release());
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface Place {
  readonly directory: string;
  readonly data: string;
  readonly socketDirectory: string;
  readonly account: Account;
}

/** A server process and what it has written. */
interface Server {
  readonly child: ChildProcess;
  readonly output: string[];
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

function supervised(server: Server, binaries: Binaries, place: Place, release: () => Promise<void>): PrivatePostgres {
  let wanted = false;
  const exited = server.ended.then(async (end) => {
    await release().catch(() => undefined);
    return { ...end, wanted };
  });
  return {
    socketDirectory: place.socketDirectory,
    port,
    user: superuser,
    version: binaries.version,
    url: (database) => `postgresql://${superuser}@${encodeURIComponent(place.socketDirectory)}:${port}/${encodeURIComponent(database)}`,
    async stop() {
      wanted = true;
      await stopServer(server);
      await exited;
    },
    exited,
  };
}

/** PostgreSQL's three ways of stopping, each when the one before took too long: cut connections and finish, leave at once, be killed. */
async function stopServer({ child, ended }: Server): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    child.kill(signal);
    const late = new AbortController();
    const outcome = await Promise.race([ended.then(() => 'ended'), systemClock.sleep(patienceMs, late.signal).then(() => 'late')]);
    late.abort();
    if (outcome === 'ended') return;
  }
}

/** The major version that made the data, or null when there is none. */
async function versionOf({ data, account }: Place): Promise<number | null> {
  const owner = await stat(data).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw unavailable(`The directory ${data} cannot be read.`, { cause: error });
  });
  if (owner === null) return null;
  if (owner.uid !== account.uid) {
    throw unavailable(
      `The data in ${data} belongs to the account with number ${owner.uid}, but PostgreSQL would run as '${account.name}' (${account.uid}): ` +
        `start Kilonova as the account that made it, or run 'chown -R ${account.name} ${data}'.`,
    );
  }
  const text = await readFile(join(data, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    throw unavailable(`${data} holds no PostgreSQL data that can be read: move it out of the way, or restore it from a backup.`, {
      cause: error,
    });
  });
  return Number.parseInt(text, 10);
}

/** Makes the cluster beside its final place, so that one half made is never taken for a whole one. */
async function makeCluster(binaries: Binaries, place: Place, durability: Durability, signal: AbortSignal | undefined): Promise<void> {
  const draft = join(place.directory, 'data.unfinished');
  await rm(draft, { recursive: true, force: true });
  try {
    await mkdir(draft, { mode: 0o700 });
    await giveTo(place.account, draft);
    const initdb = spawnAs(place.account, binaries.initdb, [
      '--pgdata',
      draft,
      `--username=${superuser}`,
      '--auth=peer',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      '--lc-collate=C',
      '--lc-messages=C',
      '--no-instructions',
      ...(durability === 'off' ? ['--no-sync'] : []),
    ]);
    const giveUp = (): void => void initdb.child.kill('SIGTERM');
    signal?.addEventListener('abort', giveUp, { once: true });
    const { code } = await initdb.ended.finally(() => signal?.removeEventListener('abort', giveUp));
    signal?.throwIfAborted();
    if (code !== 0) throw explainFailure('initdb failed', place.directory, initdb.output);
    await rename(draft, place.data);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw asDiskError(error, place.directory);
  }
}

async function configure(place: Place, durability: Durability): Promise<void> {
  const hasSharedMemoryDirectory = await stat('/dev/shm').then(
    ({ mode }) => (mode & 0o002) !== 0,
    () => false,
  );
  const files = {
    'postgresql.conf': postgresqlConf({ socketDirectory: place.socketDirectory, port, durability, hasSharedMemoryDirectory }),
    'pg_hba.conf': pgHbaConf(),
    'pg_ident.conf': pgIdentConf(place.account),
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(place.data, name);
    try {
      if ((await readFile(path, 'utf8').catch(() => '')) === text) continue;
      await writeFile(`${path}.new`, text, { mode: 0o600 });
      await giveTo(place.account, `${path}.new`);
      await rename(`${path}.new`, path);
    } catch (error) {
      throw asDiskError(error, place.directory);
    }
  }
}

function asDiskError(error: unknown, directory: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS' || code === 'EACCES'
    ? explainFailure('PostgreSQL cannot write', directory, [code === 'ENOSPC' ? 'No space left on device' : String(error)])
    : error;
}

/** Starts the server, again and again while only the leftovers of a killed one are in the way. */
async function launchPatiently(binaries: Binaries, place: Place, log: Log, signal: AbortSignal | undefined): Promise<Server> {
  const deadline = systemClock.now() + patienceMs;
  for (;;) {
    // no process works on the data, so the file is stale; its number may by now be another PostgreSQL's, which would make ours refuse for ever
    if ((await serverProcesses(place.data)).length === 0) await rm(join(place.data, 'postmaster.pid'), { force: true });
    const server = launch(binaries, place, log);
    try {
      await ready(server, place, signal);
      return server;
    } catch (error) {
      server.child.kill('SIGQUIT');
      await server.ended;
      if (!isPassing(server.output) || systemClock.now() > deadline) throw error;
      await stopOrphans(place.data, systemClock);
      await systemClock.sleep(200, signal);
    }
  }
}

function launch({ postgres }: Binaries, { data, account }: Place, log: Log): Server {
  const server = spawnAs(account, postgres, ['-D', data]);
  server.child.stderr?.on('error', () => undefined);
  server.onLine((line) => {
    if (/^(FATAL|PANIC):/.test(line)) log.error({ line }, 'PostgreSQL reports');
    else log.debug({ line }, 'PostgreSQL reports');
  });
  return server;
}

/** Resolves when the server takes connections, which it notes in the last line of postmaster.pid. */
async function ready(server: Server, { data, directory }: Place, signal: AbortSignal | undefined): Promise<void> {
  let ended = false;
  void server.ended.then(() => (ended = true));
  for (;;) {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === server.child.pid && lines[7]?.trim() === 'ready') return;
    // recovery after a power cut may take minutes, so there is no deadline: it ends, or the caller gives up
    if (ended) throw explainFailure('PostgreSQL did not start', directory, server.output);
    await systemClock.sleep(10, signal);
  }
}

/** Runs a program as the account, in a session of its own (Ctrl-C is for us, who then stop it) and ending with us where the system can do that. */
function spawnAs(account: Account, program: string, args: readonly string[]): Server & { onLine(listener: (line: string) => void): void } {
  const child = spawn('setpriv', ['--pdeathsig', 'INT', '--', program, ...args], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    ...(account.foreign ? { uid: account.uid, gid: account.gid } : {}),
  });
  const output: string[] = [];
  const listeners: ((line: string) => void)[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    output.push(line);
    if (output.length > 50) output.shift();
    for (const listener of listeners) listener(line);
  });
  const ended = new Promise<Awaited<Server['ended']>>((resolve) => {
    child.once('error', (error) => {
      output.push(`FATAL: ${error.message}`);
      resolve({ code: null, signal: null });
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, output, ended, onLine: (listener) => void listeners.push(listener) };
}

/** The socket's folder, which none but the account may enter: in the directory, or in a short place when its path would not fit. */
async function makeSocketDirectory(directory: string, account: Account): Promise<string> {
  const inside = join(directory, 'run');
  const path = Buffer.byteLength(inside) <= longestSocketDirectory ? inside : await shortPlace(directory, account);
  await mkdir(path, { mode: 0o700 }).then(
    () => giveTo(account, path),
    (error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    },
  );
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== account.uid) {
    throw unavailable(`${path} is needed for PostgreSQL's socket, but it is not a directory of '${account.name}': remove it.`);
  }
  await chmod(path, 0o700);
  return path;
}

async function shortPlace(directory: string, account: Account): Promise<string> {
  const name = `kilonova-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}`;
  for (const parent of account.foreign ? ['/run'] : [process.env['XDG_RUNTIME_DIR'], `/run/user/${account.uid}`]) {
    if (
      parent !== undefined &&
      parent.length < 60 &&
      (await access(parent).then(
        () => true,
        () => false,
      ))
    )
      return join(parent, name);
  }
  return join('/tmp', name);
}
