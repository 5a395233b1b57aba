import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { superuser } from './settings.ts';

/**
 * The address of a database on the private server that another process runs in a directory; null when none runs there. PostgreSQL writes its port and the
 * directory of its socket into lines 4 and 5 of `postmaster.pid`.
 */
export async function runningServerUrl(directory: string, database: string): Promise<string | null> {
  const text = await readFile(join(directory, 'data', 'postmaster.pid'), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
  const [, , , port, socketDirectory] = text?.split('\n') ?? [];
  if (port === undefined || socketDirectory === undefined || socketDirectory === '') return null;
  return `postgresql://${superuser}@${encodeURIComponent(socketDirectory)}:${port}/${encodeURIComponent(database)}`;
}
