import { PGlite, type Results } from '@electric-sql/pglite';
import {
  type CompiledQuery,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
} from 'kysely';
import { types } from 'pg';

/** Columns are read as `pg` reads them; its types name only some of the numbers it takes. */
const parserOf = types.getTypeParser as (oid: number) => (text: string) => unknown;
import { migrate, type Database, type Migration } from '../../../src/lib/sql/database.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** A PostgreSQL server inside this process, with one connection, which whoever needs it takes in turn. */
export interface SimulatedDatabase {
  /** The database as this process reaches it. What it had begun when it dies is rolled back. */
  connect<Tables>(process: SimulatedProcess, pause: () => Promise<void>): Database<Tables>;
  /** As empty as after the migrations. */
  reset(): Promise<void>;
}

/** A turn at the connection. */
interface Turn {
  readonly process: SimulatedProcess | null;
  readonly begin: () => void;
}

/** Servers that have just been made; to copy one is much quicker than to make it. */
export async function simulatedDatabases<Name extends string>(
  migrations: Readonly<Record<Name, readonly Migration[]>>,
): Promise<Readonly<Record<Name, SimulatedDatabase>>> {
  const empty = await PGlite.create();
  const all: Partial<Record<Name, SimulatedDatabase>> = {};
  for (const name of Object.keys(migrations) as Name[])
    all[name] = await simulatedDatabase((await empty.clone()) as PGlite, migrations[name]);
  await empty.close();
  return all as Readonly<Record<Name, SimulatedDatabase>>;
}

async function simulatedDatabase(server: PGlite, migrations: readonly Migration[]): Promise<SimulatedDatabase> {
  // values cross as text and are read as `pg` reads them, so that columns are what they are in production
  Object.assign(server, {
    serializers: new Proxy({}, { get: () => asText }),
    parsers: new Proxy({}, { get: (_, oid) => parserOf(Number(oid)) }),
  });
  await server.exec("SET TimeZone = 'UTC'; SET synchronous_commit = off"); // nothing outlives this process
  let waiting: Turn[] = [];
  let busy = false;
  let began = false;

  const next = (): void => {
    const turn = waiting.shift();
    busy = turn !== undefined;
    turn?.begin();
  };
  const take = (process: SimulatedProcess | null): Promise<void> =>
    new Promise((resolve) => {
      const turn = { process, begin: resolve };
      waiting.push(turn);
      if (!busy) next();
    });
  const query = async <R>(text: string, parameters: readonly unknown[]): Promise<QueryResult<R>> => {
    // migrations have several statements in one text, which only the simple protocol takes
    const { rows, affectedRows } = parameters.length === 0 ? await simply<R>(text) : await server.query<R>(text, [...parameters]);
    return { rows, ...(affectedRows === undefined ? {} : { numAffectedRows: BigInt(affectedRows) }) };
  };
  const simply = async <R>(text: string) => (await server.exec(text)).at(-1) as Results<R>;
  const control = async (text: string): Promise<void> => {
    await server.exec(text);
    began = text === 'BEGIN';
  };
  /** Nobody holds the connection any more: what was begun and not committed never was. */
  const giveBack = async (): Promise<void> => {
    if (began) await control('ROLLBACK');
    next();
  };

  function driverOf(process: SimulatedProcess | null, pause: () => Promise<void>): Driver {
    const reach = <T>(work: () => Promise<T>): Promise<T> => (process === null ? work() : process.reach(work));
    let held = false;
    let pending: Promise<unknown> = Promise.resolve();
    const run = <T>(work: () => Promise<T>): Promise<T> =>
      reach(() => {
        const running = work();
        pending = running.catch(() => undefined);
        return running;
      });
    const connection: DatabaseConnection = {
      async executeQuery<R>(compiled: CompiledQuery) {
        await reach(pause);
        return run(() => query<R>(compiled.sql, compiled.parameters));
      },
      // oxlint-disable-next-line require-yield -- nobody streams
      async *streamQuery() {
        throw new Error('The simulated database does not stream.');
      },
    };
    process?.died.addEventListener('abort', () => {
      waiting = waiting.filter((turn) => turn.process !== process);
      if (!held) return;
      held = false;
      void pending.then(giveBack);
    });
    return {
      init: () => Promise.resolve(),
      async acquireConnection() {
        await take(process);
        if (process !== null && !process.alive) {
          next();
          return reach(() => Promise.resolve(connection));
        }
        held = true;
        return connection;
      },
      beginTransaction: () => run(() => control('BEGIN')),
      commitTransaction: () => run(() => control('COMMIT')),
      rollbackTransaction: () => run(() => control('ROLLBACK')),
      async releaseConnection() {
        if (!held) return;
        held = false;
        next();
      },
      destroy: () => Promise.resolve(),
    };
  }
  const open = <Tables>(process: SimulatedProcess | null, pause: () => Promise<void>): Database<Tables> =>
    new Kysely<Tables>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => driverOf(process, pause),
        createIntrospector: (database) => new PostgresIntrospector(database),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
    });

  await migrate(
    open<unknown>(null, () => Promise.resolve()),
    migrations,
  );
  const { rows } = await server.query<{ name: string }>(
    "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'",
  );
  // what migrations themselves have written is put back
  const seeds: { name: string; rows: Record<string, unknown>[] }[] = [];
  for (const { name } of rows) seeds.push({ name, rows: (await server.query<Record<string, unknown>>(`SELECT * FROM ${name}`)).rows });
  return {
    connect: open,
    async reset() {
      waiting = [];
      if (began) await control('ROLLBACK');
      busy = false;
      await server.exec(`TRUNCATE ${rows.map(({ name }) => name).join(', ')} RESTART IDENTITY CASCADE`);
      for (const { name, rows: kept } of seeds)
        for (const row of kept)
          await server.query(
            `INSERT INTO ${name} (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row)
              .map((_, at) => `$${at + 1}`)
              .join(', ')})`,
            Object.values(row),
          );
    },
  };
}

/** A value as PostgreSQL reads it from text. */
function asText(value: unknown): unknown {
  if (value === null || value === undefined || value instanceof Uint8Array) return value ?? null;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return arrayText(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function arrayText(values: readonly unknown[]): string {
  const element = (value: unknown): string => {
    if (value === null || value === undefined) return 'NULL';
    if (Array.isArray(value)) return arrayText(value);
    return `"${String(asText(value)).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  };
  return `{${values.map(element).join(',')}}`;
}
