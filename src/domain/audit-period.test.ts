import { expect, test } from 'vitest';
import { lastAuditPeriod } from './audit-period.ts';

test.each([
  ['month', '2026-03-15T10:20:30Z', '2026-02-01T00:00', '2026-03-01T00:00'],
  ['month@20', '2026-03-15T10:20:30Z', '2026-01-20T00:00', '2026-02-20T00:00'],
  ['month', '2026-01-01T00:00:00Z', '2025-11-01T00:00', '2025-12-01T00:00'],
  ['day', '2026-03-01T00:00:01Z', '2026-02-28T00:00', '2026-03-01T00:00'],
  ['day@18', '2026-03-15T10:20:30Z', '2026-03-13T18:00', '2026-03-14T18:00'],
  ['hour', '2026-03-15T00:20:30Z', '2026-03-14T23:00', '2026-03-15T00:00'],
  ['hour@30', '2026-03-15T10:20:30Z', '2026-03-15T08:30', '2026-03-15T09:30'],
  ['year', '2026-03-15T10:20:30Z', '2025-01-01T00:00', '2026-01-01T00:00'],
  ['year@4', '2026-03-15T10:20:30Z', '2024-04-01T00:00', '2025-04-01T00:00'],
])('%s before %s', (unit, now, begin, end) => {
  const period = lastAuditPeriod(unit, Date.parse(now));
  expect([period.begin, period.end].map((at) => new Date(at).toISOString().slice(0, 16))).toEqual([begin, end]);
});

test('anything else is no period', () => {
  expect(() => lastAuditPeriod('week', 0)).toThrow("'week' is no audit period");
});
