import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs a program to its end, however it ends. */
export async function outcomeOf(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  cwd: string = process.cwd(),
): Promise<Outcome> {
  try {
    const { stdout, stderr } = await run(program, [...args], { env, cwd, maxBuffer: 16 * 1024 ** 2 });
    return { code: 0, out: stdout, error: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, error: stderr };
  }
}

/** `./kilonova …`, as a person types it. */
export const kilonova = (...args: readonly string[]): Promise<Outcome> => outcomeOf(join(root, 'kilonova'), args);

/** The variables an openrc file exports, beside what programs need. */
export function environmentOf(openrc: string): NodeJS.ProcessEnv {
  const variables = Object.fromEntries([...openrc.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name!, value!]));
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/root', PYTHONWARNINGS: 'ignore', ...variables };
}
