import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { internal, unavailable } from '../errors.ts';
import { programs, type ProgramName } from './programs.ts';

/** One run of an allowed program. There is no shell: an argument is one word whatever it holds. */
export interface Command {
  readonly program: ProgramName;
  readonly args: readonly string[];
  /** Written to its standard input, which is empty otherwise. */
  readonly input?: string | Uint8Array;
  /** It is killed after so long. Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Run inside this network namespace (`ip netns`). */
  readonly namespace?: string;
  /** What it may use at most; beyond, the kernel ends it. */
  readonly limits?: { readonly cpuSeconds?: number; readonly addressSpaceBytes?: number; readonly fileSizeBytes?: number };
  /** Output beyond so many bytes (of each kind) ends it with an error. Default 16 MiB. */
  readonly maxOutputBytes?: number;
  /** Exit codes that are answers, not failures, besides 0. */
  readonly answers?: readonly number[];
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/' };
const namespaceForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Where a program is on this machine; `unavailable` with the package to install when it is not there. */
export function pathOfProgram(name: ProgramName): string {
  const known = Object.hasOwn(programs, name) ? programs[name] : undefined;
  if (known === undefined) throw internal(`The program ${JSON.stringify(name)} is not one that may be run.`);
  const path = known.paths.find((candidate) => existsSync(candidate));
  if (path === undefined)
    throw unavailable(`The program ${name} is not installed (Debian package ${known.package}).`, { details: { program: name } });
  return path;
}

type CommandLine = readonly [file: string, ...words: string[]];

/** The words that are really executed: the program, inside its limits and its namespace. */
export function commandLine({ program, args, namespace, limits }: Pick<Command, 'program' | 'args' | 'namespace' | 'limits'>): CommandLine {
  if (args.some((word) => word.includes('\0'))) throw internal(`An argument of ${program} holds a NUL.`);
  const line = [pathOfProgram(program), ...args];
  if (limits !== undefined) {
    const words = [
      ...(limits.cpuSeconds === undefined ? [] : [`--cpu=${Math.ceil(limits.cpuSeconds)}`]),
      ...(limits.addressSpaceBytes === undefined ? [] : [`--as=${Math.ceil(limits.addressSpaceBytes)}`]),
      ...(limits.fileSizeBytes === undefined ? [] : [`--fsize=${Math.ceil(limits.fileSizeBytes)}`]),
    ];
    line.unshift(pathOfProgram('prlimit'), ...words, '--');
  }
  if (namespace !== undefined) {
    if (!namespaceForm.test(namespace)) throw internal(`${JSON.stringify(namespace)} is not the name of a network namespace.`);
    line.unshift(pathOfProgram('ip'), 'netns', 'exec', namespace);
  }
  const [file = '', ...words] = line;
  return [file, ...words];
}

/**
 * Runs an allowed program to its end with a clean environment. A failure names the program and its exit code; what the program
 * said stands in the error's cause, and its arguments nowhere.
 */
export async function runCommand(command: Command): Promise<CommandResult> {
  const { program, timeoutMs = 30_000, maxOutputBytes = 16 * 1024 * 1024, signal } = command;
  signal?.throwIfAborted();
  const [file, ...args] = commandLine(command);
  const child = spawn(file, args, { env: environment, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
  let ended: 'timeout' | 'output' | 'aborted' | null = null;
  const end = (why: typeof ended): void => {
    ended ??= why;
    child.kill('SIGKILL');
  };
  const onAbort = (): void => end('aborted');
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => end('timeout'), timeoutMs);
  const stdout = collect(child.stdout, maxOutputBytes, () => end('output'));
  const stderr = collect(child.stderr, maxOutputBytes, () => end('output'));
  child.stdin.on('error', () => undefined); // a program that does not read its input may end first: its exit code tells
  child.stdin.end(command.input ?? '');
  try {
    const { code, killedBy } = await exitOf(child, program);
    const said = stderr.text();
    if (ended === 'aborted') throw signal?.reason;
    if (ended === 'timeout') throw unavailable(`${program} did not end within ${timeoutMs / 1000} s.`, { details: { program } });
    if (ended === 'output') throw internal(`${program} wrote more than ${maxOutputBytes} bytes.`, { details: { program } });
    if (code === null)
      throw internal(`${program} was ended by ${killedBy ?? 'a signal'}.`, { cause: new Error(said), details: { program } });
    if (code !== 0 && command.answers?.includes(code) !== true)
      throw internal(`${program} failed with exit code ${code}.`, { cause: new Error(said), details: { program, exitCode: code } });
    return { stdout: stdout.text(), stderr: said, exitCode: code };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Runs an allowed program that goes on (`ip monitor`) and yields its lines; it is ended when the signal aborts or the reader stops. */
export async function* followCommand(
  command: Pick<Command, 'program' | 'args' | 'namespace'>,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  if (signal.aborted) return;
  const [file, ...args] = commandLine(command);
  const child = spawn(file, args, { env: environment, cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] });
  const end = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  const ended = exitOf(child, command.program);
  ended.catch(() => undefined); // told to the reader below, after the last line
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) yield line;
    const { code } = await ended;
    if (!signal.aborted)
      throw unavailable(`${command.program} ended${code === null ? '' : ` with exit code ${code}`}.`, {
        details: { program: command.program },
      });
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}

interface Collected {
  text(): string;
}

function collect(stream: NodeJS.ReadableStream, limit: number, overflow: () => void): Collected {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit) overflow();
    else chunks.push(chunk);
  });
  return { text: () => Buffer.concat(chunks).toString('utf8') };
}

/** Resolves when the program has ended and its output is read; a daemon it left behind may keep the pipes, so they get a moment only. */
function exitOf(
  child: ChildProcess,
  program: ProgramName,
): Promise<{ readonly code: number | null; readonly killedBy: NodeJS.Signals | null }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number | null; killedBy: NodeJS.Signals | null }>();
  child.once('error', (error) => reject(unavailable(`${program} could not be started.`, { cause: error, details: { program } })));
  child.once('exit', (code, killedBy) => {
    const grace = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, 1000);
    child.once('close', () => {
      clearTimeout(grace);
      resolve({ code, killedBy });
    });
  });
  return promise;
}
