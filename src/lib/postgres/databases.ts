import { Client, escapeIdentifier } from 'pg';
import { messageOf, unavailable } from '../errors.ts';
import { systemClock } from '../clock.ts';
import { retry } from '../retry.ts';
import { sqlState } from '../sql/database.ts';

/** Runs work on one connection, which is closed afterwards. */
export async function withConnection<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // the query that needs the connection reports it
  try {
    await client.connect();
  } catch (error) {
    throw unavailable(`PostgreSQL does not answer: ${messageOf(error)}.`, { cause: error });
  }
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The address of another database of the same server. */
export function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/** Makes a database on the server that `server` points into, as a copy of `template` where one is named. Answers its address. */
export async function createDatabase(server: string, name: string, options: { readonly template?: string } = {}): Promise<string> {
  const { template } = options;
  const statement = `CREATE DATABASE ${escapeIdentifier(name)}${template === undefined ? '' : ` TEMPLATE ${escapeIdentifier(template)}`}`;
  await retry(() => withConnection(server, (client) => client.query(statement)), {
    clock: systemClock,
    attempts: 8,
    delayMs: 20,
    when: (error) => sqlState(error) === '55006', // somebody is still connected to the template
  });
  return urlOf(server, name);
}

/** The same for a database that may be there already; of several processes at once, each succeeds. */
export async function ensureDatabase(server: string, name: string): Promise<string> {
  const exists = await withConnection(server, (client) => client.query('SELECT FROM pg_database WHERE datname = $1', [name]));
  if (exists.rowCount === 0) {
    await createDatabase(server, name).catch((error: unknown) => {
      if (!['42P04', '23505'].includes(sqlState(error) ?? '')) throw error;
    });
  }
  return urlOf(server, name);
}

/** Removes a database and cuts its connections; fine when there is none. */
export async function dropDatabase(server: string, name: string): Promise<void> {
  await withConnection(server, (client) => client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`));
}
