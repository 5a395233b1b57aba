import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { temporaryDatabase } from '../../../../test/support/database.ts';
import { readSettings } from '../../../config/index.ts';
import { unavailable } from '../../../lib/errors.ts';
import { randomIds } from '../../../lib/ids.ts';
import { silentLog } from '../../../lib/log.ts';
import { systemClock } from '../../../lib/clock.ts';
import { findService, recordNodes, recordService, updateService } from '../../../store/services.ts';
import { openStores, type Stores } from '../../../store/stores.ts';
import type { ConductorDeps } from '../deps.ts';
import { clockOffset, clockProblems, hostLiveness } from './host-liveness.ts';

let stores: Stores;
let databases: readonly Awaited<ReturnType<typeof temporaryDatabase>>[];
const node = randomIds.uuid();
beforeAll(async () => {
  databases = await Promise.all(['api', 'cell0', 'cell1'].map((name) => temporaryDatabase(() => Promise.resolve(), `liveness_${name}`)));
  stores = await openStores({ api: databases[0]!.url, cell0: databases[1]!.url, cell1: databases[2]!.url, maxConnections: 2 });
  const { database } = stores.defaultCell;
  await recordService(database, {
    uuid: randomIds.uuid(),
    host: 'one',
    binary: 'nova-compute',
    topic: 'compute',
    version: 1,
    enabled: true,
  });
  await recordNodes(database, 'one', [{ uuid: node, name: 'one' } as never]);
});
afterAll(async () => {
  await stores.close();
  await Promise.all(databases.map((database) => database.drop()));
});

/** How the host answers, and what placement has of it. */
let answer: { problems: readonly string[]; aheadMs: number } | null;
let traits: readonly string[];
let refreshes: number;
const service = async () => (await findService(stores, { host: 'one', binary: 'nova-compute' }))!;
beforeEach(async () => {
  answer = { problems: [], aheadMs: 0 };
  traits = ['CUSTOM_OWN'];
  refreshes = 0;
  await updateService(stores, await service(), { disabled: false, disabledReason: null });
});

function looks(): (times?: number) => Promise<readonly [boolean, string | null]> {
  const deps = {
    stores,
    settings: readSettings('').settings,
    clock: systemClock,
    log: silentLog,
    identity: { serviceSession: {} },
    placement: {
      traits: () => Promise.resolve({ generation: 1, traits }),
      setTraits: (_: unknown, __: string, ___: number, names: readonly string[]) => Promise.resolve(void (traits = names)),
    },
    scheduler: { refresh: () => Promise.resolve(void refreshes++) },
    agentOn: () => ({
      ping: () =>
        answer === null
          ? Promise.reject(unavailable('nobody there'))
          : Promise.resolve({ version: 1, problems: answer.problems, now: Date.now() + answer.aheadMs }),
    }),
  };
  const { run } = hostLiveness(deps as unknown as ConductorDeps);
  return async (times = 1) => {
    for (let look = 0; look < times; look++) await run(new AbortController().signal);
    const { disabled, disabledReason } = await service();
    return [disabled, disabledReason];
  };
}

test('a host that is not well at two looks is disabled with the reason, and enabled when it is well', async () => {
  const look = looks();
  answer = { problems: ['less than 1024 MiB are free in /x'], aheadMs: 0 };
  expect(await look()).toEqual([false, null]);
  expect(await look()).toEqual([true, 'AUTO: less than 1024 MiB are free in /x']);
  expect([traits, refreshes]).toEqual([['CUSTOM_OWN', 'COMPUTE_STATUS_DISABLED'], 1]);
  answer = { problems: [], aheadMs: 0 };
  expect(await look()).toEqual([false, null]);
  expect([traits, refreshes]).toEqual([['CUSTOM_OWN'], 2]);
});

test('what is over at the next look disables nothing', async () => {
  const look = looks();
  answer = { problems: ['libvirt does not answer'], aheadMs: 0 };
  await look();
  answer = { problems: [], aheadMs: 0 };
  await look();
  answer = { problems: ['libvirt does not answer'], aheadMs: 0 };
  expect(await look()).toEqual([false, null]);
});

test('a host whose clock is wrong is disabled', async () => {
  answer = { problems: [], aheadMs: -3_600_000 };
  expect(await looks()(2)).toEqual([true, "AUTO: its clock is 3600 s behind the database's"]);
});

test('what an operator has disabled stays as it is, well or not', async () => {
  const look = looks();
  await updateService(stores, await service(), { disabled: true, disabledReason: 'new fans' });
  answer = { problems: ['less than 1024 MiB are free in /x'], aheadMs: 0 };
  expect(await look(2)).toEqual([true, 'new fans']);
  answer = { problems: [], aheadMs: 0 };
  expect(await look(2)).toEqual([true, 'new fans']);
});

test('a host that does not answer keeps the reason it had', async () => {
  const look = looks();
  answer = { problems: ['libvirt does not answer'], aheadMs: 0 };
  await look(2);
  answer = null;
  expect(await look(2)).toEqual([true, 'AUTO: libvirt does not answer']);
});

test('the time an answer takes is not counted as an offset', () => {
  const read = { sent: 100_000, received: 160_000, databaseAheadMs: 0 };
  expect(clockOffset({ ...read, there: 101_000 })).toBe(0);
  expect(clockOffset({ ...read, there: 159_000 })).toBe(0);
  expect(clockOffset({ ...read, there: 190_000 })).toBe(30);
  expect(clockOffset({ ...read, there: 70_000 })).toBe(-30);
  expect(clockOffset({ sent: 0, received: 0, there: 20_000, databaseAheadMs: 20_000 })).toBe(0);
  expect([clockProblems(10, 10), clockProblems(-11, 10)]).toEqual([[], ["its clock is 11 s behind the database's"]]);
});
