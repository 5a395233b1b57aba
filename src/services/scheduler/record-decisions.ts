import type { Decision } from '../../domain/decision.ts';
import type { Log } from '../../lib/log.ts';
import { insertDecisions } from '../../store/decisions.ts';
import type { Stores } from '../../store/stores.ts';

/** Decisions written in one statement at most, and kept in memory while the database does not take them. */
const atOnce = 500;
const mostWaiting = 10_000;

export interface DecisionRecorder {
  /** Takes a decision to be written soon; whoever asked for it does not wait. */
  record(decision: Decision): void;
  /** Ends when everything taken so far is written, or cannot be. */
  flush(): Promise<void>;
}

/** Writes decisions down behind the back of those who wait for them: while one statement runs, the next ones gather. */
export function recordDecisions({ stores, log }: { readonly stores: Stores; readonly log: Log }): DecisionRecorder {
  let waiting: Decision[] = [];
  let running: Promise<void> | null = null;
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, atOnce);
      try {
        await insertDecisions(stores.api, batch);
      } catch (error) {
        log.warn({ err: error, decisions: batch.length }, 'decisions could not be written down');
      }
    }
    running = null;
  };
  return {
    record(decision) {
      if (waiting.length >= mostWaiting) waiting = waiting.slice(-mostWaiting / 2);
      waiting.push(decision);
      running ??= drain();
    },
    async flush() {
      await running;
    },
  };
}
