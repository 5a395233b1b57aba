import { isStuck, type SagaWaiting } from '../../../../lib/saga/store.ts';
import { newestSagas } from '../../../../store/sagas.ts';
import type { Invariant } from '../invariant.ts';

/** More at once have one cause, which these tell. */
const most = 1000;

/** Past the point of no return, and backward, steps are tried until they work: what does not work for long needs somebody. */
export const sagasGetOn: Invariant = {
  name: 'saga-gets-on',
  says: 'An operation that has not ended gets on.',
  async check({ deps }) {
    const pages = await Promise.all(deps.stores.cells().map(({ database }) => newestSagas(database, most, ['running', 'unwinding'])));
    return pages
      .flat()
      .filter((saga) => isStuck(saga, deps.clock.now()))
      .map(({ id, name, subject, waiting, updatedAt }) => ({
        subject: `saga ${id}`,
        what: `${name} about ${subject} ${waiting === null ? `has said nothing since ${new Date(updatedAt).toISOString()}` : waitsFor(waiting)}.`,
        repair: `See what it waits for and put that right: kilonova inspect saga ${id}; then: kilonova manage saga resume ${id}`,
        excusedBy: [],
      }));
  },
};

const waitsFor = ({ step, direction, since, failure }: SagaWaiting): string =>
  `has not got over ${direction === 'backward' ? 'the undo of ' : ''}step ${step} since ${new Date(since).toISOString()}: ${failure.message.replace(/\.$/, '')}`;
