import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const script = join(import.meta.dirname, '../../../scripts/simulate.ts');

/** The command as an operator runs it: it takes its process for itself, and this one wants its time back. */
const simulate = (...args: readonly string[]): Promise<{ readonly out: string; readonly code: number }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { maxBuffer: 64 * 1024 ** 2 }, (error, out, complaint) =>
      resolve({ out: `${out}${complaint}`, code: error === null ? 0 : Number(error.code ?? 1) }),
    );
  });
const fingerprints = (out: string): readonly string[] =>
  [...out.matchAll(/^seed (\d+) (?:kept every promise|BROKEN) ([0-9a-f]+)/gm)].map(([, seed, print]) => `${seed} ${print}`);

test('the same seed gives the same cloud, whatever was simulated before it', { timeout: 600_000 }, async () => {
  const [both, second] = await Promise.all([
    simulate('--seeds', '2', '--first', '1', '--hosts', '6'),
    simulate('--seeds', '1', '--first', '2', '--hosts', '6'),
  ]);
  expect(both).toMatchObject({ code: 0, out: expect.stringContaining('kept            2') as string });
  expect(fingerprints(second.out)).toEqual(fingerprints(both.out).slice(1));
});

test('hosts that keep the guests they should destroy are seen', { timeout: 600_000 }, async () => {
  const { out, code } = await simulate('--seeds', '5', '--hosts', '4', '--sabotage', 'destroy', '--until-broken');
  expect(out).toMatch(/^seed \d+ BROKEN/m);
  expect(out).toMatch(/guest-is-server: guest .* the server is deleted/);
  expect(code).toBe(1);
});
