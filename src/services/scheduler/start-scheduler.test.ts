import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDatabase } from '../../../test/support/database.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import { scheduler, schedulerTopic } from '../../contracts/scheduler.ts';
import { systemClock } from '../../lib/clock.ts';
import { isKind, messageOf } from '../../lib/errors.ts';
import { randomIds } from '../../lib/ids.ts';
import { silentLog } from '../../lib/log.ts';
import { waitUntil } from '../../lib/retry.ts';
import { inProcessBus } from '../../lib/rpc/in-process.ts';
import { recordNodes, recordService, recordSeen, recordStopped } from '../../store/services.ts';
import { openStores, type Stores } from '../../store/stores.ts';
import { startScheduler } from './start-scheduler.ts';
import { factsOf } from './test-support/hosts.ts';
import { memoryPlacement } from './test-support/memory-placement.ts';
import { requestSpec, settingsOf } from './test-support/request.ts';

let stores: Stores;
let drop: () => Promise<unknown>;
const node = randomUUID();

beforeAll(async () => {
  const databases = await Promise.all(
    ['api', 'cell0', 'cell1'].map((name) => temporaryDatabase(() => Promise.resolve(), `scheduler_${name}`)),
  );
  const [api, cell0, cell1] = databases.map(({ url }) => url);
  stores = await openStores({ api: api!, cell0: cell0!, cell1: cell1!, maxConnections: 4 });
  drop = () => Promise.all(databases.map((database) => database.drop()));
  const { database } = stores.defaultCell;
  await recordService(database, { uuid: randomUUID(), host: 'a', binary: 'nova-compute', topic: 'compute', version: 1, enabled: true });
  await recordNodes(database, 'a', [factsOf({ uuid: node, name: 'a' })]);
});
afterAll(async () => {
  await stores.close();
  await drop();
});

/** A scheduler over a placement whose changes cannot be followed, on a bus. */
async function start(...conf: readonly string[]) {
  const bus = inProcessBus();
  const placement: PlacementClient = {
    ...memoryPlacement({ [node]: { VCPU: 8, MEMORY_MB: 8192, DISK_GB: 100 } }).client,
    providerChanges: () => Promise.resolve(null),
  };
  const started = await startScheduler({
    stores,
    bus,
    placement,
    identity: { serviceSession: {} as never },
    settings: settingsOf(...conf),
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
  });
  const select = () => bus.client(schedulerTopic, scheduler).selectDestinations({ spec: requestSpec(), instanceIds: [randomUUID()] });
  return { ...started, select };
}

test('while hosts that were there before come back nobody is refused, and then they are used', async () => {
  await recordStopped(stores.defaultCell.database, 'nova-compute', 'a');
  await using stack = new AsyncDisposableStack();
  const started = await start();
  stack.defer(() => started.stop());
  await expect(started.select()).rejects.toMatchObject({ kind: 'unavailable', code: 'hosts-coming-back' });
  await recordSeen(stores.defaultCell.database, 'nova-compute', ['a']);
  const selection = await waitUntil(
    () => started.select().catch((error: unknown) => (isKind(error, 'unavailable') ? null : Promise.reject(new Error(messageOf(error))))),
    { clock: systemClock, timeoutMs: 5000, everyMs: 50, what: 'a place on the host that is back' },
  );
  expect(selection).toMatchObject({ found: true, destinations: [{ chosen: { host: 'a', computeNodeUuid: node } }] });
});

test('a host that was seen since the start and has gone is refused as such', async () => {
  await recordSeen(stores.defaultCell.database, 'nova-compute', ['a']);
  await using stack = new AsyncDisposableStack();
  const started = await start();
  stack.defer(() => started.stop());
  await recordStopped(stores.defaultCell.database, 'nova-compute', 'a');
  expect(await started.select()).toMatchObject({ found: false, message: expect.stringContaining('1 is down') });
});

test.each([
  ['enabled_filters = ComputeFilter,OddFilter', "there is no filter 'OddFilter'"],
  ['weight_classes = odd.OddWeigher', "there is no weigher 'odd.OddWeigher'"],
])('%s ends the start', async (line, message) => {
  await expect(start('[filter_scheduler]', line)).rejects.toThrow(message);
});

test('a PCI alias that cannot be read ends the start', async () => {
  await expect(start('[pci]', 'alias = {"name": ""}')).rejects.toThrow('1 to 256 characters');
});
