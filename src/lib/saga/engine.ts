import type { Clock } from '../clock.ts';
import { conflict, internal, isKind, toWireError, type KilonovaError, type WireError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AnyStep, Saga, StepContext } from './saga.ts';
import { activeStates, type Alongside, type ClaimedSaga, type SagaRecord, type SagaProgress, type SagaStore } from './store.ts';

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

/** A saga in the hands of this engine. */
interface Held {
  readonly fence: number;
  /** When its time is over, by this process's clock. */
  readonly deadlineAt: number;
  /** Its lease is lost: nothing more may be done. */
  readonly lost: AbortController;
  /** It is to be undone, if it still can be. */
  readonly stop: AbortController;
  /** Why it is to be undone. */
  why: KilonovaError | null;
}
/** What a step may be interrupted by, past the point of no return and before it. */
interface Signals {
  readonly forced: AbortSignal;
  readonly any: AbortSignal;
}

/** What fails for no longer than so many tries is not worth a write. */
const quietTries = 2;
/** The longest pause between two tries, at first and once it has failed for some minutes. */
const pauses = { firstMs: 5000, laterMs: 30_000, laterAfterMs: 300_000 } as const;

/** Runs the sagas of one store until it is stopped. Any number of engines may share a store. */
export function startSagaEngine<Deps>(options: EngineOptions<Deps>): SagaEngine {
  const { store, deps, owner, clock, log, leaseMs = 8000, pollMs = 1000, concurrency = 200 } = options;
  const byName = new Map(options.sagas.map((saga) => [saga.name, saga]));
  const held = new Map<string, Held & { readonly ended: Promise<void> }>();
  const stopping = new AbortController();
  let wake = Promise.withResolvers<void>();

  /** Takes everything there is to take. */
  const claim = async (): Promise<void> => {
    for (;;) {
      const room = concurrency - held.size;
      if (room <= 0 || stopping.signal.aborted) return;
      const claimed = await store.claim(owner, leaseMs, Math.min(room, 50));
      for (const record of claimed) {
        held.get(record.id)?.lost.abort(new LeaseLost(`the lease on saga ${record.id} ran out`)); // our own, when the store was away for long
        const mine: Held = {
          fence: record.fence,
          deadlineAt: clock.now() - record.ageMs + (byName.get(record.name)?.deadlineSeconds ?? 0) * 1000,
          lost: new AbortController(),
          stop: new AbortController(),
          why: record.cancelRequested ? cancelled() : null,
        };
        const ended = Promise.resolve().then(() => drive(record, mine)); // after it stands in `held`
        held.set(record.id, Object.assign(mine, { ended }));
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
      if (answer === undefined) {
        entry.lost.abort(new LeaseLost(`the lease on saga ${id} was lost`));
        held.delete(id); // whatever it still does writes nothing
      } else {
        if (answer.cancelRequested) entry.why ??= cancelled();
        else if (clock.now() >= entry.deadlineAt) entry.why ??= overdue();
        if (entry.why !== null) entry.stop.abort(entry.why);
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

  async function drive(first: ClaimedSaga, mine: Held): Promise<void> {
    let record: SagaRecord = first;
    const forced = AbortSignal.any([mine.lost.signal, stopping.signal]);
    const signals: Signals = { forced, any: AbortSignal.any([mine.stop.signal, forced]) };
    const saga = byName.get(record.name);
    try {
      if (saga === undefined) {
        log.error({ saga: record.name, sagaId: record.id }, 'no such saga here; left to a newer conductor');
        await store.note(record.id, record.fence, nobodyKnows(record, clock.now()));
        await store.release(record.id, record.fence, 30_000);
        return;
      }
      while (isActive(record)) {
        record = record.state === 'running' ? await forward(saga, record, mine, signals) : await backward(saga, record, signals.forced);
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
      waiting: null,
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

  /** Says what is waited for, where it does not go over by itself at once. A store that is away is no reason to stop trying. */
  async function tryLater(record: SagaRecord, step: AnyStep, failed: Failed, signal: AbortSignal): Promise<void> {
    const { direction, attempt, started, error, until } = failed;
    const before = record.waiting?.step === step.name && record.waiting.direction === direction ? record.waiting : null; // of an earlier owner
    const waiting = {
      step: step.name,
      direction,
      since: before?.since ?? started,
      tries: (before?.tries ?? 0) + attempt,
      failure: toWireError(error),
      until,
    };
    if (attempt > quietTries || before !== null)
      await store.note(record.id, record.fence, waiting).catch((problem: unknown) => {
        log.warn({ err: problem, sagaId: record.id }, 'what a saga waits for could not be written down');
      });
    const most = clock.now() - started > pauses.laterAfterMs ? pauses.laterMs : pauses.firstMs;
    await clock.sleep(Math.min(100 * 2 ** attempt, most), signal).catch(() => undefined);
  }

  async function forward(saga: Saga<unknown, Deps>, record: SagaRecord, mine: Held, signals: Signals): Promise<SagaRecord> {
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
    // past the point of no return nothing but another owner interrupts it
    const signal = step.forwardOnly ? signals.forced : signals.any;
    const until = step.forwardOnly ? null : started + step.patienceSeconds * 1000;
    const whyStop = (): KilonovaError | null => (step.forwardOnly ? null : mine.why);
    const last = record.position + 1 === saga.steps.length;
    for (let attempt = 1; ; attempt++) {
      const why = whyStop();
      if (why !== null)
        return write(record, {
          state: 'unwinding',
          position: record.position + 1,
          failure: toWireError(why),
          line: line(why.code === 'cancelled' ? 'cancelled' : 'overdue', attempt),
        });
      try {
        const alongside: Alongside[] = [];
        const result = await step.run(contextOf(record, step, signal, alongside));
        const progress: SagaProgress = {
          state: last ? 'done' : 'running',
          position: record.position + 1,
          results: { [step.name]: result ?? null },
          line: line('ran', attempt),
        };
        return await write(record, progress, alongside);
      } catch (error) {
        if (error instanceof LeaseLost || error instanceof WriteInDoubt) throw error;
        if (whyStop() !== null) continue;
        signal.throwIfAborted();
        const again = until === null || (isKind(error, 'unavailable') && clock.now() < until);
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
        await tryLater(record, step, { direction: 'forward', attempt, started, error, until }, signal);
        signals.forced.throwIfAborted();
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
        await step.undo?.({ ...contextOf(record, step, signal, alongside), failure });
        const position = record.position - 1;
        const progress: SagaProgress = {
          state: position === 0 ? 'undone' : 'unwinding',
          position,
          line: { step: step.name, event: 'undone', at: started, ms: clock.now() - started, ...(attempt > 1 ? { tries: attempt } : {}) },
        };
        return await write(record, progress, alongside);
      } catch (error) {
        if (error instanceof LeaseLost || error instanceof WriteInDoubt) throw error;
        signal.throwIfAborted();
        log.error({ err: error, saga: saga.name, sagaId: record.id, step: step.name, attempt }, 'saga undo failed; trying again');
        await tryLater(record, step, { direction: 'backward', attempt, started, error, until: null }, signal);
        signal.throwIfAborted();
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

/** A try that failed and is to be repeated. */
interface Failed {
  readonly direction: 'forward' | 'backward';
  readonly attempt: number;
  readonly started: number;
  readonly error: unknown;
  readonly until: number | null;
}

const isActive = ({ state }: SagaRecord): boolean => activeStates.some((active) => active === state);
const nobodyKnows = ({ position, waiting, state, name }: SagaRecord, now: number): NonNullable<SagaRecord['waiting']> => ({
  step: `number ${position}`,
  direction: state === 'unwinding' ? 'backward' : 'forward',
  since: waiting?.since ?? now,
  tries: (waiting?.tries ?? 0) + 1,
  failure: { kind: 'unsupported', message: `No conductor that runs now knows the operation ${name}.` },
  until: null,
});
/** Also the failure of a saga that was cancelled, by which its undos know. */
const cancelled = (): KilonovaError => conflict('The operation was cancelled.', { code: 'cancelled' });
const overdue = (): KilonovaError => internal('The operation did not end in the time it has.', { code: 'deadline' });
const messageFor = (error: unknown): string => toWireError(error).message.slice(0, 500);
