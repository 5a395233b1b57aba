/** Tells a person what is being done, a line a step, each with its time. */
export interface Progress {
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  say(line: string): void;
}

/** Progress on a terminal or in a log. */
export function writtenProgress(write: (text: string) => void): Progress {
  return {
    async step(what, work) {
      const began = performance.now();
      try {
        const result = await work();
        write(`  ✓ ${what.padEnd(44)} ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
        return result;
      } catch (error) {
        write(`  ✗ ${what}\n`);
        throw error;
      }
    },
    say: (line) => write(`${line}\n`),
  };
}

export const silentProgress: Progress = { step: (_what, work) => work(), say: () => undefined };
