import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import type { Clock } from '../../../src/lib/clock.ts';
import { randomOf, type Random } from './random.ts';

/** This process with time and chance of its own: everything that happens in it is determined by a seed. */
export interface SealedProcess {
  readonly clock: Clock;
  /** Nothing is runnable and no timer is left, though the work has not ended: called to say what was waited for. */
  run<T>(seed: number, work: (random: Random) => Promise<T>, afterEachStep: () => void): Promise<T>;
}

interface Timer {
  readonly at: number;
  /** Which of those of one moment comes first. */
  readonly order: number;
  readonly fire: () => void;
  readonly number: number;
}

/** Timers that are not slept on draw nothing: PostgreSQL's own depend on what it did for earlier seeds, and must not change what comes after. */
const plainOrder = 0.5;
/** When every simulation begins. */
const epoch = Date.UTC(2026, 0, 1);

/**
 * Takes the system's time and randomness away from this process, for good: `Date`, timers, `Math.random` and `node:crypto` answer what a seed
 * says. Code that asks the system instead of its `deps` is simulated all the same. PostgreSQL in WebAssembly asks here, too.
 */
export function sealProcess(): SealedProcess {
  const turn = setImmediate;
  let now = epoch;
  let random = randomOf(0);
  let ids = random.fork('ids');
  let ties = random.fork('ties');
  let queue = timerQueue();
  let count = 0;

  const schedule = (fire: () => void, ms: number, order = ties.next()): Timer => {
    const timer = { at: now + Math.max(0, Math.ceil(Number.isFinite(ms) ? ms : 0)), order, fire, number: ++count };
    queue.push(timer);
    return timer;
  };
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise<void>((resolve, reject): void => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const onAbort = (): void => {
        queue.remove(timer);
        reject(signal?.reason as Error);
      };
      const timer = schedule(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  sealTime(
    () => now,
    schedule,
    (timer) => queue.remove(timer),
    sleep,
  );
  sealChance(() => ids);

  return {
    clock: { now: () => now, sleep },
    async run(seed, work, afterEachStep) {
      now = epoch;
      random = randomOf(seed);
      ids = random.fork('ids');
      ties = random.fork('ties');
      queue = timerQueue();
      let ended = false;
      const result = work(random).finally(() => void (ended = true));
      result.catch(() => undefined);
      for (;;) {
        await new Promise((resolve) => turn(resolve)); // everything that is runnable has run
        afterEachStep();
        if (ended) return result;
        const timer = queue.pop();
        if (timer === undefined) throw new Error('Nothing is left to happen, and the simulation has not ended.');
        now = Math.max(now, timer.at);
        timer.fire();
      }
    },
  };
}

function sealTime(
  now: () => number,
  schedule: (fire: () => void, ms: number, order?: number) => Timer,
  cancel: (timer: Timer) => void,
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>,
): void {
  const System = Date;
  globalThis.Date = new Proxy(System, {
    construct: (target, args: []) => (args.length === 0 ? new target(now()) : new target(...args)),
    get: (target, key) => (key === 'now' ? now : (Reflect.get(target, key) as unknown)),
  });
  performance.now = () => now() - epoch;
  interface Handle {
    timer: Timer | null;
  }
  const handle = (): Handle & Record<string, unknown> => {
    const self: Handle & Record<string | symbol, unknown> = { timer: null };
    Object.assign(self, { ref: () => self, unref: () => self, hasRef: () => true, [Symbol.dispose]: () => clear(self) });
    return self;
  };
  const clear = (given: unknown): void => {
    const held = given as Handle | undefined;
    if (held?.timer == null) return;
    cancel(held.timer);
    held.timer = null;
  };
  const set = (work: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): unknown => {
    const self = handle();
    self.timer = schedule(
      () => {
        self.timer = null;
        work(...args);
      },
      ms,
      plainOrder,
    );
    return self;
  };
  const repeat = (work: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): unknown => {
    const self = handle();
    const again = (): void => {
      self.timer = schedule(
        () => {
          again();
          work(...args);
        },
        Math.max(1, ms),
      );
    };
    again();
    return self;
  };
  Object.assign(globalThis, {
    setTimeout: set,
    setInterval: repeat,
    setImmediate: (work: (...args: unknown[]) => void, ...args: unknown[]) => set(work, 0, ...args),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  });
  Object.assign(timers, {
    setTimeout: async (ms = 0, value?: unknown, { signal }: { signal?: AbortSignal } = {}) => {
      await sleep(ms, signal);
      return value;
    },
  });
  syncBuiltinESMExports();
}

function sealChance(ids: () => Random): void {
  const fill = (bytes: Uint8Array): Uint8Array => {
    for (let at = 0; at < bytes.length; at++) bytes[at] = ids().between(0, 255);
    return bytes;
  };
  Math.random = () => ids().next();
  Object.assign(crypto, {
    randomUUID: () => {
      const hex = Buffer.from(fill(new Uint8Array(16))).toString('hex');
      const variant = '89ab'[Number.parseInt(hex[16]!, 16) % 4]!;
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
    },
    randomBytes: (size: number) => Buffer.from(fill(new Uint8Array(size))),
    randomInt: (first: number, second?: number) => (second === undefined ? ids().between(0, first - 1) : ids().between(first, second - 1)),
  });
  syncBuiltinESMExports();
  globalThis.crypto.getRandomValues = <T extends ArrayBufferView>(array: T): T => {
    fill(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return array;
  };
}

/** Timers by their moment. */
function timerQueue() {
  const heap: Timer[] = [];
  const gone = new Set<number>();
  const before = (one: Timer, other: Timer): boolean =>
    one.at !== other.at ? one.at < other.at : one.order !== other.order ? one.order < other.order : one.number < other.number;
  const swap = (one: number, other: number): void => void ([heap[one], heap[other]] = [heap[other]!, heap[one]!]);
  const take = (): Timer | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (left < heap.length && before(heap[left]!, heap[least]!)) least = left;
      if (right < heap.length && before(heap[right]!, heap[least]!)) least = right;
      if (least === at) return first;
      swap(at, least);
      at = least;
    }
  };
  return {
    push(timer: Timer): void {
      heap.push(timer);
      for (let at = heap.length - 1; at > 0 && before(heap[at]!, heap[(at - 1) >> 1]!); at = (at - 1) >> 1) swap(at, (at - 1) >> 1);
    },
    remove: (timer: Timer): void => void gone.add(timer.number),
    pop(): Timer | undefined {
      for (;;) {
        const timer = take();
        if (timer === undefined || !gone.delete(timer.number)) return timer;
      }
    },
  };
}
