import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KilonovaError } from '../errors.ts';
import { commandLine, followCommand, runCommand } from './run-command.ts';

const failureOf = async (run: Promise<unknown>): Promise<KilonovaError> => {
  const error = await run.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof KilonovaError)) throw new Error(`expected a KilonovaError, got ${String(error)}`);
  return error;
};

describe('runCommand', () => {
  it('answers what the program wrote', async () => {
    expect(await runCommand({ program: 'sysctl', args: ['-n', 'kernel.ostype'] })).toEqual({ stdout: 'Linux\n', stderr: '', exitCode: 0 });
  });

  it('gives the input to the program', async () => {
    expect((await runCommand({ program: 'ip', args: ['-batch', '-'], input: 'link show dev lo\n' })).stdout).toContain('LOOPBACK');
  });

  it('takes a word as one word, never as shell', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'command-'));
    await failureOf(runCommand({ program: 'ip', args: ['link', 'show', 'dev', `x; touch ${dir}/pwned`] }));
    expect(() => statSync(`${dir}/pwned`)).toThrow('ENOENT');
    rmSync(dir, { recursive: true });
  });

  it('names program and exit code in a failure and keeps what was said for the log', async () => {
    const error = await failureOf(runCommand({ program: 'ip', args: ['link', 'show', 'dev', 'secretname'] }));
    expect({ kind: error.kind, message: error.message, details: error.details, cause: String(error.cause) }).toEqual({
      kind: 'internal',
      message: 'ip failed with exit code 1.',
      details: { program: 'ip', exitCode: 1 },
      cause: 'Error: Device "secretname" does not exist.\n',
    });
  });

  it('takes an exit code that is an answer', async () => {
    expect(await runCommand({ program: 'ip', args: ['link', 'show', 'dev', 'nothere'], answers: [1] })).toMatchObject({ exitCode: 1 });
  });

  it('refuses a program that is not on the list', async () => {
    expect((await failureOf(runCommand({ program: JSON.parse('"sh"'), args: ['-c', 'true'] }))).message).toBe(
      'The program "sh" is not one that may be run.',
    );
    expect((await failureOf(runCommand({ program: JSON.parse('"constructor"'), args: [] }))).message).toBe(
      'The program "constructor" is not one that may be run.',
    );
  });

  it('ends a program that takes too long', async () => {
    expect((await failureOf(runCommand({ program: 'ip', args: ['monitor', 'link'], timeoutMs: 50 }))).message).toBe(
      'ip did not end within 0.05 s.',
    );
  });

  it('ends a program that writes too much', async () => {
    expect((await failureOf(runCommand({ program: 'sysctl', args: ['-a'], maxOutputBytes: 100 }))).message).toBe(
      'sysctl wrote more than 100 bytes.',
    );
  });

  it('ends a program when the signal aborts, with the reason of the signal', async () => {
    const stopping = new AbortController();
    const run = runCommand({ program: 'ip', args: ['monitor', 'link'], signal: stopping.signal });
    stopping.abort(new Error('stopping'));
    await expect(run).rejects.toThrow('stopping');
  });

  it('runs a program inside its limits', async () => {
    const error = await failureOf(runCommand({ program: 'ip', args: ['link'], limits: { addressSpaceBytes: 1 } }));
    expect(error.details).toMatchObject({ program: 'ip' });
    expect(commandLine({ program: 'ip', args: ['link'], limits: { cpuSeconds: 1.5, addressSpaceBytes: 10, fileSizeBytes: 20 } })).toEqual([
      '/usr/bin/prlimit',
      '--cpu=2',
      '--as=10',
      '--fsize=20',
      '--',
      '/usr/sbin/ip',
      'link',
    ]);
  });

  it('runs a program inside a namespace, and refuses a name that is none', () => {
    expect(commandLine({ program: 'sysctl', args: ['-n', 'a'], namespace: 'qdhcp-1' })).toEqual([
      '/usr/sbin/ip',
      'netns',
      'exec',
      'qdhcp-1',
      '/usr/sbin/sysctl',
      '-n',
      'a',
    ]);
    expect(() => commandLine({ program: 'sysctl', args: [], namespace: '-all' })).toThrow('"-all" is not the name of a network namespace.');
  });
});

describe('followCommand', () => {
  it('ends when the signal aborts', async () => {
    const stopping = new AbortController();
    const lines = followCommand({ program: 'ip', args: ['monitor', 'link'] }, stopping.signal);
    const next = lines.next();
    stopping.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('fails after the last line of a program that ends by itself', async () => {
    const seen: string[] = [];
    await expect(
      (async () => {
        for await (const line of followCommand({ program: 'sysctl', args: ['-n', 'kernel.ostype'] }, new AbortController().signal))
          seen.push(line);
      })(),
    ).rejects.toThrow('sysctl ended with exit code 0.');
    expect(seen).toEqual(['Linux']);
  });
});
