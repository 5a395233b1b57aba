import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPlacementClient } from '../../src/clients/placement-http.ts';
import { readSettings } from '../../src/config/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createDatabase } from '../../src/lib/postgres/databases.ts';
import { startPostgres } from '../../src/lib/postgres/start-postgres.ts';
import { openDatabase } from '../../src/lib/sql/database.ts';
import { migratePlacement, startPlacement } from '../../src/services/placement/start-placement.ts';
import type { PlacementTables } from '../../src/services/placement/store/tables.ts';
import { callerOf } from '../../src/services/placement/testing/placement-for-tests.ts';
import { openStores } from '../../src/store/stores.ts';
import { fillControlPlane, fillPlacement } from './fill.ts';
import type { MadeCloud } from './made-cloud.ts';

/** A made-up cloud in a PostgreSQL of its own (durable, as in production), with a placement service that listens. */
export async function benchCloud(cloud: MadeCloud) {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-bench-'));
  const postgres = await startPostgres({ directory, log: silentLog });
  const make = (name: string) => createDatabase(postgres.url('postgres'), name);
  const [placementUrl, api, cell0, cell1] = [await make('placement'), await make('api'), await make('cell0'), await make('cell1')];
  const { settings } = readSettings('');
  await migratePlacement(placementUrl);
  const database = openDatabase<PlacementTables>(placementUrl, { maxConnections: 1 });
  await fillPlacement(database, cloud);
  await database.destroy();
  const stores = await openStores({ api, cell0, cell1 });
  await fillControlPlane(stores, cloud);
  const service = await startPlacement({
    databaseUrl: placementUrl,
    settings,
    identity: { authenticate: (headers) => Promise.resolve(callerOf(headers['x-auth-token']?.toString())) },
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
    host: '127.0.0.1',
    port: 0,
  });
  const placement = createPlacementClient({ endpoints: { url: () => Promise.resolve(service.url) }, log: silentLog });
  const postmaster = Number(readFileSync(join(directory, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
  return {
    settings,
    stores,
    placement,
    placementUrl: service.url,
    postgresCpuMs: () => cpuOfChildren(postmaster),
    identity: { serviceSession: { token: () => Promise.resolve('admin,service@bench') } },
    async [Symbol.asyncDispose]() {
      await placement.close();
      await service.stop();
      await stores.close();
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Processor time, in milliseconds, that a process and its children have had (Linux counts in hundredths of a second). */
function cpuOfChildren(parent: number): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const isParent = Number(pid) === parent;
      if (isParent || Number(fields[1]) === parent) ticks += Number(fields[11]) + Number(fields[12]);
      if (isParent) ticks += Number(fields[13]) + Number(fields[14]); // of those that have ended
    } catch {
      // it ended while we looked
    }
  }
  return ticks * 10;
}
