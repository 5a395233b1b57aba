/** Lets so many pieces of work run at the same time; the others wait for their turn. */
export interface Slots {
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** 0 is without a limit. */
export function slots(limit: number): Slots {
  let running = 0;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next(); // the place goes straight to the next one
  };
  const enter = async (signal?: AbortSignal): Promise<void> => {
    signal?.throwIfAborted();
    if (limit === 0 || running < limit) {
      running++;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = (): void => {
      const place = waiting.indexOf(resolve);
      if (place < 0) return; // it is our turn already: the work itself hears the signal
      waiting.splice(place, 1);
      reject(signal?.reason);
    };
    waiting.push(resolve);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  };
  return {
    async run(work, signal) {
      await enter(signal);
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

/** Does the same with each item, so many at a time, and waits for all; the failures are answered, not thrown. */
export async function forEachAtOnce<T>(
  limit: number,
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<readonly { readonly item: T; readonly error: unknown }[]> {
  const places = slots(limit);
  const failures: { item: T; error: unknown }[] = [];
  await Promise.all(
    [...items].map((item) =>
      places
        .run(() => work(item))
        .catch((error: unknown) => {
          failures.push({ item, error });
        }),
    ),
  );
  return failures;
}
