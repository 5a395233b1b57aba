import type { IdentityClient } from '../../clients/identity.ts';
import type { Settings } from '../../config/index.ts';
import type { Clock } from '../../lib/clock.ts';
import { listen } from '../../lib/http/service.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { createPolicy } from '../../lib/policy/policy.ts';
import { startReconciler } from '../../lib/reconciler/reconciler.ts';
import { migrate, openDatabase } from '../../lib/sql/database.ts';
import { createPlacementApplication } from './application.ts';
import { migrations } from './migrations/index.ts';
import { policyRules } from './policy.ts';
import { insertStandardNames } from './store/names.ts';
import type { PlacementTables } from './store/tables.ts';
import { createCurrentView } from './view/current-view.ts';
import { forgetOldNotes } from './view/read-changes.ts';

export interface StartPlacementOptions {
  readonly databaseUrl: string;
  readonly settings: Settings;
  readonly identity: Pick<IdentityClient, 'authenticate'>;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  readonly host: string;
  readonly port: number;
  /** The operator's policy file. */
  readonly policyOverrides?: Readonly<Record<string, string>>;
}

export interface RunningPlacement extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Brings the schema and the standard names up to date. */
export async function migratePlacement(databaseUrl: string): Promise<void> {
  const database = openDatabase<PlacementTables>(databaseUrl, { name: 'kilonova-placement' });
  try {
    await migrate(database, migrations);
    await insertStandardNames(database);
  } finally {
    await database.destroy();
  }
}

/** Starts the placement service. Several may serve one database. */
export async function startPlacement(options: StartPlacementOptions): Promise<RunningPlacement> {
  const { clock, ids, log, identity } = options;
  await migratePlacement(options.databaseUrl);
  const database = openDatabase<PlacementTables>(options.databaseUrl, { name: 'kilonova-placement' });
  const view = createCurrentView(database, clock);
  const { placement, cors } = options.settings;
  const app = createPlacementApplication(
    { database, view, identity, randomizes: placement.randomize_allocation_candidates, clock, ids, log },
    createPolicy(policyRules, options.policyOverrides),
    {
      allowedOrigins: cors.allowed_origin,
      allowCredentials: cors.allow_credentials,
      exposeHeaders: cors.expose_headers,
      allowHeaders: cors.allow_headers,
      allowMethods: cors.allow_methods,
      maxAgeSeconds: cors.max_age,
    },
  );
  // the view is read before every answer that needs it; this keeps a quiet service from having much to catch up with
  const warm = startReconciler(
    { name: 'placement-view-warm', everyMs: 5000, run: async () => ({ providers: (await view.read()).count }) },
    { clock, log },
  );
  const tidy = startReconciler(
    { name: 'placement-change-notes', everyMs: 120_000, run: async () => ({ forgotten: await forgetOldNotes(database) }) },
    { clock, log },
  );
  const port = await listen(app, { host: options.host, port: options.port });
  const stop = async (): Promise<void> => {
    await app.close();
    await Promise.all([warm.stop(), tidy.stop()]);
    await database.destroy();
  };
  return { url: `http://${options.host}:${port}`, port, stop, [Symbol.asyncDispose]: stop };
}
