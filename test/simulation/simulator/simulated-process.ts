/**
 * A process of the simulated cloud. Everything it can do to the world, and every moment it can wait for, goes through here; once it is
 * dead nothing comes back from there, so that whatever it was doing stops where it stands, as after a `kill -9`.
 */
export interface SimulatedProcess {
  readonly name: string;
  readonly alive: boolean;
  /** Aborted by its death. */
  readonly died: AbortSignal;
  /** The same object, as this process reaches it. */
  guard<T extends object>(thing: T): T;
  /** Does something for the process: not at all once it is dead, and without an answer when it dies meanwhile. */
  reach<T>(work: () => Promise<T>): Promise<T>;
  kill(): void;
  /** Dies at one of its next steps: right before that has an effect, or right after. */
  dieAfter(steps: number, when: 'before' | 'after'): void;
}

/** What the dead get: an answer, or a stream of them, that does not come. */
const never = (): Promise<never> & AsyncIterable<never> => {
  const answer = () => new Promise<never>(() => undefined);
  return Object.assign(answer(), { [Symbol.asyncIterator]: () => ({ next: answer }) });
};

export function simulatedProcess(name: string, onDeath: () => void = () => undefined): SimulatedProcess {
  const death = new AbortController();
  let fuse: { left: number; readonly when: 'before' | 'after' } | null = null;
  const kill = (): void => {
    if (death.signal.aborted) return;
    death.abort(new Error(`${name} is dead`));
    onDeath();
  };
  const heard = <T>(answer: Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      answer.then(
        (value) => void (death.signal.aborted || resolve(value)),
        (error: unknown) => void (death.signal.aborted || reject(error as Error)),
      );
    });
  /** Anything the process does to the world; what answers at once does so. */
  const act = (work: () => unknown): unknown => {
    if (death.signal.aborted) return never();
    const burnt = fuse !== null && --fuse.left <= 0 ? fuse.when : null;
    if (burnt === 'before') {
      kill();
      return never();
    }
    const answer = work();
    if (!(answer instanceof Promise)) return answer;
    return heard(burnt === null ? answer : answer.finally(kill));
  };
  const guarded = new WeakMap<object, object>();
  const guard = <T extends object>(thing: T): T => {
    const known = guarded.get(thing);
    if (known !== undefined) return known as T;
    const made = new Proxy(thing, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value === 'function') return (...args: unknown[]): unknown => act(() => Reflect.apply(value, target, args));
        // parts such as the moves of a driver
        if (typeof value === 'object' && value !== null && Object.values(value).some((each) => typeof each === 'function'))
          return guard(value);
        return value;
      },
    });
    guarded.set(thing, made);
    return made;
  };
  return {
    name,
    get alive() {
      return !death.signal.aborted;
    },
    died: death.signal,
    guard,
    reach: <T>(work: () => Promise<T>) => act(work) as Promise<T>,
    kill,
    dieAfter: (steps, when) => void (fuse = { left: steps, when }),
  };
}
