import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDatabase } from '../../../../test/support/database.ts';
import { readSettings } from '../../../config/index.ts';
import { lastAuditPeriod } from '../../../domain/audit-period.ts';
import { randomIds } from '../../../lib/ids.ts';
import { silentLog } from '../../../lib/log.ts';
import { recordService } from '../../../store/services.ts';
import { openStores, type Stores } from '../../../store/stores.ts';
import { usageAudits as auditsOf } from '../../../store/usage-audits.ts';
import type { ConductorDeps } from '../deps.ts';
import { usageAudits } from './usage-audits.ts';

let stores: Stores;
let databases: readonly Awaited<ReturnType<typeof temporaryDatabase>>[];
const now = Date.parse('2026-03-15T12:00:00Z');
const period = lastAuditPeriod('day', now);
beforeAll(async () => {
  databases = await Promise.all(['api', 'cell0', 'cell1'].map((name) => temporaryDatabase(() => Promise.resolve(), `audits_${name}`)));
  stores = await openStores({ api: databases[0]!.url, cell0: databases[1]!.url, cell1: databases[2]!.url, maxConnections: 2 });
  for (const host of ['one', 'two'])
    await recordService(stores.defaultCell.database, {
      uuid: randomIds.uuid(),
      host,
      binary: 'nova-compute',
      topic: 'compute',
      version: 1,
      enabled: true,
    });
});
afterAll(async () => {
  await stores.close();
  await Promise.all(databases.map((database) => database.drop()));
});

const run = (conf: string) => {
  const deps = { stores, settings: readSettings(conf).settings, clock: { now: () => now, sleep: () => Promise.resolve() }, log: silentLog };
  return usageAudits(deps as unknown as ConductorDeps).run(new AbortController().signal);
};

test('nothing is audited unless it is asked for', async () => {
  expect([await run(''), await auditsOf(stores, period)]).toEqual([{ enabled: false }, []]);
});

test('every host is audited once for each period, with the instances it had in it', async () => {
  const row = (launched: string, terminated: string | null) => ({
    uuid: randomIds.uuid(),
    project_id: 'p',
    user_id: 'u',
    name: 'x',
    hostname: 'x',
    vm_state: 'active',
    host: 'one',
    flavor_id: '1',
    vcpus: 2,
    memory_mb: 512,
    root_gb: 1,
    ephemeral_gb: 0,
    flavor: '{}',
    reservation_id: 'r',
    launched_at: launched,
    terminated_at: terminated,
  });
  await stores.defaultCell.database
    .insertInto('instances')
    .values([
      row('2026-03-01T00:00:00Z', null),
      row('2026-03-14T12:00:00Z', '2026-03-14T13:00:00Z'),
      row('2026-03-15T01:00:00Z', null), // after the period
      row('2026-03-01T00:00:00Z', '2026-03-13T00:00:00Z'), // before it
    ])
    .execute();
  const conf = '[DEFAULT]\ninstance_usage_audit = True\ninstance_usage_audit_period = day';
  expect([await run(conf), await run(conf)]).toEqual([
    { enabled: true, audited: 2 },
    { enabled: true, audited: 0 },
  ]);
  expect((await auditsOf(stores, period)).map(({ host, state, instances }) => [host, state, instances])).toEqual([
    ['one', 'DONE', 2],
    ['two', 'DONE', 0],
  ]);
});
