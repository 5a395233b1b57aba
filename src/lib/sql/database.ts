import { Kysely, PostgresDialect, sql, type LogEvent, type Transaction } from 'kysely';
import { Pool, types, type PoolClient } from 'pg';
import { systemClock } from '../clock.ts';
import { retry } from '../retry.ts';
import { awayInOurWords, isAway } from './database-away.ts';
import { PreparingClient } from './preparing-client.ts';
import { sharedJson } from './shared-json.ts';

/** A database of ours, typed by its tables. */
export type Database<Tables> = Kysely<Tables>;
/** A database or a transaction in it: whoever takes one takes part in the caller's transaction. */
export type Executor<Tables> = Kysely<Tables> | Transaction<Tables>;

// int8 as numbers: our counters stay far below 2^53
types.setTypeParser(types.builtins.INT8, Number);
// moments as ISO 8601 text in UTC with all six digits of their microseconds: sessions run in UTC, and text of one width sorts and compares as it stands
types.setTypeParser(types.builtins.TIMESTAMPTZ, (text) => {
  const [, date, time, fraction = ''] = /^(\S+) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00(?::?00)?$/.exec(text) ?? [];
  return date === undefined ? text : `${date}T${time}.${fraction.padEnd(6, '0')}Z`;
});

// columns of JSON are read only, whoever reads them
types.setTypeParser(types.builtins.JSON, sharedJson);
types.setTypeParser(types.builtins.JSONB, sharedJson);

/** How long a statement waits for a server that is being started again. */
const patienceMs = 10_000;

/** Opens a pool on one PostgreSQL database. Connections are made when needed and closed when idle; while the server is away they are waited for. */
export function openDatabase<Tables>(
  url: string,
  options: {
    readonly maxConnections?: number;
    readonly name?: string;
    /** Told of every statement: for tests that count them. */
    readonly onStatement?: (text: string) => void;
  } = {},
): Database<Tables> {
  const pool = new Pool({
    Client: PreparingClient,
    connectionString: url,
    max: options.maxConnections ?? 8,
    idleTimeoutMillis: 10_000,
    connectionTimeoutMillis: 10_000,
    application_name: options.name ?? 'kilonova',
    options: '-c TimeZone=UTC',
  });
  // one that breaks while it is used: the query that is cut off reports it, and nothing else may, for an error that nobody hears ends the process
  pool.on('connect', (client) => void client.on('error', () => undefined));
  pool.on('error', () => undefined); // an idle connection that breaks is replaced; the query that needs one reports it
  const { onStatement } = options;
  const log = onStatement === undefined ? {} : { log: ({ query }: LogEvent) => onStatement(query.sql) };
  const patient = { options: pool.options, connect: () => connectPatiently(pool), end: () => pool.end() };
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: patient }), ...log });
}

/** A statement that has not been sent may wait: a server that was killed is back within seconds, and nobody need hear of it. */
async function connectPatiently(pool: Pool): Promise<PoolClient> {
  const until = systemClock.now() + patienceMs;
  try {
    return await retry(() => pool.connect(), {
      clock: systemClock,
      attempts: Infinity,
      delayMs: 20,
      maxDelayMs: 250,
      when: (error) => isAway(error) && systemClock.now() < until,
    });
  } catch (error) {
    throw awayInOurWords(error);
  }
}

/** One numbered step of a schema. Applied once, in order, each in its own transaction. */
export interface Migration {
  /** `0001-what-it-adds`: unique and sorted. */
  readonly name: string;
  readonly sql: string;
}

/** Brings a schema up to date; several processes may do so at once. Answers the names it applied. */
export async function migrate<Tables>(database: Database<Tables>, migrations: readonly Migration[]): Promise<string[]> {
  return database.transaction().execute(async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(4242001)`.execute(tx);
    await sql`CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`.execute(
      tx,
    );
    const { rows } = await sql<{ name: string }>`SELECT name FROM schema_migrations`.execute(tx);
    const known = new Set(rows.map((row) => row.name));
    const missing = migrations.filter(({ name }) => !known.has(name));
    for (const migration of missing) {
      await sql.raw(migration.sql).execute(tx);
      await sql`INSERT INTO schema_migrations (name) VALUES (${migration.name})`.execute(tx);
    }
    return missing.map(({ name }) => name);
  });
}

/** PostgreSQL's code of an error, such as `23505` for a duplicate key; null for anything else. */
export const sqlState = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null;

export const isDuplicate = (error: unknown): boolean => sqlState(error) === '23505';

/** Text no column can hold: a null byte, half a surrogate pair. It came from outside, so whoever sent it is told. */
export const isUnstorable = (error: unknown): boolean => ['22021', '22P02', '22P05'].includes(sqlState(error) ?? '');
