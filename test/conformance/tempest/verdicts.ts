import type { Verdict } from '../verdict.ts';
import type { SubunitResult } from './subunit.ts';

/** A test without its tags: `…test_show[id-…,negative]`. */
const bare = (id: string): string => id.replace(/\[.*\]$/, '');
const classOf = (id: string): string => bare(id).replace(/\.[^.]+$/, '');

/** The last line of a traceback that says something, with the line after it where that is one. */
function conclusion(traceback: string): string {
  const lines = traceback.split('\n').filter((line) => line.trim() !== '');
  const last = lines.findLastIndex((line) => /^(?!Details)[\w.]+: /.test(line));
  return (last === -1 ? lines.slice(-1) : lines.slice(last, last + 2)).join(' ').slice(0, 400);
}

/**
 * Verdicts on all tests that are listed. What befalls a whole class when it is set up befalls each of its tests; a class that cannot be cleaned up
 * is a failure of its own; a test of which nothing is heard has failed.
 */
export function verdictsOf(listed: readonly string[], results: readonly SubunitResult[]): Verdict[] {
  const byTest = new Map<string, Verdict>();
  const byClass = new Map<string, Verdict>();
  const others: Verdict[] = [];
  for (const { test, status, attachments } of results) {
    const verdict = verdictOf(test, status, attachments);
    const [, hook, className] = /^(\w+Class) \((.*)\)$/.exec(test) ?? [];
    if (hook === undefined || className === undefined) byTest.set(bare(test), verdict);
    else if (hook === 'setUpClass') byClass.set(className, verdict);
    else if (verdict.outcome === 'failed') others.push({ ...verdict, name: `${className}.${hook}` });
  }
  const unheard = (name: string): Verdict => ({ name, outcome: 'failed', reason: 'nothing was heard of it', detail: '' });
  const ofListed = listed.map((id): Verdict => {
    const name = bare(id);
    return { ...(byTest.get(name) ?? byClass.get(classOf(id)) ?? unheard(name)), name };
  });
  return [...ofListed, ...others].toSorted((a, b) => a.name.localeCompare(b.name));
}

function verdictOf(test: string, status: string, attachments: ReadonlyMap<string, string>): Verdict {
  const name = bare(test);
  if (status === 'skip')
    return { name, outcome: 'skipped', reason: (attachments.get('reason') ?? attachments.get('traceback') ?? '').trim(), detail: '' };
  if (status === 'success' || status === 'successful' || status === 'xfail') return { name, outcome: 'passed', reason: '', detail: '' };
  const traceback = [...attachments].find(([key]) => key.startsWith('traceback'))?.[1] ?? '';
  return {
    name,
    outcome: 'failed',
    reason: conclusion(traceback),
    detail: [...attachments].map(([key, text]) => `${key}\n${text}`).join('\n'),
  };
}
