import type { Clock } from './clock.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Tries altogether. */
  readonly attempts: number;
  /** The first pause, in milliseconds; each further one is twice as long, up to `maxDelayMs`. */
  readonly delayMs: number;
  readonly maxDelayMs?: number;
  /** Which failures are worth another try; all, when left out. */
  readonly when?: (error: unknown) => boolean;
}

/** Runs `work` until it succeeds, its failure is not worth another try, or the tries are used up; then throws the last failure. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= options.attempts || options.signal?.aborted === true || options.when?.(error) === false) throw error;
      await options.clock.sleep(Math.min(options.delayMs * 2 ** (attempt - 1), options.maxDelayMs ?? 30_000), options.signal);
    }
  }
}

/** Asks `probe` again and again until it answers something other than null; throws the deadline's error otherwise. */
export async function waitUntil<T>(
  probe: () => Promise<T | null> | T | null,
  options: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly everyMs: number;
    readonly what: string;
    readonly signal?: AbortSignal;
  },
): Promise<T> {
  const deadline = options.clock.now() + options.timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer !== null) return answer;
    if (options.clock.now() >= deadline) throw new Error(`${options.what} did not happen within ${options.timeoutMs / 1000} s`);
    await options.clock.sleep(options.everyMs, options.signal);
  }
}
