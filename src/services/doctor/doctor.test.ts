import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { checks } from './checks.ts';
import { hugePages, judgeAmount } from './checks/resources.ts';
import { doctor } from './doctor.ts';
import type { Result } from './check.ts';
import { verdictOf, type Verdict } from './verdict.ts';
import { meetsNode } from './versions.ts';

describe('doctor', () => {
  it('answers every check with a finding that agrees with its verdict, and leaves nothing behind', { timeout: 60_000 }, async () => {
    let text = '';
    const code = await doctor({ json: true, write: (part) => (text += part) });
    const { verdict, checks: results }: { verdict: Verdict; checks: Result[] } = JSON.parse(text);
    expect(results.map(({ id }) => id)).toEqual(checks.map(({ id }) => id));
    expect(results.filter(({ status, found, remedy }) => found === '' || (status === 'good') !== (remedy === null))).toEqual([]);
    expect({ verdict, code }).toEqual({ verdict: verdictOf(results), code: verdict.exitCode });
    expect((await readdir('/run/netns').catch(() => [])).filter((name) => name.startsWith(`kn-doctor-${process.pid}-`))).toEqual([]);
  });

  it('has a name of its own for every check', () => {
    expect(new Set(checks.map(({ id }) => id)).size).toBe(checks.length);
  });
});

describe('what is judged', () => {
  it('compares Node by its major version', () => {
    expect([meetsNode('26.10.0', '>=26'), meetsNode('27.0.0', '>=26'), meetsNode('22.1.0', '>=26'), meetsNode('26.0.0', '^26')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('reads the huge pages of /proc/meminfo', () => {
    expect(hugePages('MemTotal: 1 kB\nHugePages_Total:      16\nHugePages_Free:        3\nHugepagesize:       2048 kB\n')).toEqual({
      total: 16,
      free: 3,
      kiB: 2048,
    });
  });

  it('tells too little from not much', () => {
    expect([9, 10, 19, 20].map((bytes) => judgeAmount(bytes, { least: 10, wanted: 20, found: 'so much', remedy: 'more' }).status)).toEqual([
      'missing',
      'warning',
      'warning',
      'good',
    ]);
  });
});
