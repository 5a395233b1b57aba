import { join } from 'node:path';
import { createIdentityClient } from '../../clients/identity-http.ts';
import { createImageClient } from '../../clients/image-http.ts';
import { createNetworkClient } from '../../clients/network-http.ts';
import { createShareClient } from '../../clients/share-http.ts';
import { createVolumeClient } from '../../clients/volume-http.ts';
import { createPlacementClient } from '../../clients/placement-http.ts';
import type { Settings } from '../../config/index.ts';
import { computeAgent, computeTopic } from '../../contracts/compute.ts';
import { conductor, conductorTopic } from '../../contracts/conductor.ts';
import { scheduler, schedulerTopic } from '../../contracts/scheduler.ts';
import { systemClock } from '../../lib/clock.ts';
import { randomIds } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { ensureDatabase } from '../../lib/postgres/databases.ts';
import { keepPostgres } from '../../lib/postgres/keep-postgres.ts';
import { inProcessBus } from '../../lib/rpc/in-process.ts';
import { openStores } from '../../store/stores.ts';
import { startApi } from '../api/start-api.ts';
import type { FakeHypervisors } from '../compute/drivers/fake/hypervisors.ts';
import { startCompute } from '../compute/start-compute.ts';
import { fakeHostNames, startFakeHosts } from '../compute/start-fake-hosts.ts';
import { startConductor } from '../conductor/start-conductor.ts';
import { bootstrap, startIdentity } from '../identity/index.ts';
import { startImage } from '../image/start-image.ts';
import { startMetadata } from '../metadata/start-metadata.ts';
import { storeMetadataSource } from '../metadata/store-source.ts';
import { startNetworkAgent, type NetworkAgent } from '../network-agent/index.ts';
import { startNetwork } from '../network/index.ts';
import { startPlacement } from '../placement/start-placement.ts';
import { startScheduler } from '../scheduler/start-scheduler.ts';
import { startVolume } from '../volume/start-volume.ts';
import type { Progress } from './progress.ts';
import { startConsoles } from './start-consoles.ts';
import type { Secrets } from './state-directory.ts';

export interface CloudOptions {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly progress: Progress;
  /** Rules of the operator's policy file, for the Compute API. */
  readonly policyOverrides?: Readonly<Record<string, string>>;
  /** Where hypervisors only pretend: theirs, to make them fail. */
  readonly hypervisors?: FakeHypervisors;
  /** Makes (or finds) a database and answers its URL; without this a private PostgreSQL is started in the state directory. */
  readonly database?: (name: DatabaseName) => Promise<string>;
}

/** A whole cloud in this process. */
export interface Cloud {
  readonly authUrl: string;
  readonly region: string;
  /** By service type, as the catalog says. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly identity: ReturnType<typeof createIdentityClient>;
  readonly image: ReturnType<typeof createImageClient>;
  readonly network: ReturnType<typeof createNetworkClient>;
  readonly networkService: Awaited<ReturnType<typeof startNetwork>>;
  readonly stores: Awaited<ReturnType<typeof openStores>>;
  readonly agent: NetworkAgent | null;
  /** Stops everything, in the reverse order; guests and their networks live on unless `removeDataPlane`. */
  stop(options?: { readonly removeDataPlane?: boolean }): Promise<void>;
}

export type DatabaseName = (typeof databases)[number];
const databases = ['identity', 'image', 'network', 'placement', 'volume', 'nova_api', 'nova_cell0', 'nova_cell1'] as const;

