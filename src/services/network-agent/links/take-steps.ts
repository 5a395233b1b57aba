import { runCommand } from '../../../lib/command/run-command.ts';
import type { Step } from './plan-links.ts';

/** Takes steps in their order; neighbours of one kind share a process. The first that fails ends it. */
export async function takeSteps(steps: readonly Step[], signal: AbortSignal): Promise<void> {
  for (const batch of batches(steps)) {
    const [first] = batch;
    if (first === undefined) continue;
    const { program, namespace } = first;
    if (program === 'sysctl') {
      const words = ['-q', '-w', ...batch.flatMap((step) => step.words)];
      await runCommand({ program, args: words, signal, ...(namespace === null ? {} : { namespace }) });
    } else {
      await runCommand({
        program,
        args: [...(namespace === null ? [] : ['-netns', namespace]), '-batch', '-'],
        input: batch.map((step) => `${step.words.join(' ')}\n`).join(''),
        signal,
      });
    }
  }
}

function batches(steps: readonly Step[]): readonly (readonly Step[])[] {
  const groups: Step[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (last?.[0] !== undefined && last[0].program === step.program && last[0].namespace === step.namespace) last.push(step);
    else groups.push([step]);
  }
  return groups;
}
