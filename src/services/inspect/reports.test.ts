import { expect, test } from 'vitest';
import type { HostSummary } from '../../contracts/operator.ts';
import { hostsText } from './reports.ts';

test('a host that is disabled says why', () => {
  const summary = (host: string, disabledReason: string | null): HostSummary => ({
    host,
    cell: 'cell1',
    up: true,
    disabled: host !== 'well',
    disabledReason,
    forcedDown: false,
    lastSeenAt: null,
    nodes: [],
    instances: 0,
    busy: 0,
  });
  const lines = hostsText([summary('well', null), summary('full', 'AUTO: less than 9 MiB are free in /x'), summary('off', null)], 0).split(
    '\n',
  );
  expect(lines.slice(1, 4).map((line) => line.replaceAll(/ {2,}/g, '|').split('|')[2])).toEqual([
    'up',
    'up, disabled (AUTO: less than 9 MiB are free in /x)',
    'up, disabled',
  ]);
});
