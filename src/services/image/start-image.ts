import type { IdentityClient } from '../../clients/identity.ts';
import type { Settings } from '../../config/index.ts';
import type { Clock } from '../../lib/clock.ts';
import { createService, listen } from '../../lib/http/service.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { createPolicy } from '../../lib/policy/policy.ts';
import { migrate, openDatabase } from '../../lib/sql/database.ts';
import { openContentStore } from './content-store.ts';
import type { ImageDeps } from './deps.ts';
import { imageFaults } from './faults.ts';
import { hashesInUse, resetTransfers } from './image-store.ts';
import { imageMigrations } from './migrations.ts';
import { imagePolicy } from './policy.ts';
import { dropUnused } from './receive-image.ts';
import { dataRoutes } from './resources/data.ts';
import { documentRoutes } from './resources/documents.ts';
import { imageRoutes } from './resources/images.ts';
import { memberRoutes } from './resources/members.ts';
import { tagRoutes } from './resources/tags.ts';
import { defaultLimits, type ImageLimits } from './settings.ts';
import type { ImageTables } from './tables.ts';

export interface ImageServiceDeps {
  /** The service's own PostgreSQL database. */
  readonly databaseUrl: string;
  /** Where the data of images lies (`images/` of the state directory); one service at a time. */
  readonly directory: string;
  readonly settings: Pick<Settings, 'keystone_authtoken'>;
  readonly identity: Pick<IdentityClient, 'authenticate'>;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  readonly host: string;
  readonly port: number;
  readonly limits?: Partial<ImageLimits>;
  /** Rules of a policy file, which win over the defaults. */
  readonly policyOverrides?: Readonly<Record<string, string>>;
}

export interface ImageService extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Brings the image service's database up to date. */
export async function migrateImage(databaseUrl: string): Promise<void> {
  await using database = openDatabase<ImageTables>(databaseUrl, { name: 'kilonova-image' });
  await migrate(database, imageMigrations);
}

/** Starts the image service (Glance v2). Transfers and files that a stopped one left unfinished are put in order first. */
export async function startImage(given: ImageServiceDeps): Promise<ImageService> {
  const { settings, clock, ids, log, host } = given;
  const database = openDatabase<ImageTables>(given.databaseUrl, { name: 'kilonova-image' });
  await migrate(database, imageMigrations);
  const background = new Set<Promise<void>>();
  const deps: ImageDeps = {
    database,
    content: await openContentStore(given.directory, ids),
    limits: { ...defaultLimits, ...given.limits },
    clock,
    ids,
    log,
    inBackground(work) {
      const running = work()
        .catch((error: unknown) => log.error({ err: error }, 'background work failed'))
        .finally(() => background.delete(running));
      background.add(running);
    },
  };
  await tidy(deps);
  const { auth_url: authUrl, www_authenticate_uri: publicUrl } = settings.keystone_authtoken;
  const app = createService<ImageDeps>({
    name: 'image',
    routes: [...documentRoutes, ...imageRoutes, ...dataRoutes, ...memberRoutes, ...tagRoutes],
    faults: imageFaults(publicUrl === '' ? authUrl : publicUrl),
    policy: createPolicy(imagePolicy, given.policyOverrides),
    authenticate: (headers) => given.identity.authenticate(headers),
    deps,
    log,
    // glanceclient names the second on requests without a body
    bodyTypes: ['application/json', 'application/octet-stream'],
  });
  const port = await listen(app, { host, port: given.port });
  const stop = async (): Promise<void> => {
    await app.close();
    await Promise.all(background);
    await database.destroy();
  };
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`, port, stop, [Symbol.asyncDispose]: stop };
}

/** Unfinished transfers begin again, and files no image refers to go. */
async function tidy(deps: ImageDeps): Promise<void> {
  await resetTransfers(deps.database, await deps.content.stagedIds(), new Date(deps.clock.now()));
  const waiting = await deps.database.selectFrom('images').select('id').where('status', '=', 'uploading').execute();
  const kept = new Set(waiting.map(({ id }) => id));
  for (const id of await deps.content.stagedIds()) if (!kept.has(id)) await deps.content.unstage(id);
  const hashes = await deps.content.hashes();
  const used = await hashesInUse(deps.database, hashes);
  for (const hash of hashes) {
    if (used.has(hash)) continue;
    await dropUnused(deps, hash);
    deps.log.warn({ sha512: hash }, 'image data without an image removed');
  }
}
