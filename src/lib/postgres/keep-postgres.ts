import { systemClock } from '../clock.ts';
import { retry } from '../retry.ts';
import { startPostgres, type PostgresOptions, type PrivatePostgres } from './start-postgres.ts';

/** A private PostgreSQL that is started again whenever it ends by itself. */
export type KeptPostgres = Pick<PrivatePostgres, 'url' | 'stop'>;

/**
 * Starts the private PostgreSQL of a directory and keeps it running until `stop()`, whatever kills it. Addresses stay the same, so who uses it
 * only connects again.
 */
export async function keepPostgres(options: Omit<PostgresOptions, 'signal'>): Promise<KeptPostgres> {
  const { log, directory } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let current = await startPostgres(options);
  const keep = async (): Promise<void> => {
    for (;;) {
      const { code, signal: killedBy } = await current.exited;
      if (signal.aborted) return;
      log.error({ directory, code, signal: killedBy }, 'PostgreSQL ended; it is started again');
      current = await retry(
        () =>
          startPostgres({ ...options, signal }).catch((error: unknown) => {
            if (!signal.aborted) log.error({ err: error, directory }, 'PostgreSQL cannot be started again');
            throw error;
          }),
        { clock: systemClock, signal, attempts: Infinity, delayMs: 100, maxDelayMs: 5000 },
      );
    }
  };
  const kept = keep().catch((error: unknown) => {
    if (!signal.aborted) log.error({ err: error, directory }, 'PostgreSQL is no longer watched');
  });
  return {
    url: (database) => current.url(database),
    async stop() {
      stopping.abort(new Error('stopping'));
      await current.stop();
      await kept;
      await current.stop(); // one that was just being started
    },
  };
}