/** Starts all services in one process, each reached only through its HTTP API or its contract. What was started is stopped again when a later one fails. */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const { secrets, log, progress } = options;
  let { settings } = options;
  const clock = systemClock;
  const ids = randomIds;
  const { listen: host } = settings.kilonova;
  const region = settings.keystone_authtoken.region_name;
  const stops: ((how: { readonly removeDataPlane: boolean }) => Promise<unknown>)[] = [];
  const stop = async ({ removeDataPlane = false } = {}): Promise<void> => {
    for (const one of stops.splice(0).toReversed())
      await one({ removeDataPlane }).catch((error: unknown) => log.error({ err: error }, 'a service did not stop cleanly'));
  };
  try {
    const urls = await progress.step('PostgreSQL', async () => {
      const make = options.database ?? (await databaseMaker());
      return Object.fromEntries(await Promise.all(databases.map(async (name) => [name, await make(name)] as const))) as Record<
        DatabaseName,
        string
      >;
    });

    const identityService = await progress.step('identity', async () => {
      const service = await startIdentity({
        databaseUrl: urls.identity,
        host,
        port: settings.kilonova.identity_port,
        log: log.child({ service: 'identity' }),
        clock,
        ids,
      });
      stops.push(() => service.stop());
      return service;
    });
    // where it listens now, whatever the file says: 401 answers point there
    settings = { ...settings, keystone_authtoken: { ...settings.keystone_authtoken, auth_url: identityService.url } };
    const asUser = (username: string) => {
      const client = createIdentityClient({
        authUrl: identityService.url,
        username,
        password: secrets.servicePasswords[username] ?? '',
        projectName: 'service',
        userDomainName: 'Default',
        projectDomainName: 'Default',
        region,
        log,
        clock,
      });
      stops.push(() => client.close());
      return client;
    };
    const [nova, neutron, cinder] = [asUser('nova'), asUser('neutron'), asUser('cinder')];
    const common = { settings, identity: nova, clock, ids, host };

    const imagesOfVolumes = createImageClient({ endpoints: cinder.endpoints, log });
    stops.push(() => imagesOfVolumes.close());
    const [imageService, placementService, networkService, volumeService, stores] = await progress.step(
      'image, placement, network, volume',
      () =>
        Promise.all([
          startImage({
            ...common,
            databaseUrl: urls.image,
            directory: join(settings.DEFAULT.state_path, 'images'),
            port: settings.kilonova.image_port,
            log: log.child({ service: 'image' }),
          }),
          startPlacement({
            ...common,
            databaseUrl: urls.placement,
            port: settings.kilonova.placement_port,
            log: log.child({ service: 'placement' }),
          }),
          startNetwork({
            databaseUrl: urls.network,
            settings,
            identity: neutron,
            clock,
            ids,
            port: settings.kilonova.network_port,
            log: log.child({ service: 'network' }),
          }),
          startVolume({
            databaseUrl: urls.volume,
            directory: join(settings.DEFAULT.state_path, 'volumes'),
            backend: volumeBackend(settings),
            settings,
            identity: cinder,
            image: imagesOfVolumes,
            clock,
            ids,
            hostName: settings.DEFAULT.host,
            host,
            port: settings.kilonova.volume_port,
            log: log.child({ service: 'volume' }),
            options: { nbdListen: settings.kilonova.volume_nbd_listen, nbdTlsDirectory: settings.kilonova.volume_nbd_tls_directory },
          }),
          openStores({ api: urls.nova_api, cell0: urls.nova_cell0, cell1: urls.nova_cell1 }),
        ]),
    );
    stops.push(
      () => stores.close(),
      (how) => Promise.all([imageService.stop(), placementService.stop(), networkService.stop(), volumeService.stop(how)]),
    );

    const bus = inProcessBus();
    stops.push(() => bus.close());
    const image = createImageClient({ endpoints: nova.endpoints, log });
    const network = createNetworkClient({ endpoints: nova.endpoints, log });
    const placement = createPlacementClient({ endpoints: nova.endpoints, log });
    const volume = createVolumeClient({ endpoints: nova.endpoints, log, serviceSession: nova.serviceSession });
    const share = createShareClient({ endpoints: nova.endpoints, serviceSession: nova.serviceSession });
    stops.push(() => Promise.all([image.close(), network.close(), placement.close(), volume.close(), share.close()]));

    const api = await progress.step('compute API', async () => {
      const service = await startApi({
        stores,
        identity: nova,
        image,
        network,
        volume,
        share,
        placement,
        settings,
        clock,
        ids,
        log: log.child({ service: 'api' }),
        policyOverrides: options.policyOverrides ?? {},
        conductor: bus.client(conductorTopic, conductor),
        scheduler: bus.client(schedulerTopic, scheduler),
        agentOn: (name) => bus.client(computeTopic(name), computeAgent),
        host: settings.DEFAULT.osapi_compute_listen,
        port: settings.DEFAULT.osapi_compute_listen_port,
      });
      stops.push(() => service.stop());
      return service;
    });
    const metadata = await startMetadata({
      source: storeMetadataSource({
        stores,
        settings,
        agentOn: (name) => bus.client(computeTopic(name), computeAgent),
        log: log.child({ service: 'metadata' }),
      }),
      settings,
      clock,
      log: log.child({ service: 'metadata' }),
      host: settings.DEFAULT.metadata_listen,
      port: settings.DEFAULT.metadata_listen_port,
    });
    stops.push(() => metadata.stop());

    const endpoints = {
      identity: identityService.url,
      compute: `http://${settings.DEFAULT.osapi_compute_listen}:${api.port}/v2.1`,
      image: imageService.url,
      placement: placementService.url,
      network: networkService.url ?? '',
      volumev3: `${volumeService.url}/v3`,
      'block-storage': `${volumeService.url}/v3`,
    };
    const names: Readonly<Record<keyof typeof endpoints, string>> = {
      identity: 'keystone',
      compute: 'nova',
      image: 'glance',
      placement: 'placement',
      network: 'neutron',
      volumev3: 'cinderv3',
      'block-storage': 'cinder',
    };
    await progress.step('users, roles and catalog', () =>
      bootstrap(identityService.deps, {
        adminPassword: secrets.adminPassword,
        servicePasswords: secrets.servicePasswords,
        region,
        projects: ['demo'],
        endpoints: (Object.keys(endpoints) as (keyof typeof endpoints)[]).map((type) => ({
          type,
          name: names[type],
          url: endpoints[type],
        })),
      }),
    );

    const consoles = await progress.step('consoles', () => startConsoles({ settings, identity: nova, clock, log }));
    stops.push(() => consoles.stop());
    settings = consoles.settings; // hosts give out the addresses at which the proxies listen now

    const agent = await startAgent();
    await progress.step('scheduler, conductor, compute', async () => {
      const scheduler = await startScheduler({
        stores,
        bus,
        placement,
        identity: nova,
        settings,
        clock,
        ids,
        log: log.child({ service: 'scheduler' }),
      });
      stops.push(() => scheduler.stop());
      const conducting = await startConductor({
        stores,
        bus,
        image,
        network,
        volume,
        placement,
        identity: nova,
        settings,
        clock,
        ids,
        log: log.child({ service: 'conductor' }),
      });
      stops.push(() => conducting.stop());
      const deps = {
        settings,
        statePath: settings.DEFAULT.state_path,
        bus,
        clients: { placement, image, network, volume },
        identity: nova,
        clock,
        ids,
        log: log.child({ service: 'compute' }),
      };
      const compute =
        settings.DEFAULT.compute_driver === 'fake.FakeDriver'
          ? await startFakeHosts({
              ...deps,
              hosts: fakeHostNames(settings.DEFAULT.host, settings.kilonova.fake_hosts),
              ...(options.hypervisors === undefined ? {} : { hypervisors: options.hypervisors }),
            })
          : await startCompute({ ...deps, host: settings.DEFAULT.host, driverName: settings.DEFAULT.compute_driver });
      stops.push(() => compute.stop());
    });
    return {
      authUrl: identityService.url,
      region,
      endpoints: { ...endpoints, metadata: metadata.url },
      identity: nova,
      image,
      network,
      networkService,
      stores,
      agent,
      stop,
    };

    /** On the servers the operator names, else on a private one. */
    async function databaseMaker(): Promise<(name: DatabaseName) => Promise<string>> {
      const named = settings.database.connection;
      const api = settings.api_database.connection || named;
      const server =
        named === ''
          ? await keepPostgres({ directory: join(settings.DEFAULT.state_path, 'postgresql'), log: log.child({ service: 'postgresql' }) })
          : null;
      if (server !== null) stops.push(() => server.stop());
      const shared = server?.url('postgres') ?? named;
      return (name) => ensureDatabase(name === 'nova_api' && api !== '' ? api : shared, name);
    }

    async function startAgent(): Promise<NetworkAgent | null> {
      if (settings.kilonova.network_data_plane === 'none') return null;
      return progress.step('network agent', async () => {
        const running = await startNetworkAgent({
          settings,
          identity: neutron,
          clock,
          log: log.child({ service: 'network-agent' }),
          metadataUrl: `http://${settings.DEFAULT.metadata_listen}:${metadata.port}`,
        });
        stops.push((how) => running.stop(how));
        return running;
      });
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

const volumeBackend = ({ kilonova, DEFAULT }: Settings): 'qemu' | 'fake' => {
  if (kilonova.volume_backend !== 'auto') return kilonova.volume_backend;
  return DEFAULT.compute_driver === 'fake.FakeDriver' ? 'fake' : 'qemu';
};
