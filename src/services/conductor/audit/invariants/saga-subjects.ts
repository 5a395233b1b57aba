import { sql } from 'kysely';
import { isUuid } from '../../../../lib/ids.ts';
import type { Stores } from '../../../../store/stores.ts';
import type { Invariant } from '../invariant.ts';
import { knownInstances } from '../known-instances.ts';

/** An operation that has made no progress for so long is not just deleting its server. */
const graceMs = 60_000;

export const sagaSubjects: Invariant = {
  name: 'saga-has-subject',
  says: 'An operation that has not ended is about a server, or a reservation of servers, that exists.',
  async check({ deps }) {
    const { stores } = deps;
    const before = new Date(deps.clock.now() - graceMs).toISOString();
    const sagas = (
      await Promise.all(
        stores
          .cells()
          .map(({ database }) =>
            database
              .selectFrom('sagas')
              .select(['id', 'name', 'subject', 'state'])
              .where('state', 'in', ['running', 'unwinding'])
              .where('updated_at', '<', before)
              .execute(),
          ),
      )
    ).flat();
    const known = await knownInstances(
      stores,
      sagas.map(({ subject }) => subject),
    );
    const reserved = await knownReservations(
      stores,
      sagas.flatMap(({ subject }) => (isUuid(subject) ? [] : [subject])),
    );
    return sagas
      .filter(({ subject }) => !reserved.has(subject) && known.get(subject)?.some(({ live }) => live) !== true)
      .map(({ id, name, subject, state }) => ({
        subject: `saga ${id}`,
        what: `${name} is ${state} about ${subject}, which does not exist.`,
        repair: `See what it waits for: kilonova inspect saga ${id}`,
        excusedBy: [],
      }));
  },
};

async function knownReservations(stores: Stores, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const pages = await Promise.all(
    stores.cells().map(({ database }) =>
      database
        .selectFrom('instances')
        .select('reservation_id')
        .distinct()
        .where(sql<boolean>`reservation_id = ANY(${ids})`)
        .where('deleted_at', 'is', null)
        .execute(),
    ),
  );
  return new Set(pages.flat().map(({ reservation_id }) => reservation_id));
}
