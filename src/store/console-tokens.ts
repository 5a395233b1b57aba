import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Executor } from '../lib/sql/database.ts';
import type { Stores } from './stores.ts';
import type { CellTables } from './tables.ts';

/** The permission to open one console, which whoever has the token has. */
export interface ConsoleToken {
  readonly consoleType: string;
  readonly instanceId: string;
  /** The compute service that said where the console is. */
  readonly computeHost: string;
  readonly host: string;
  readonly port: number;
  readonly tlsPort: number | null;
  readonly internalAccessPath: string | null;
  readonly accessUrlBase: string;
  readonly expiresAt: string;
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

const toToken = (row: Selectable<CellTables['console_auth_tokens']>): ConsoleToken => ({
  consoleType: row.console_type,
  instanceId: row.instance_id,
  computeHost: row.compute_host,
  host: row.host,
  port: row.port,
  tlsPort: row.tls_port,
  internalAccessPath: row.internal_access_path,
  accessUrlBase: row.access_url_base,
  expiresAt: row.expires_at,
});

/** Keeps what a token permits; of the token itself only its hash, so that no reader of the database can use it. */
export async function insertConsoleToken(tx: Executor<CellTables>, token: string, permits: ConsoleToken): Promise<void> {
  await tx
    .insertInto('console_auth_tokens')
    .values({
      token_hash: hashOf(token),
      console_type: permits.consoleType,
      instance_id: permits.instanceId,
      compute_host: permits.computeHost,
      host: permits.host,
      port: permits.port,
      tls_port: permits.tlsPort,
      internal_access_path: permits.internalAccessPath,
      access_url_base: permits.accessUrlBase,
      expires_at: permits.expiresAt,
    })
    .execute();
}

/** What a token permits at this moment, in whichever cell; null when it is not known or has expired. A cell that does not answer knows none. */
export async function findConsoleToken(stores: Stores, token: string, now: number): Promise<ConsoleToken | null> {
  const cells = stores.hostCells();
  const found = await Promise.allSettled(
    cells.map(({ database }) =>
      database
        .selectFrom('console_auth_tokens')
        .selectAll()
        .where('token_hash', '=', hashOf(token))
        .where('expires_at', '>', new Date(now).toISOString())
        .executeTakeFirst(),
    ),
  );
  const row = found.flatMap((one) => (one.status === 'fulfilled' && one.value !== undefined ? [one.value] : []))[0];
  if (row !== undefined) return toToken(row);
  const failed = found.find((one) => one.status === 'rejected');
  if (failed !== undefined && found.every((one) => one.status === 'rejected')) throw failed.reason;
  return null;
}

/** Nobody opens a console of this instance with a token from before. */
export async function forgetConsoleTokens(tx: Executor<CellTables>, instanceId: string): Promise<void> {
  await tx.deleteFrom('console_auth_tokens').where('instance_id', '=', instanceId).execute();
}

/** Removes expired tokens; answers how many. */
export async function forgetExpiredConsoleTokens(tx: Executor<CellTables>, now: number): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('console_auth_tokens')
    .where('expires_at', '<=', new Date(now).toISOString())
    .executeTakeFirst();
  return Number(numDeletedRows);
}
