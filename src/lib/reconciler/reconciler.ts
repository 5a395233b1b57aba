import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

/** Keeps one statement true by looking at the whole and mending it; each activation takes no input. */
export interface ReconcilerSpec {
  /** Named after what it keeps true. */
  readonly name: string;
  readonly everyMs: number;
  /** One scan. What it answers is shown by `kilonova inspect`. */
  readonly run: (signal: AbortSignal) => Promise<Readonly<Record<string, unknown>> | undefined>;
}

export interface ReconcilerStatus {
  readonly name: string;
  readonly runs: number;
  readonly lastAt: number | null;
  readonly lastMs: number | null;
  readonly lastResult: Readonly<Record<string, unknown>> | null;
  readonly lastError: string | null;
}

export interface Reconciler {
  readonly name: string;
  /** Asks for a scan soon; many nudges while one runs mean one more. */
  nudge(): void;
  /** Asks for a scan and waits for one that began after this call. */
  runNow(): Promise<void>;
  status(): ReconcilerStatus;
  stop(): Promise<void>;
}

/** Starts a reconciler: the first scan at once, then on its timer and at every nudge. */
export function startReconciler(spec: ReconcilerSpec, { clock, log }: { readonly clock: Clock; readonly log: Log }): Reconciler {
  const stopping = new AbortController();
  let status: ReconcilerStatus = { name: spec.name, runs: 0, lastAt: null, lastMs: null, lastResult: null, lastError: null };
  let wake = Promise.withResolvers<void>();
  let waiters: (() => void)[] = [];

  const scan = async (): Promise<void> => {
    const began = clock.now();
    const served = waiters;
    waiters = [];
    try {
      const result = await spec.run(stopping.signal);
      status = {
        ...status,
        runs: status.runs + 1,
        lastAt: began,
        lastMs: clock.now() - began,
        lastResult: result ?? null,
        lastError: null,
      };
    } catch (error) {
      if (stopping.signal.aborted) return;
      status = { ...status, runs: status.runs + 1, lastAt: began, lastMs: clock.now() - began, lastError: String(error) };
      log.error({ err: error, reconciler: spec.name }, 'reconciler failed');
    } finally {
      for (const done of served) done();
    }
  };
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await scan();
      const pause = new AbortController();
      await Promise.race([
        clock.sleep(spec.everyMs, AbortSignal.any([stopping.signal, pause.signal])).catch(() => undefined),
        wake.promise,
      ]);
      pause.abort();
      wake = Promise.withResolvers<void>();
    }
    for (const done of waiters) done();
  })();
  return {
    name: spec.name,
    nudge: () => wake.resolve(),
    runNow() {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiters.push(resolve);
      wake.resolve();
      return promise;
    },
    status: () => status,
    async stop() {
      stopping.abort(new Error('stopping'));
      wake.resolve();
      await loop;
    },
  };
}
