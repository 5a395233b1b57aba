import { expect, test } from 'vitest';
import { explanationOf, type HostVerdict } from './decision.ts';

const verdict = (host: string, more: Partial<HostVerdict>): HostVerdict => ({
  host,
  node: host,
  zone: 'nova',
  rank: null,
  constraint: null,
  because: null,
  shortfall: null,
  ...more,
});
const lacking = (host: string, missing: number): HostVerdict =>
  verdict(host, { constraint: 'without 4096 MB of memory', because: `lacks ${missing} MB of memory`, shortfall: missing / 4096 });

test('the message counts hosts by reason and says how near the nearest is, to users without its name', () => {
  const verdicts = [
    ...[2048, 512, 4096].map((missing, n) => lacking(`host-${n + 3}`, missing)),
    verdict('host-9', { constraint: 'disabled', because: 'is disabled' }),
    ...['host-1', 'host-2'].map((host) => verdict(host, { constraint: 'in another zone', because: 'is in zone a, not b' })),
  ];
  const { message, detail, reasons, hosts } = explanationOf(verdicts, 'resources=MEMORY_MB:4096');
  expect(message).toBe(
    'No valid host was found. 6 hosts: 3 lack 4096 MB of memory, 2 are in another zone, 1 is disabled; the nearest lacks 512 MB of memory.',
  );
  expect(detail).toContain('; the nearest, host-4, lacks 512 MB of memory.');
  expect(reasons[0]).toEqual({
    constraint: 'without 4096 MB of memory',
    count: 3,
    nearest: { host: 'host-4', because: 'lacks 512 MB of memory' },
  });
  expect(hosts.slice(0, 3).map(({ host }) => host)).toEqual(['host-4', 'host-3', 'host-5']);
});

test('one host is told of in the singular', () => {
  expect(explanationOf([lacking('a', 1)], '').message).toBe(
    'No valid host was found. 1 host: 1 lacks 4096 MB of memory; the nearest lacks 1 MB of memory.',
  );
});

test('hosts that would do come first, by preference, and are told of', () => {
  const { message, hosts, fitting } = explanationOf([lacking('a', 1), verdict('b', { rank: 2 }), verdict('c', { rank: 1 })], '');
  expect([hosts.map(({ host }) => host), fitting]).toEqual([['c', 'b', 'a'], 2]);
  expect(message).toContain('There are not enough hosts available. 3 hosts: 1 lacks 4096 MB of memory, 2 would do, but not for everything');
});

test('without hosts it says that there are none; of very many the nearest thousand are named', () => {
  expect(explanationOf([], '').message).toBe('No valid host was found. There are no compute hosts.');
  const many = explanationOf(
    Array.from({ length: 1500 }, (_, n) => lacking(`h${n}`, n + 1)),
    '',
  );
  expect([many.hosts.length, many.omitted, many.considered]).toEqual([1000, 500, 1500]);
});
