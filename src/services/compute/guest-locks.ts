import { conflict } from '../../lib/errors.ts';

/** One operation at a time for each guest, in the order they came. */
export interface GuestLocks {
  run<T>(id: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Runs as soon as what goes on with the guest has been given up: it is told to stop. */
  interrupt<T>(id: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>, reason?: Error): Promise<T>;
  /** Whether something is being done to the guest, or waits to be. */
  busy(id: string): boolean;
}

export function guestLocks(): GuestLocks {
  const last = new Map<string, Promise<unknown>>();
  const current = new Map<string, Set<AbortController>>();

  const run = async <T>(id: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const control = new AbortController();
    const others = current.get(id) ?? new Set();
    current.set(id, others.add(control));
    const both = AbortSignal.any([signal, control.signal]);
    const turn = (last.get(id) ?? Promise.resolve()).then(() => {
      both.throwIfAborted();
      return work(both);
    });
    const settled = turn.catch(() => undefined);
    last.set(id, settled);
    try {
      return await turn;
    } finally {
      others.delete(control);
      if (others.size === 0) current.delete(id);
      if (last.get(id) === settled) last.delete(id);
    }
  };
  return {
    run,
    interrupt(id, signal, work, reason = conflict(`Instance ${id} is being deleted.`, { code: 'interrupted' })) {
      for (const control of current.get(id) ?? []) control.abort(reason);
      return run(id, signal, work);
    },
    busy: (id) => current.has(id),
  };
}
