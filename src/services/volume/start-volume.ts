import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { IdentityClient } from '../../clients/identity.ts';
import type { ImageClient } from '../../clients/image.ts';
import type { Settings } from '../../config/index.ts';
import type { Clock } from '../../lib/clock.ts';
import { isKind } from '../../lib/errors.ts';
import { createHttpClient } from '../../lib/http/client.ts';
import { createService, listen } from '../../lib/http/service.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { createPolicy } from '../../lib/policy/policy.ts';
import { migrate, openDatabase } from '../../lib/sql/database.ts';
import { watchDeaths } from '../../lib/watch-deaths.ts';
import type { VolumeBackend } from './backends/backend.ts';
import { openFakeBackend } from './backends/fake-backend.ts';
import { openKeyStore } from './backends/keys.ts';
import { openQemuBackend } from './backends/qemu-backend.ts';
import type { VolumeDeps } from './deps.ts';
import { volumeFaults } from './faults.ts';
import { keepServed } from './keep-served.ts';
import { volumeMicroversions } from './microversions.ts';
import { volumeMigrations } from './migrations.ts';
import { volumePolicy } from './policy.ts';
import { versionRoutes } from './resources/documents.ts';
import { volumeActionRoutes, volumeMounts, volumeRoutes } from './routes.ts';
import { defaultVolumeSettings, type VolumeSettings } from './settings.ts';
import { ensureDefaultType } from './store/types.ts';
import type { VolumeTables } from './tables.ts';
import { startTasks } from './tasks/run-tasks.ts';

export interface VolumeServiceDeps {
  /** The service's own PostgreSQL database. */
  readonly databaseUrl: string;
  /** Where volumes and their keys lie (`volumes/` of the state directory); one service at a time. */
  readonly directory: string;
  /** `fake`: volumes without bytes, for clouds whose hypervisors pretend. */
  readonly backend: 'qemu' | 'fake';
  readonly settings: Pick<Settings, 'keystone_authtoken' | 'libvirt'>;
  readonly identity: Pick<IdentityClient, 'authenticate' | 'serviceSession' | 'sessionOf' | 'endpoints'>;
  readonly image: VolumeDeps['image'] & Partial<ImageClient>;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  /** Name of this host, as connectors name theirs. */
  readonly hostName: string;
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
  readonly options?: Partial<VolumeSettings>;
  /** Rules of a policy file, which win over the defaults. */
  readonly policyOverrides?: Readonly<Record<string, string>>;
}

export interface VolumeService extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Stops the service; volumes that servers use are served on, unless `removeDataPlane`. */
  stop(how?: { readonly removeDataPlane?: boolean }): Promise<void>;
}

/** Brings the volume service's database up to date. */
export async function migrateVolume(databaseUrl: string): Promise<void> {
  await using database = openDatabase<VolumeTables>(databaseUrl, { name: 'kilonova-volume' });
  await migrate(database, volumeMigrations);
}

/** Starts the volume service (Cinder v3). What a stopped one had promised is done, and what it served is served. */
export async function startVolume(given: VolumeServiceDeps): Promise<VolumeService> {
  const { settings, identity, clock, ids, log, host } = given;
  const options = { ...defaultVolumeSettings, ...given.options };
  const database = openDatabase<VolumeTables>(given.databaseUrl, { name: 'kilonova-volume' });
  await migrate(database, volumeMigrations);
  await ensureDefaultType(database, options.defaultVolumeType, ids.uuid(), new Date(clock.now()));
  const scratch = join(given.directory, 'scratch');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const keys = await openKeyStore(join(given.directory, 'keys'));
  const backend: VolumeBackend =
    given.backend === 'fake'
      ? openFakeBackend()
      : await openQemuBackend({
          directory: given.directory,
          keys,
          clock,
          ids,
          host: given.hostName,
          nbdListen: options.nbdListen,
          nbdTlsDirectory: options.nbdTlsDirectory,
          limits: {
            cpuSeconds: settings.libvirt.images_cpu_time_limit,
            addressSpaceBytes: settings.libvirt.images_address_space_limit * 1024 ** 3,
          },
        });

  const compute = createHttpClient({ service: 'compute', connections: 4 });
  let nudge = (): void => undefined;
  const deps: VolumeDeps = {
    database,
    backend,
    keys,
    settings: options,
    image: given.image,
    session: identity.serviceSession,
    sessionOf: (caller) => identity.sessionOf(caller),
    nudge: () => nudge(),
    scratch,
    host: given.hostName,
    clock,
    ids,
    log,
    async tellCompute({ name, serverId, volumeId, status }) {
      try {
        await compute.json({
          method: 'POST',
          url: `${await identity.endpoints.url('compute')}/os-server-external-events`,
          headers: { 'x-auth-token': await identity.serviceSession.token(), 'openstack-api-version': 'compute 2.93' },
          json: { events: [{ name, server_uuid: serverId, tag: volumeId, status }] },
          timeoutMs: 15_000,
        });
      } catch (error) {
        if (!isKind(error, 'notFound', 'invalid')) throw error;
        log.info({ err: error, serverId, volumeId }, 'compute knows nothing of the server it was told of');
      }
    },
  };
  const tasks = startTasks(deps);
  nudge = () => tasks.nudge();
  const served = keepServed(deps);
  const deaths = watchDeaths({ pids: () => backend.servers(), onDeath: () => served.nudge(), clock });

  const { auth_url: authUrl, www_authenticate_uri: publicUrl } = settings.keystone_authtoken;
  const app = createService<VolumeDeps>({
    name: 'volume',
    routes: volumeRoutes,
    actionRoutes: volumeActionRoutes,
    rootRoutes: versionRoutes,
    mounts: volumeMounts,
    microversions: volumeMicroversions,
    faults: volumeFaults(publicUrl === '' ? authUrl : publicUrl),
    policy: createPolicy(volumePolicy, given.policyOverrides),
    authenticate: (headers) => identity.authenticate(headers),
    requestIdHeaders: ['x-openstack-request-id', 'x-compute-request-id'],
    deps,
    log,
  });
  const stop = async ({ removeDataPlane = false } = {}): Promise<void> => {
    await app.close();
    await deaths.stop();
    await Promise.all([tasks.stop(), served.stop()]);
    if (removeDataPlane) for (const volumeId of await backend.serving()) await backend.stopServing(volumeId);
    await compute.close();
    await database.destroy();
  };
  try {
    const port = await listen(app, { host, port: given.port });
    return { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`, port, stop, [Symbol.asyncDispose]: () => stop() };
  } catch (error) {
    await stop();
    throw error;
  }
}
