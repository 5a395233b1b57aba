import type { Clock } from '../clock.ts';
import { conflict, isKind, toWireError, type KilonovaError, type WireError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AnyStep, Saga, StepContext } from './saga.ts';
import type { Alongside, SagaRecord, SagaProgress, SagaStore } from './store.ts';

export interface EngineOptions<Deps> {
  readonly store: SagaStore;
  // oxlint-disable-next-line typescript/no-explicit-any -- sagas of all parameters stand in one list
  readonly sagas: readonly Saga<any, Deps>[];
  readonly deps: Deps;
  /** Names this process among all conductors. */
  readonly owner: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a lease lasts without being renewed: the time after which another conductor takes over a dead one's sagas. Default 8 s. */
  readonly leaseMs?: number;
  /** How often to look for sagas nobody has announced. Default 1 s. */
  readonly pollMs?: number;
  /** Sagas run at the same time. Default 200. */
  readonly concurrency?: number;
  /** Called when a saga has ended in any way. */
  readonly onEnd?: (record: SagaRecord, state: SagaRecord['state']) => void;
}

export interface SagaEngine {
  /** There may be sagas to run: look now. */
  wake(): void;
  /** Stops taking sagas, interrupts those that run and gives their leases back. */
  stop(): Promise<void>;
  running(): number;
}

/** Somebody else goes on with the saga. */
class LeaseLost extends Error {}
/** Nobody knows whether progress was written: the saga is read again before anything more is done. */
class WriteInDoubt extends Error {}

