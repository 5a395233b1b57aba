/** What a run of one kind of work took. */
export interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
}

/** Runs work `count` times, `atOnce` of it at a time, and says how long each took. */
export async function measure(count: number, atOnce: number, work: () => Promise<unknown>): Promise<Measured> {
  const times: number[] = [];
  let begun = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (begun < count) {
        begun++;
        const from = performance.now();
        await work();
        times.push(performance.now() - from);
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return { perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99), count: times.length };
}
