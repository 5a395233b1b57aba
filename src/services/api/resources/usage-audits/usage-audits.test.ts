import { afterAll, beforeAll, expect, test } from 'vitest';
import { lastAuditPeriod } from '../../../../domain/audit-period.ts';
import { beginUsageAudit, endUsageAudit } from '../../../../store/usage-audits.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
beforeAll(async () => {
  api = await startApiUnderTest();
  admin = api.as('ops.admin');
  for (const host of ['one', 'two', 'three']) await api.host(host);
});
afterAll(() => api[Symbol.asyncDispose]());

const log = async (before: string) =>
  (await admin('GET', `/os-instance_usage_audit_log/${encodeURIComponent(before)}`)).body.instance_usage_audit_log;

test('audits of a period are told host by host, and summed up', async () => {
  const period = lastAuditPeriod('month', Date.parse('2026-03-15T00:00:00Z'));
  const { database } = api.stores.defaultCell;
  const begun = [await beginUsageAudit(database, 'one', period), await beginUsageAudit(database, 'two', period)];
  expect([...begun, await beginUsageAudit(database, 'one', period)]).toEqual([true, true, false]);
  await endUsageAudit(database, 'one', period, { instances: 3, errors: 0, message: 'done' });
  expect(await log('2026-03-15 00:00:00')).toEqual({
    period_beginning: '2026-02-01 00:00:00',
    period_ending: '2026-03-01 00:00:00',
    num_hosts: 3,
    num_hosts_done: 1,
    num_hosts_running: 1,
    num_hosts_not_run: 1,
    hosts_not_run: ['three'],
    total_instances: 3,
    total_errors: 0,
    overall_status: '1 of 3 hosts done. 0 errors.',
    log: {
      one: { state: 'DONE', instances: 3, errors: 0, message: 'done' },
      two: { state: 'RUNNING', instances: 0, errors: 0, message: 'Instance usage audit started...' },
    },
  });
  expect((await log('2026-04-01 00:00:01.5')).num_hosts_not_run).toBe(3);
});

test('the last period is told without asking for a moment', async () => {
  const { instance_usage_audit_logs: now } = (await admin('GET', '/os-instance_usage_audit_log')).body;
  const { end } = lastAuditPeriod('month', Date.now());
  expect(now.period_ending).toBe(new Date(end).toISOString().slice(0, 19).replace('T', ' '));
});

test.each(['yesterday', '2026-02-30 00:00:00', '2026-03-15', '2026-03-15T00:00:00', '2026-13-01 00:00:00'])(
  '%s is no moment',
  async (before) => {
    expect((await admin('GET', `/os-instance_usage_audit_log/${encodeURIComponent(before)}`)).status).toBe(400);
  },
);
