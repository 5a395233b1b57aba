import { sql } from 'kysely';
import type { IdempotencyStore } from '../lib/http/answer-once.ts';
import type { ApiDatabase, Stores } from './stores.ts';

/** How long a claim holds that nobody renews: its owner is taken to be gone. */
const leaseSeconds = 30;
const keptHours = 24;

/** Keys of requests that must be carried out once, in the API database. */
export function idempotencyStore(api: ApiDatabase): IdempotencyStore {
  let cleanedAt = 0;
  /** Forgets old keys now and then; a key that is asked for is judged by its own age. */
  const clean = async (): Promise<void> => {
    if (Date.now() - cleanedAt < 60_000) return;
    cleanedAt = Date.now();
    await sql`DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(hours => ${keptHours})`.execute(api);
  };
  const held = sql<Date>`now() + make_interval(secs => ${leaseSeconds})`;

  return {
    async claim(key, { fingerprint, requestId }) {
      await clean();
      return api.transaction().execute(async (tx) => {
        const made = await tx
          .insertInto('idempotency_keys')
          .values({ key, fingerprint, request_id: requestId, held_until: held })
          .onConflict((conflict) => conflict.column('key').doNothing())
          .returning('key')
          .executeTakeFirst();
        if (made !== undefined) return { kind: 'ours', requestId, resumed: false, intended: null };
        const row = await tx
          .selectFrom('idempotency_keys')
          .selectAll()
          .select([
            sql<boolean>`held_until > now()`.as('held'),
            sql<boolean>`created_at < now() - make_interval(hours => ${keptHours})`.as('old'),
          ])
          .where('key', '=', key)
          .forUpdate()
          .executeTakeFirst();
        if (row === undefined) return { kind: 'busy' }; // it was given up this very moment
        if (row.old) {
          await tx
            .updateTable('idempotency_keys')
            .set({ fingerprint, request_id: requestId, held_until: held, answer: null, intended: null, created_at: sql<Date>`now()` })
            .where('key', '=', key)
            .execute();
          return { kind: 'ours', requestId, resumed: false, intended: null };
        }
        if (row.fingerprint !== fingerprint) return { kind: 'other' };
        if (row.answer !== null) return { kind: 'answered', requestId: row.request_id, answer: row.answer };
        if (row.held) return { kind: 'busy' };
        await tx.updateTable('idempotency_keys').set({ held_until: held }).where('key', '=', key).execute();
        return { kind: 'ours', requestId: row.request_id, resumed: true, intended: row.intended };
      });
    },
    async keepAlive(key) {
      await api.updateTable('idempotency_keys').set({ held_until: held }).where('key', '=', key).where('answer', 'is', null).execute();
    },
    async intend(key, answer) {
      await api
        .updateTable('idempotency_keys')
        .set({ intended: Buffer.from(answer) })
        .where('key', '=', key)
        .execute();
    },
    async answer(key, answer) {
      await api
        .updateTable('idempotency_keys')
        .set({ answer: Buffer.from(answer), intended: null })
        .where('key', '=', key)
        .execute();
    },
    async giveUp(key) {
      await api
        .updateTable('idempotency_keys')
        .set({ held_until: sql<Date>`now()` })
        .where('key', '=', key)
        .execute();
    },
  };
}

/** Whether anything was begun for a request, which every operation writes down together with what it does. */
export async function wasBegun(stores: Stores, requestId: string): Promise<boolean> {
  const found = await Promise.all(
    stores
      .cells()
      .map(({ database }) =>
        database.selectFrom('instance_actions').select('id').where('request_id', '=', requestId).limit(1).executeTakeFirst(),
      ),
  );
  return found.some((row) => row !== undefined);
}
