import { fork } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { systemClock } from '../../lib/clock.ts';
import { KilonovaError } from '../../lib/errors.ts';
import { waitUntil } from '../../lib/retry.ts';
import { prepareDirectory, runningPid, stateDirectory } from './state-directory.ts';

/** What a detached process tells the one that started it. */
export type DetachMessage =
  | { readonly up: true; readonly text: string }
  | { readonly up: false; readonly text: string; readonly exitCode: number };

/** Starts this program again in the background and answers when its cloud does, or how it failed. */
export async function detach(main: string, args: readonly string[], statePath: string): Promise<DetachMessage> {
  const state = stateDirectory(statePath);
  await prepareDirectory(state);
  const output = openSync(state.logFile, 'a', 0o600);
  const child = fork(main, [...args], { detached: true, stdio: ['ignore', output, output, 'ipc'], execArgv: process.execArgv });
  const { promise, resolve } = Promise.withResolvers<DetachMessage>();
  child.once('message', (message) => resolve(message as DetachMessage));
  child.once('exit', (code, signal) =>
    resolve({
      up: false,
      text: `The cloud ended while it was starting (${signal ?? `exit code ${code}`}); see ${state.logFile}`,
      exitCode: code ?? 1,
    }),
  );
  const message = await promise;
  child.disconnect();
  child.unref();
  return message;
}

/** Stops the cloud of a state directory and waits until it has. Answers whether one ran. */
export async function down(statePath: string, options: { readonly timeoutMs: number; readonly destroy: boolean }): Promise<boolean> {
  const state = stateDirectory(statePath);
  const pid = await runningPid(state);
  if (pid === null) return false;
  process.kill(pid, options.destroy ? 'SIGUSR2' : 'SIGTERM');
  // it gives the directory up before it ends, and only then holds nothing of it any more
  await waitUntil(async () => ((await runningPid(state)) === null && !existsSync(`/proc/${pid}/cwd`) ? true : null), {
    clock: systemClock,
    timeoutMs: options.timeoutMs,
    everyMs: 50,
    what: `The end of process ${pid}`,
  }).catch((error: unknown) => {
    throw new KilonovaError('unavailable', `The cloud in ${state.path} (process ${pid}) does not stop. Its log: ${state.logFile}`, {
      cause: error,
    });
  });
  return true;
}