/** Runs the sagas of one store until it is stopped. Any number of engines may share a store. */
export function startSagaEngine<Deps>(options: EngineOptions<Deps>): SagaEngine {
  const { store, deps, owner, clock, log, leaseMs = 8000, pollMs = 1000, concurrency = 200 } = options;
  const byName = new Map(options.sagas.map((saga) => [saga.name, saga]));
  const held = new Map<
    string,
    { readonly fence: number; readonly abort: AbortController; cancelled: boolean; readonly ended: Promise<void> }
  >();
  const stopping = new AbortController();
  let wake = Promise.withResolvers<void>();

  /** Takes everything there is to take. */
  const claim = async (): Promise<void> => {
    for (;;) {
      const room = concurrency - held.size;
      if (room <= 0 || stopping.signal.aborted) return;
      const claimed = await store.claim(owner, leaseMs, Math.min(room, 50));
      for (const record of claimed) {
        held.get(record.id)?.abort.abort(new LeaseLost(`the lease on saga ${record.id} ran out`)); // our own, when the store was away for long
        const abort = new AbortController();
        const ended = Promise.resolve().then(() => drive(record, AbortSignal.any([abort.signal, stopping.signal]))); // after it stands in `held`
        held.set(record.id, { fence: record.fence, abort, cancelled: record.cancelRequested, ended });
      }
      if (claimed.length < Math.min(room, 50)) return;
    }
  };

  const renewLeases = async (): Promise<void> => {
    if (held.size === 0) return;
    const renewed = [...held];
    const known = await store.renew(
      owner,
      renewed.map(([id, { fence }]) => ({ id, fence })),
      leaseMs,
    );
    for (const [id, entry] of renewed) {
      const answer = known.get(id);
      if (answer === undefined) entry.abort.abort(new LeaseLost(`the lease on saga ${id} was lost`));
      else if (answer.cancelRequested && !entry.cancelled) {
        entry.cancelled = true;
        entry.abort.abort(cancelled());
      }
    }
  };

  const every = async (ms: number, work: () => Promise<void>, nudge?: () => Promise<void>): Promise<void> => {
    while (!stopping.signal.aborted) {
      await work().catch((error: unknown) => log.error({ err: error }, 'saga engine cannot reach its store'));
      const pause = new AbortController();
      await Promise.race([
        clock.sleep(ms, AbortSignal.any([stopping.signal, pause.signal])).catch(() => undefined),
        ...(nudge === undefined ? [] : [nudge()]),
      ]);
      pause.abort();
    }
  };

  const claiming = every(pollMs, claim, () => wake.promise.then(() => void (wake = Promise.withResolvers<void>())));
  const renewing = every(leaseMs / 4, renewLeases);

  async function drive(first: SagaRecord, signal: AbortSignal): Promise<void> {
    let record = first;
    const saga = byName.get(record.name);
    try {
      if (saga === undefined) {
        log.error({ saga: record.name, sagaId: record.id }, 'no such saga here; left to a newer conductor');
        await store.release(record.id, record.fence, 30_000);
        return;
      }
      while (record.state === 'running' || record.state === 'unwinding') {
        record = record.state === 'running' ? await forward(saga, record, signal) : await backward(saga, record, signal);
      }
      log.debug({ saga: record.name, sagaId: record.id, subject: record.subject, state: record.state }, 'saga ended');
      options.onEnd?.(record, record.state);
    } catch (error) {
      if (!(error instanceof LeaseLost) && !stopping.signal.aborted)
        log.error({ err: error, saga: record.name, sagaId: record.id }, 'saga interrupted');
      // the lease is given back so that whoever comes next (or we) goes on at once; without a store it runs out by itself
      await store.release(record.id, record.fence, stopping.signal.aborted ? 0 : 1000).catch(() => undefined);
    } finally {
      if (held.get(first.id)?.fence === first.fence) held.delete(first.id);
      wake.resolve();
    }
  }

  const write = async (record: SagaRecord, progress: SagaProgress, alongside: readonly Alongside[] = []): Promise<SagaRecord> => {
    const written = await store.advance(record.id, record.fence, progress, alongside).catch((error: unknown) => {
      throw isKind(error, 'unavailable')
        ? new WriteInDoubt(`the store went away while saga ${record.id} was written`, { cause: error })
        : error;
    });
    if (!written) throw new LeaseLost(`another conductor has taken over saga ${record.id}`);
    return {
      ...record,
      state: progress.state,
      position: progress.position,
      results: { ...record.results, ...progress.results },
      failure: progress.failure ?? record.failure,
      log: [...record.log, progress.line],
    };
  };

  const contextOf = (
    record: SagaRecord,
    step: AnyStep,
    signal: AbortSignal,
    alongside: Alongside[],
  ): StepContext<unknown, unknown, Deps> => ({
    sagaId: record.id,
    params: record.params,
    results: record.results,
    deps,
    idempotencyKey: `${record.subject}/${record.id}/${step.name}`,
    signal,
    alongside: (write) => void alongside.push(write),
  });

  async function forward(saga: Saga<unknown, Deps>, record: SagaRecord, signal: AbortSignal): Promise<SagaRecord> {
    const step = saga.steps[record.position];
    const started = clock.now();
    const line = (event: SagaProgress['line']['event'], tries: number, message?: string): SagaProgress['line'] => ({
      step: step?.name ?? '',
      event,
      at: started,
      ms: clock.now() - started,
      ...(tries > 1 ? { tries } : {}),
      ...(message === undefined ? {} : { message }),
    });
    if (step === undefined) return { ...record, state: 'done' };
    const isCancelled = (): boolean => !step.forwardOnly && (record.cancelRequested || held.get(record.id)?.cancelled === true);
    const last = record.position + 1 === saga.steps.length;
    for (let attempt = 1; ; attempt++) {
      if (isCancelled())
        return write(record, {
          state: 'unwinding',
          position: record.position + 1,
          failure: toWireError(cancelled()),
          line: line('cancelled', attempt),
        });
      try {
        // past the point of no return a cancellation no longer interrupts
        const alongside: Alongside[] = [];
        const result = await step.run(contextOf(record, step, step.forwardOnly ? stopping.signal : signal, alongside));
        const progress: SagaProgress = {
          state: last ? 'done' : 'running',
          position: record.position + 1,
          results: { [step.name]: result ?? null },
          line: line('ran', attempt),
        };
        return await write(record, progress, alongside);
      } catch (error) {
        if (error instanceof LeaseLost || error instanceof WriteInDoubt) throw error;
        if (isCancelled()) continue;
        signal.throwIfAborted();
        const waited = clock.now() - started;
        const again = step.forwardOnly || (isKind(error, 'unavailable') && waited < step.patienceSeconds * 1000);
        if (!again) {
          log.warn(
            { err: error, saga: saga.name, sagaId: record.id, subject: record.subject, step: step.name },
            'saga step failed; undoing',
          );
          // the failed step is undone too: it may have been cut off half-way by an earlier crash
          return write(record, {
            state: 'unwinding',
            position: record.position + 1,
            failure: toWireError(error),
            line: line('failed', attempt, messageFor(error)),
          });
        }
        log.warn({ err: error, saga: saga.name, sagaId: record.id, step: step.name, attempt }, 'saga step failed; trying again');
        await clock.sleep(Math.min(100 * 2 ** attempt, 5000), step.forwardOnly ? stopping.signal : signal).catch(() => undefined);
        stopping.signal.throwIfAborted();
      }
    }
  }

  async function backward(saga: Saga<unknown, Deps>, record: SagaRecord, signal: AbortSignal): Promise<SagaRecord> {
    const step = saga.steps[record.position - 1];
    if (step === undefined)
      return write(record, { state: 'undone', position: 0, line: { step: '', event: 'undone', at: clock.now(), ms: 0 } });
    const started = clock.now();
    const failure: WireError = record.failure ?? { kind: 'internal', message: 'unknown' };
    for (let attempt = 1; ; attempt++) {
      try {
        const alongside: Alongside[] = [];
        await step.undo?.({ ...contextOf(record, step, stopping.signal, alongside), failure });
        const position = record.position - 1;
        const progress: SagaProgress = {
          state: position === 0 ? 'undone' : 'unwinding',
          position,
          line: { step: step.name, event: 'undone', at: started, ms: clock.now() - started, ...(attempt > 1 ? { tries: attempt } : {}) },
        };
        return await write(record, progress, alongside);
      } catch (error) {
        if (error instanceof LeaseLost || error instanceof WriteInDoubt) throw error;
        if (signal.reason instanceof LeaseLost) throw signal.reason;
        stopping.signal.throwIfAborted();
        log.error({ err: error, saga: saga.name, sagaId: record.id, step: step.name, attempt }, 'saga undo failed; trying again');
        await clock.sleep(Math.min(200 * 2 ** attempt, 10_000), stopping.signal).catch(() => undefined);
        stopping.signal.throwIfAborted();
      }
    }
  }

  return {
    wake: () => wake.resolve(),
    running: () => held.size,
    async stop() {
      const endings = [...held.values()].map(({ ended }) => ended);
      stopping.abort(new Error('the conductor is stopping'));
      wake.resolve();
      await Promise.allSettled([claiming, renewing, ...endings]);
    },
  };
}

/** Also the failure of a saga that was cancelled, by which its undos know. */
const cancelled = (): KilonovaError => conflict('The operation was cancelled.', { code: 'cancelled' });
const messageFor = (error: unknown): string => toWireError(error).message.slice(0, 500);
