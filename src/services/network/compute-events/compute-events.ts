import { sql } from 'kysely';
import type { IdentityClient } from '../../../clients/identity.ts';
import type { Clock } from '../../../lib/clock.ts';
import { isKind } from '../../../lib/errors.ts';
import { createHttpClient } from '../../../lib/http/client.ts';
import type { Log } from '../../../lib/log.ts';
import { startReconciler } from '../../../lib/reconciler/reconciler.ts';
import type { NetworkDatabase } from '../store/tables.ts';

/** Delivers what compute is to be told. */
export interface ComputeEvents {
  /** There is something new to tell. */
  nudge(): void;
  stop(): Promise<void>;
}

interface QueuedEvent {
  readonly id: number;
  readonly name: string;
  readonly server_id: string;
  readonly tag: string;
  readonly status: string;
}

const batchSize = 100;
/** Older news helps nobody: whoever waited has given up. */
const staleAfterMs = 15 * 60_000;
const retryEveryMs = 3_000;

/** Sends queued events in batches, oldest first; what cannot be delivered now stays queued and is tried again. */
export function startComputeEvents({
  db,
  identity,
  clock,
  log,
}: {
  readonly db: NetworkDatabase;
  readonly identity: Pick<IdentityClient, 'serviceSession' | 'endpoints'>;
  readonly clock: Clock;
  readonly log: Log;
}): ComputeEvents {
  const http = createHttpClient({ service: 'compute', connections: 4 });

  /** One batch; its rows are held meanwhile, so that another process takes others. Answers how many were sent. */
  const sendBatch = (signal: AbortSignal): Promise<number> =>
    db.transaction().execute(async (tx) => {
      const { rows } =
        await sql<QueuedEvent>`SELECT id, name, server_id, tag, status FROM compute_events ORDER BY id LIMIT ${batchSize} FOR UPDATE SKIP LOCKED`.execute(
          tx,
        );
      if (rows.length === 0) return 0;
      const events = rows.map(({ name, server_id, tag, status }) => ({ name, server_uuid: server_id, tag, status }));
      try {
        await http.json({
          method: 'POST',
          url: `${await identity.endpoints.url('compute')}/os-server-external-events`,
          headers: { 'x-auth-token': await identity.serviceSession.token(), 'openstack-api-version': 'compute 2.51' },
          json: { events },
          signal,
          timeoutMs: 15_000,
        });
      } catch (error) {
        // compute refuses the whole batch when it knows none of its servers: they have just gone, and nobody waits
        if (!isKind(error, 'notFound', 'invalid')) throw error;
        log.info({ events: events.length, err: error }, 'compute knows none of the servers it was told of');
      }
      await tx
        .deleteFrom('compute_events')
        .where(
          'id',
          'in',
          rows.map(({ id }) => id),
        )
        .execute();
      return rows.length;
    });

  const reconciler = startReconciler(
    {
      name: 'compute-is-told-of-port-changes',
      everyMs: retryEveryMs,
      async run(signal) {
        const dropped = await db
          .deleteFrom('compute_events')
          .where('created_at', '<', new Date(clock.now() - staleAfterMs).toISOString())
          .executeTakeFirst();
        let sent = 0;
        try {
          for (;;) {
            const count = await sendBatch(signal);
            sent += count;
            if (count < batchSize) break;
          }
        } catch (error) {
          if (!isKind(error, 'unavailable', 'unauthenticated', 'forbidden')) throw error;
          log.warn({ err: error }, 'compute could not be told of port changes and will be told later');
        }
        return { sent, dropped: Number(dropped.numDeletedRows) };
      },
    },
    { clock, log },
  );
  return {
    nudge: () => reconciler.nudge(),
    async stop() {
      await reconciler.stop();
      await http.close();
    },
  };
}
