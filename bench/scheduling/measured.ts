/** What a run of one kind of work took. */
export interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
  /** Milliseconds of processor time each took: of this process, and of PostgreSQL. They stay what they are on a machine that is busy with other things. */
  readonly cpu: { readonly node: number; readonly postgres: number };
}

/** Runs work `count` times, `atOnce` of it at a time, and says how long each took. */
export async function measure(
  count: number,
  atOnce: number,
  work: () => Promise<unknown>,
  postgresCpuMs: () => number = () => 0,
): Promise<Measured> {
  const times: number[] = [];
  let begun = 0;
  const cpuBefore = process.cpuUsage();
  const postgresBefore = postgresCpuMs();
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
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpu = { node: (user + system) / 1000 / times.length, postgres: (postgresCpuMs() - postgresBefore) / times.length };
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return { perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99), count: times.length, cpu };
}
