import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ImageClient } from '../../../src/clients/image.ts';
import type { Port, PortBinding } from '../../../src/clients/network.ts';
import { volumesInMemory, type VolumesInMemory } from '../../../src/clients/testing/volumes-in-memory.ts';
import { readSettings } from '../../../src/config/index.ts';
import { computeAgent, computeTopic } from '../../../src/contracts/compute.ts';
import { conductor, conductorTopic, type Conductor } from '../../../src/contracts/conductor.ts';
import { scheduler, schedulerTopic } from '../../../src/contracts/scheduler.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { randomIds } from '../../../src/lib/ids.ts';
import { memoryJournal, type CommandJournal } from '../../../src/lib/rpc/journal.ts';
import type { Log } from '../../../src/lib/log.ts';
import { fakeNeighbours } from '../../../src/services/api/test-support/neighbours.ts';
import { createApi } from '../../../src/services/api/start-api.ts';
import type { FakeDriver } from '../../../src/services/compute/drivers/fake/driver.ts';
import { fakeHypervisors, type FakeHypervisors } from '../../../src/services/compute/drivers/fake/hypervisors.ts';
import { startCompute } from '../../../src/services/compute/start-compute.ts';
import { startConductor } from '../../../src/services/conductor/start-conductor.ts';
import { startScheduler } from '../../../src/services/scheduler/start-scheduler.ts';
import { createFlavor } from '../../../src/store/flavors.ts';
import { cell0Id, cell1Id, storesOver, type Stores } from '../../../src/store/stores.ts';
import type { ApiTables, CellTables } from '../../../src/store/tables.ts';
import { sampleFlavor } from '../../support/samples.ts';
import { worldImages, type WorldImages } from '../world-images.ts';
import { networkOf, only } from '../world-network.ts';
import { placementInMemory, type PlacementInMemory } from './placement-in-memory.ts';
import type { Random } from './random.ts';
import type { SimulatedDatabase } from './simulated-database.ts';
import { simulatedNetwork, type NetworkDeps, type SimulatedNetwork } from './simulated-network.ts';
import { simulatedProcess, type SimulatedProcess } from './simulated-process.ts';
import type { Watcher } from './watcher.ts';
import type { Weather } from './weather.ts';

export interface Databases {
  readonly api: SimulatedDatabase;
  readonly cell0: SimulatedDatabase;
  readonly cell1: SimulatedDatabase;
}

export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- what came over the wire
  readonly body: any;
  readonly requestId: string;
}

/** Something that runs, dies and is started again. */
export interface Service {
  readonly name: string;
  /** The one that runs; null while it is dead. */
  process(): SimulatedProcess | null;
  start(): void;
}

