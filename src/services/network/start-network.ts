import type { IdentityClient } from '../../clients/identity.ts';
import type { Settings } from '../../config/index.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { createService, listen } from '../../lib/http/service.ts';
import { randomIds, type IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { createPolicy } from '../../lib/policy/policy.ts';
import { migrate, openDatabase } from '../../lib/sql/database.ts';
import { startAgentLiveness } from './agent-liveness.ts';
import { startComputeEvents } from './compute-events/compute-events.ts';
import { startPlacingServices } from './place-services.ts';
import type { NetworkDeps } from './deps.ts';
import { networkFaults } from './faults.ts';
import { networkMigrations } from './migrations.ts';
import { networkPolicy } from './policy.ts';
import { networkRoutes } from './routes.ts';
import type { NetworkTables } from './store/tables.ts';
import { startHostWishes } from './wish/host-wishes.ts';

export interface StartNetworkOptions {
  /** The service's own database. */
  readonly databaseUrl: string;
  readonly settings: { readonly kilonova: Pick<Settings['kilonova'], 'network_data_plane' | 'auto_allocated_cidr' | 'listen'> };
  readonly identity: Pick<IdentityClient, 'authenticate' | 'serviceSession' | 'endpoints'>;
  readonly log: Log;
  readonly clock?: Clock;
  readonly ids?: IdSource;
  /** 0 lets the system choose; null serves by `inject` alone. */
  readonly port: number | null;
  /** The operator's rules that replace those of `policy.ts`. */
  readonly policyOverrides?: Readonly<Record<string, string>>;
}

export interface RunningNetwork extends AsyncDisposable {
  readonly port: number | null;
  /** Where the catalog points to; null where it does not listen. */
  readonly url: string | null;
  readonly app: ReturnType<typeof createService>;
  readonly deps: NetworkDeps;
  stop(): Promise<void>;
}

/** Brings the database of the network service up to date. */
export async function migrateNetwork(databaseUrl: string): Promise<void> {
  const db = openDatabase<NetworkTables>(databaseUrl, { name: 'kilonova-network', maxConnections: 1 });
  try {
    await migrate(db, networkMigrations);
  } finally {
    await db.destroy();
  }
}

/** Starts the network service (Neutron's API v2.0): its database, its HTTP server, and what it keeps true in the background. */
export async function startNetwork(options: StartNetworkOptions): Promise<RunningNetwork> {
  const { databaseUrl, settings, identity, log, clock = systemClock, ids = randomIds } = options;
  const db = openDatabase<NetworkTables>(databaseUrl, { name: 'kilonova-network', maxConnections: 16 });
  await migrate(db, networkMigrations);
  const wishes = startHostWishes({ db, clock, log });
  const events = startComputeEvents({ db, identity, clock, log });
  const liveness = startAgentLiveness({ db, clock, ids, log });
  const placing = startPlacingServices({ db, clock, log, wishes });
  const { network_data_plane: dataPlane, auto_allocated_cidr: autoAllocatedCidr } = settings.kilonova;
  const deps: NetworkDeps = { db, clock, ids, log, dataPlane, autoAllocatedCidr, wishes, events, liveness, placing };
  const app = createService({
    name: 'network',
    routes: networkRoutes,
    faults: networkFaults,
    policy: createPolicy(networkPolicy, options.policyOverrides),
    authenticate: (headers) => identity.authenticate(headers),
    deps,
    log,
    requestIdHeaders: ['x-openstack-request-id'],
    maxBodyBytes: 4_194_304,
  });
  const stop = async (): Promise<void> => {
    await wishes.stop(); // first, so that those who wait for a wish are answered
    await app.close();
    await placing.stop();
    await events.stop();
    await liveness.stop();
    await db.destroy();
  };
  const host = settings.kilonova.listen;
  let port: number | null = null;
  try {
    port = options.port === null ? null : await listen(app, { host, port: options.port });
    if (port === null) await app.ready();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    url: port === null ? null : `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    app,
    deps,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
