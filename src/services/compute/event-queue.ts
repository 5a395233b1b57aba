/** Things that happen, for whoever iterates; what happens while nobody listens is not kept. */
export interface EventQueue<T> {
  push(event: T): void;
  /** Events from now on, until the signal. */
  follow(signal: AbortSignal): AsyncIterable<T>;
}

export function eventQueue<T>(): EventQueue<T> {
  const followers = new Set<(event: T) => void>();
  return {
    push(event) {
      for (const follower of followers) follower(event);
    },
    follow(signal) {
      const waiting: T[] = [];
      let wake = Promise.withResolvers<void>();
      const follower = (event: T): void => {
        waiting.push(event);
        wake.resolve();
      };
      followers.add(follower); // from this call on, not only from the first look
      const onAbort = (): void => wake.resolve();
      signal.addEventListener('abort', onAbort, { once: true });
      return (async function* () {
        try {
          while (!signal.aborted) {
            const event = waiting.shift();
            if (event !== undefined) yield event;
            else {
              await wake.promise;
              wake = Promise.withResolvers<void>();
              if (signal.aborted) return;
            }
          }
        } finally {
          followers.delete(follower);
          signal.removeEventListener('abort', onAbort);
        }
      })();
    },
  };
}