/** A cloud of real services over databases, wires, hypervisors and neighbours that are simulated. */
export interface SimulatedCloud {
  readonly clock: Clock;
  readonly network: SimulatedNetwork;
  readonly hypervisors: FakeHypervisors;
  readonly hosts: readonly string[];
  /** Agents by host, and the services of the control plane. */
  readonly agents: ReadonlyMap<string, Service>;
  readonly control: readonly Service[];
  readonly placement: PlacementInMemory;
  readonly ports: Map<string, Port>;
  readonly preparedBindings: Map<string, PortBinding>;
  readonly images: WorldImages;
  readonly volumes: VolumesInMemory;
  readonly imageId: string;
  readonly flavorIds: readonly string[];
  /** The databases as somebody sees them who never dies. */
  readonly stores: Stores;
  /** The conductor as the operator reaches it. */
  readonly conductor: Conductor;
  /** Asks the Compute API; null when no answer is heard. */
  ask(who: string, method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<Answer | null>;
}

export interface CloudDeps {
  readonly databases: Databases;
  readonly clock: Clock;
  readonly random: Random;
  readonly weather: Weather;
  readonly hosts: number;
  readonly watcher: Watcher;
  readonly log: Log;
  /** Around the journals and the drivers of hosts, to break them on purpose. */
  readonly journal?: (journal: CommandJournal) => CommandJournal;
  readonly driver?: (driver: FakeDriver) => FakeDriver;
}

/** Everything the API knows, so that no request is refused for its version. */
const microversion = '2.90';
const heardWithinMs = 60_000;
const confOf = (random: Random): string => `[DEFAULT]
host = control
report_interval = 15
service_down_time = 60
update_resources_interval = 120
sync_power_state_interval = 120
running_deleted_instance_poll_interval = 120
cpu_allocation_ratio = 1.0
initial_cpu_allocation_ratio = 1.0
allow_resize_to_same_host = true
reclaim_instance_interval = ${random.pick([0, 0, 60])}
shelved_offload_time = ${random.pick([0, 90, -1])}
resize_confirm_window = ${random.pick([0, 0, 120])}
[quota]
instances = -1
cores = -1
ram = -1
`;

export async function simulatedCloud(deps: CloudDeps): Promise<SimulatedCloud> {
  const { databases, clock, random, weather, watcher, log } = deps;
  const { settings } = readSettings(confOf(random.fork('settings')));
  const wires = random.fork('network');
  const statements = random.fork('statements');
  const networkDeps: NetworkDeps = { clock, random: wires, weather, judged: watcher.judged, trace: watcher.trace };
  const network = simulatedNetwork(networkDeps);
  const pause = async (): Promise<void> => {
    if (statements.chance(0.25)) await clock.sleep(statements.between(0, 3));
  };
  const storesOf = (process: SimulatedProcess): Stores =>
    storesOver(databases.api.connect<ApiTables>(process, pause), [
      { id: cell0Id, name: 'cell0', disabled: false, database: databases.cell0.connect<CellTables>(process, pause) },
      { id: cell1Id, name: 'cell1', disabled: false, database: databases.cell1.connect<CellTables>(process, pause) },
    ]);
  const operator = simulatedProcess('operator');
  const stores = storesOf(operator);
  await stores.api
    .insertInto('cells')
    .values([
      { id: cell0Id, name: 'cell0', database_url: 'cell0' },
      { id: cell1Id, name: 'cell1', database_url: 'cell1' },
    ])
    .execute();
  const flavorIds = ['1', '2', '3'];
  for (const [index, flavorId] of flavorIds.entries())
    await createFlavor(stores.api, {
      ...sampleFlavor({ flavorId, name: `f${flavorId}`, vcpus: [1, 2, 1][index]!, memoryMb: [512, 1024, 768][index]! }),
      description: null,
    });

  const ports = new Map<string, Port>();
  const preparedBindings = new Map<string, PortBinding>();
  const images = worldImages();
  const volumes = volumesInMemory();
  const placement = placementInMemory();
  const { identity, share } = fakeNeighbours().clients;
  const base = images.queued('');
  await images.client.upload(identity.serviceSession, base.id, Readable.from([Buffer.from('disk')]));
  const image: ImageClient = only<ImageClient>('image', {
    ...images.client,
    create: async (_session, { properties = {} }) => images.queued(properties['instance_uuid'] ?? '', properties),
  });
  const plainNetwork = networkOf(ports, preparedBindings);
  const clientsOf = (process: SimulatedProcess) => ({
    image: network.callOf(process, image, 'image'),
    network: network.callOf(process, plainNetwork, 'network'),
    volume: network.callOf(process, volumes.client, 'volume'),
    placement: network.callOf(process, placement.client, 'placement'),
  });
  const hypervisors = fakeHypervisors({
    clock,
    settings,
    statePath: null,
    book: watcher.book,
    resources: { vcpus: 4, memoryMb: 4096, localGb: 40 },
  });
  const hosts = Array.from({ length: deps.hosts }, (_, index) => `host-${String(index + 1).padStart(2, '0')}`);

  const service = (name: string, begin: (process: SimulatedProcess) => Promise<unknown>): Service => {
    let current: SimulatedProcess | null = null;
    return {
      name,
      process: () => (current?.alive === true ? current : null),
      start() {
        if (current?.alive === true) return;
        const process = simulatedProcess(name, () => watcher.trace(`${name} dies`));
        current = process;
        watcher.trace(`${name} starts`);
        begin(process).catch((error: unknown) => {
          watcher.broken(`${name} does not start: ${String(error)}`);
          process.kill();
        });
      },
    };
  };
  const commonOf = (process: SimulatedProcess, machine: string) => ({
    ...clientsOf(process),
    identity,
    settings,
    ids: randomIds,
    clock: process.guard(clock),
    bus: network.busOf(process, machine),
    log: log.child({ process: process.name }),
  });
  const agents = new Map(
    hosts.map((host) => {
      const journal = (deps.journal ?? ((kept) => kept))(memoryJournal());
      const start = (process: SimulatedProcess): Promise<unknown> => {
        const { image: images, network: ofNetwork, volume, placement: ofPlacement, ...common } = commonOf(process, host);
        return startCompute({
          ...common,
          host,
          driverName: 'fake.FakeDriver',
          statePath: join(tmpdir(), 'kilonova-simulator'),
          clients: { image: images, network: ofNetwork, volume, placement: ofPlacement },
          driver: process.guard((deps.driver ?? ((whole) => whole))(hypervisors.driver(host))),
          journal,
        });
      };
      return [host, service(`agent of ${host}`, start)] as const;
    }),
  );
  const conductors = ['control-1', 'control-2'].map((machine) =>
    service(`conductor on ${machine}`, (process) => startConductor({ ...commonOf(process, machine), stores: storesOf(process) })),
  );
  const schedulers = ['control-1', 'control-2'].map((machine) =>
    service(`scheduler on ${machine}`, (process) => startScheduler({ ...commonOf(process, machine), stores: storesOf(process) })),
  );
  let app: ReturnType<typeof createApi> | null = null;
  const api = service('api', async (process) => {
    const common = commonOf(process, 'control-1');
    app = createApi({
      ...common,
      share,
      stores: storesOf(process),
      conductor: common.bus.client(conductorTopic, conductor),
      scheduler: common.bus.client(schedulerTopic, scheduler),
      agentOn: (host) => common.bus.client(computeTopic(host), computeAgent),
      policyOverrides: {},
      host: '127.0.0.1',
      port: 0,
    });
    await app.ready();
  });
  const control = [...conductors, ...schedulers, api];
  for (const each of [...control, ...agents.values()]) each.start();

  return {
    clock,
    network,
    hypervisors,
    hosts,
    agents,
    control,
    placement,
    ports,
    preparedBindings,
    images,
    volumes,
    imageId: base.id,
    flavorIds,
    stores,
    conductor: network.busOf(operator, 'operator').client(conductorTopic, conductor),
    async ask(who, method, path, body) {
      const process = api.process();
      if (process === null || app === null) return null;
      const patience = new AbortController();
      const answered = app.inject({
        method,
        url: `/v2.1${path}`,
        headers: {
          'x-auth-token': who,
          'openstack-api-version': `compute ${microversion}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      });
      const answer = await Promise.race([answered, clock.sleep(heardWithinMs, patience.signal).then(() => null)]);
      patience.abort();
      if (answer === null || !process.alive) return null;
      return {
        status: answer.statusCode,
        body: answer.payload === '' ? undefined : (JSON.parse(answer.payload) as unknown),
        requestId: String(answer.headers['x-openstack-request-id']),
      };
    },
  };
}
