import type { Clock } from '../clock.ts';
import type { NewSaga, SagaRecord, SagaStore } from './store.ts';

/** Sagas in memory, for tests and simulations; `onWrite` sees each log line after it is kept, and may throw to play a crash. */
export function memorySagaStore(clock: Clock, onWrite: (record: SagaRecord) => void = () => undefined) {
  const rows = new Map<string, SagaRecord>();
  const active = (record: SagaRecord): boolean => record.state === 'running' || record.state === 'unwinding';
  const store: SagaStore = {
    claim(owner, leaseMs, limit) {
      const now = clock.now();
      const free = [...rows.values()].filter((row) => active(row) && row.leaseUntil <= now).slice(0, limit);
      return Promise.resolve(
        free.map((row) => {
          const claimed = { ...row, owner, fence: row.fence + 1, leaseUntil: now + leaseMs };
          rows.set(row.id, claimed);
          return { ...claimed, ageMs: now - row.createdAt };
        }),
      );
    },
    renew(owner, held, leaseMs) {
      const known = new Map<string, { cancelRequested: boolean }>();
      for (const { id, fence } of held) {
        const row = rows.get(id);
        if (row === undefined || row.owner !== owner || row.fence !== fence) continue;
        rows.set(id, { ...row, leaseUntil: clock.now() + leaseMs });
        known.set(id, { cancelRequested: row.cancelRequested });
      }
      return Promise.resolve(known);
    },
    async advance(id, fence, { state, position, results, failure, line }, alongside = []) {
      const row = rows.get(id);
      if (row === undefined || row.fence !== fence) return false;
      for (const write of alongside) await write(undefined as never);
      // through JSON, as a database would keep it
      const kept = JSON.parse(
        JSON.stringify({
          ...row,
          state,
          position,
          results: { ...row.results, ...results },
          failure: failure ?? row.failure,
          log: [...row.log, line],
          waiting: null,
          updatedAt: clock.now(),
        }),
      ) as typeof row;
      rows.set(id, kept);
      onWrite(kept);
      return true;
    },
    note(id, fence, waiting) {
      const row = rows.get(id);
      if (row?.fence === fence) rows.set(id, { ...row, waiting });
      return Promise.resolve();
    },
    release(id, fence, afterMs) {
      const row = rows.get(id);
      if (row?.fence === fence) rows.set(id, { ...row, owner: null, leaseUntil: clock.now() + afterMs });
      return Promise.resolve();
    },
  };
  return {
    store,
    insert: (saga: NewSaga): void =>
      void rows.set(saga.id, {
        ...saga,
        params: JSON.parse(JSON.stringify(saga.params)) as unknown,
        state: 'running',
        position: 0,
        results: {},
        failure: null,
        cancelRequested: false,
        fence: 0,
        owner: null,
        log: [],
        waiting: null,
        createdAt: clock.now(),
        updatedAt: clock.now(),
        leaseUntil: 0,
      }),
    cancel(id: string): void {
      const row = rows.get(id);
      if (row !== undefined) rows.set(id, { ...row, cancelRequested: true });
    },
    /** Takes a saga from whoever holds it, as an operator does. */
    takeAway(id: string): void {
      const row = rows.get(id);
      if (row !== undefined) rows.set(id, { ...row, fence: row.fence + 1, owner: null, leaseUntil: 0 });
    },
    get: (id: string): SagaRecord | undefined => rows.get(id),
    all: (): readonly SagaRecord[] => [...rows.values()],
  };
}
