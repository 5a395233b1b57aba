import { randomUUID } from 'node:crypto';
import { escapeIdentifier } from 'pg';
import { inject } from 'vitest';
import { createDatabase, dropDatabase, withConnection } from '../../src/lib/postgres/databases.ts';

export interface TemporaryDatabase {
  readonly url: string;
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>;
}

/**
 * A database of a test's own. The first call of a run with this `key` has `migrate` fill a template, whichever test file it comes from; every call
 * then copies it, which takes some ten milliseconds.
 */
export async function temporaryDatabase(migrate: (url: string) => Promise<void>, key: string): Promise<TemporaryDatabase> {
  const server = inject('postgresUrl');
  const template = `template_${key}`;
  await ensureTemplate(server, template, migrate);
  const name = `test_${key}_${randomUUID().slice(0, 8)}`;
  const url = await createDatabase(server, name, { template });
  return { url, drop: () => dropDatabase(server, name) };
}

/** The templates this process knows to be there, or is waiting for. */
const templates = new Map<string, Promise<void>>();

function ensureTemplate(server: string, template: string, migrate: (url: string) => Promise<void>): Promise<void> {
  const known = templates.get(template);
  if (known !== undefined) return known;
  const made = makeTemplate(server, template, migrate);
  templates.set(template, made);
  return made;
}

/** Makes the template unless another process has; it gets its name when it is whole. */
async function makeTemplate(server: string, template: string, migrate: (url: string) => Promise<void>): Promise<void> {
  await withConnection(server, async (client) => {
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [template]); // until the connection closes
    const exists = await client.query('SELECT FROM pg_database WHERE datname = $1', [template]);
    if (exists.rowCount !== 0) return;
    const draft = `draft_${template}`;
    await dropDatabase(server, draft);
    await migrate(await createDatabase(server, draft));
    // pools close their connections in their own time, and a template may have none
    await client.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [draft]);
    await client.query(`ALTER DATABASE ${escapeIdentifier(draft)} RENAME TO ${escapeIdentifier(template)}`);
  });
}
