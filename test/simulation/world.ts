import type { Port, PortBinding } from '../../src/clients/network.ts';
import { readSettings } from '../../src/config/index.ts';
import type { Conductor } from '../../src/contracts/conductor.ts';
import type { NodeFacts } from '../../src/domain/hosts.ts';
import { powerStates, type Instance } from '../../src/domain/instance.ts';
import type { RequestSpec } from '../../src/domain/request-spec.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { conflict } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { startSagaEngine, type EngineOptions, type SagaEngine } from '../../src/lib/saga/engine.ts';
import type { SagaStore } from '../../src/lib/saga/store.ts';
import type { FakeHypervisors } from '../../src/services/compute/drivers/fake/hypervisors.ts';
import type { ConductorDeps } from '../../src/services/conductor/deps.ts';
import { recordAction } from '../../src/store/actions.ts';
import { findInstance, insertInstances, type NewInstance } from '../../src/store/instances.ts';
import { mapInstances } from '../../src/store/mappings.ts';
import { movesOf } from '../../src/store/moves.ts';
import { cellSagaStore } from '../../src/store/sagas.ts';
import { recordNodes, recordService } from '../../src/store/services.ts';
import { openStores, type Stores } from '../../src/store/stores.ts';
import { worldImages, type WorldImages } from './world-images.ts';
import { volumesInMemory, type KeptAttachment, type VolumesInMemory } from '../../src/clients/testing/volumes-in-memory.ts';
import { temporaryDatabase } from '../support/database.ts';
import { sampleInstance, sampleInstanceImage, sampleNodeFacts, sampleSpec } from '../support/samples.ts';
import { networkOf, only, portOf } from './world-network.ts';
import { startWorldHosts, type WorldGuests } from './world-hosts.ts';
import { worldPlacement, worldScheduler, type WorldPlacement } from './world-placement.ts';

/** Three hosts that pretend, a network and a placement in memory around real databases: what an operation leaves behind can be counted. */
export interface World {
  readonly deps: ConductorDeps;
  readonly stores: Stores;
  readonly guests: WorldGuests;
  /** To make hosts slow, or fail. */
  readonly hypervisors: FakeHypervisors;
  readonly placement: WorldPlacement;
  readonly ports: Map<string, Port>;
  /** Bindings that are not active, by `<port> <host>`. */
  readonly preparedBindings: Map<string, PortBinding>;
  readonly images: WorldImages;
  readonly volumes: VolumesInMemory;
  /** Hosts that do not answer. */
  readonly silent: Set<string>;
  /** Runs these sagas as a conductor of this name would, until `stop`. */
  conductor(owner: string, sagas: EngineOptions<ConductorDeps>['sagas'], store?: (store: SagaStore) => SagaStore): void;
  stopConductors(): Promise<void>;
  /** An accepted request for a server, in cell0, as the API writes it. */
  accept(changes?: Partial<NewInstance>): Promise<NewInstance>;
  /** An instance in cell1 that runs, with guest, allocation and port. */
  running(changes?: Partial<NewInstance>): Promise<NewInstance>;
  close(): Promise<void>;
}

/** Where servers are that a test begins with. */
export const host = 'host-1';
/** Providers of the nodes, one a host, with the names of their hosts. */
export const nodes: ReadonlyMap<string, string> = new Map(
  [1, 2, 3].map((number) => [`0a0a0a0a-0000-4000-8000-00000000000${number}`, `host-${number}`]),
);

export async function createWorld(): Promise<World> {
  const [api, cell0, cell1] = await Promise.all(
    ['api', 'cell0', 'cell1'].map((name) => temporaryDatabase(() => Promise.resolve(), `simulation_${name}`)),
  );
  const stores = await openStores({ api: api!.url, cell0: cell0!.url, cell1: cell1!.url, maxConnections: 6 });
  for (const [uuid, name] of nodes) {
    await recordService(stores.defaultCell.database, {
      uuid: randomIds.uuid(),
      host: name,
      binary: 'nova-compute',
      topic: 'compute',
      version: 1,
      enabled: true,
    });
    await recordNodes(stores.defaultCell.database, name, [factsOf(uuid, name)]);
  }
  const { settings } = readSettings('[DEFAULT]\nservice_down_time = 1\nallow_resize_to_same_host = true');
  const ports: World['ports'] = new Map();
  const prepared: World['preparedBindings'] = new Map();
  const network = networkOf(ports, prepared);
  const placement = worldPlacement(nodes);
  const images = worldImages();
  const volumes = volumesInMemory();
  const hosts = await startWorldHosts([...nodes.values()], {
    settings,
    network,
    image: images.client,
    volume: volumes.client,
    conductor: only<Conductor>('conductor', {}),
  });
  const { silent, guests } = hosts;
  const engines = new Set<SagaEngine>();
  const deps: ConductorDeps = {
    stores,
    network,
    image: images.client,
    volume: volumes.client,
    placement: placement.client,
    identity: { serviceSession: { token: () => Promise.resolve('none') } },
    scheduler: worldScheduler(placement, nodes, { cellId: stores.defaultCell.id, silent }),
    agentOn: (name) => hosts.agentOn(name),
    settings,
    clock: systemClock,
    ids: randomIds,
    log: silentLog,
    wake: () => {
      for (const engine of engines) engine.wake();
    },
  };

  const insert = async (instance: NewInstance, cellId: string): Promise<NewInstance> => {
    await mapInstances(stores.api, [
      { instanceId: instance.id, projectId: instance.projectId, userId: instance.userId, cellId, spec: specOf(instance) },
    ]);
    await insertInstances(stores.cell(cellId), [instance]);
    await recordAction(stores.cell(cellId), [
      { instanceId: instance.id, action: 'create', requestId: 'req-test', userId: instance.userId, projectId: instance.projectId },
    ]);
    return instance;
  };
  return {
    deps,
    stores,
    guests,
    hypervisors: hosts.hypervisors,
    placement,
    ports,
    preparedBindings: prepared,
    images,
    volumes,
    silent,
    conductor(owner, sagas, around = (store) => store) {
      for (const { database } of stores.cells())
        engines.add(
          startSagaEngine({
            store: around(cellSagaStore(database)),
            sagas,
            deps,
            owner,
            clock: systemClock,
            log: silentLog,
            leaseMs: 300,
            pollMs: 20,
          }),
        );
    },
    async stopConductors() {
      const all = [...engines];
      engines.clear();
      await Promise.all(all.map((engine) => engine.stop()));
    },
    accept: (changes = {}) => insert({ ...newInstance(), ...changes }, stores.cell0.id),
    async running(changes = {}) {
      const now = new Date().toISOString();
      const instance = await insert(
        {
          ...newInstance(),
          vmState: 'active',
          taskState: null,
          powerState: powerStates.running,
          host,
          node: host,
          launchedAt: now,
          ...changes,
        },
        stores.defaultCell.id,
      );
      const at = instance.host ?? host;
      await guests.make(
        instance.id,
        at,
        instance.blockDevices.flatMap(({ volumeId }) => (volumeId === null ? [] : [volumeId])),
      );
      placement.give(instance.id, [...nodes].find(([, name]) => name === at)![0], {
        VCPU: instance.flavor.vcpus,
        MEMORY_MB: instance.flavor.memoryMb,
      });
      const port = portOf({
        networkId: 'net',
        projectId: instance.projectId,
        deviceId: instance.id,
        deviceOwner: 'compute:nova',
        hostId: at,
        profile: { kilonova_owned: true },
      });
      ports.set(port.id, port);
      return instance;
    },
    async close() {
      await Promise.all([...engines].map((engine) => engine.stop()));
      await hosts.close();
      await stores.close();
      await Promise.all([api!.drop(), cell0!.drop(), cell1!.drop()]);
    },
  };
}

const specOf = (instance: NewInstance): RequestSpec =>
  sampleSpec({
    projectId: instance.projectId,
    userId: instance.userId,
    flavor: instance.flavor,
    image: instance.image,
    requestedNetworks: [{ networkId: 'net', portId: null, fixedIp: null, tag: null }],
  });

/** A server that was accepted, and has no host yet. */
const newInstance = (): NewInstance =>
  sampleInstance({
    projectId: 'p1',
    userId: 'u1',
    name: 'server',
    vmState: 'building',
    taskState: 'scheduling',
    powerState: 0,
    host: null,
    node: null,
    availabilityZone: null,
    launchedOn: null,
    image: sampleInstanceImage({ id: randomIds.uuid() }),
    reservationId: 'r-1',
    launchedAt: null,
  });

const factsOf = (uuid: string, name: string): NodeFacts =>
  sampleNodeFacts({
    uuid,
    name,
    hypervisorVersion: 1,
    hostIp: '127.0.0.1',
    memoryMbUsed: 0,
    diskAvailableLeast: 100,
    cpuInfo: {},
    supportedInstances: [],
  });

/** What is left of an instance, anywhere. */
export async function leftoversOf(world: World, id: string) {
  const found = await findInstance(world.stores, id);
  const at = found?.instance.host ?? null;
  const guests = await world.guests.of(id);
  const provider = world.placement.providerOf(id);
  const sagas = await Promise.all(
    world.stores
      .cells()
      .map(({ database }) =>
        database.selectFrom('sagas').select('id').where('subject', '=', id).where('state', 'in', ['running', 'unwinding']).execute(),
      ),
  );
  const moveIds = new Set(
    (await world.stores.defaultCell.database.selectFrom('migrations').select('uuid').where('instance_id', '=', id).execute()).map(
      ({ uuid }) => uuid,
    ),
  );
  const moves = await movesOf(world.stores.defaultCell.database, id);
  return {
    vmState: found?.instance.vmState ?? null,
    taskState: found?.instance.taskState ?? null,
    /** Its guest on its own host. */
    guest: guests.find((guest) => guest.host === at)?.powerState ?? null,
    allocated: provider !== null,
    ports: [...world.ports.values()].filter((port) => port.deviceId === id).length,
    /** Attachments the volume service knows, by status. */
    attached: [...world.volumes.attachments.values()]
      .filter(({ serverId }) => serverId === id)
      .map(({ status }) => status) as readonly string[],
    /** Volumes the instance has by its own word. */
    volumes: found?.instance.blockDevices.filter(({ destinationType }) => destinationType === 'volume').length ?? 0,
    /** Snapshots of its volumes. */
    snapshots: [...world.volumes.snapshots.values()].filter(({ volumeId }) =>
      found?.instance.blockDevices.some((device) => device.volumeId === volumeId),
    ).length,
    /** States of the images that were made of it. */
    images: world.images.of(id),
    sagas: sagas.flat().length,
    /** What is somewhere else than the server itself says it is. */
    beside: [
      ...guests.flatMap((guest) => (guest.host === at ? [] : [`a guest on ${guest.host}`])),
      ...(provider === null || at === null || nodes.get(provider) === at ? [] : [`resources of ${nodes.get(provider)}`]),
      ...[...world.ports.values()].flatMap((port) =>
        port.deviceId !== id || port.binding.hostId === (at ?? '') ? [] : [`a port on ${port.binding.hostId}`],
      ),
      ...[...world.ports.values()].flatMap((port) =>
        port.deviceId === id
          ? [...nodes.values()].flatMap((on) => (world.preparedBindings.has(`${port.id} ${on}`) ? [`a port prepared on ${on}`] : []))
          : [],
      ),
      ...[...world.volumes.attachments.values()].flatMap((attachment) => attachmentBeside(attachment, id, found?.instance ?? null)),
      ...(await asideOf(world, id)).map((on) => `a guest set aside on ${on}`),
      ...moves.map(({ status }) => `a move that is ${status}`),
      ...world.placement
        .holders()
        .flatMap(({ consumer, provider: of }) => (moveIds.has(consumer) ? [`resources of ${nodes.get(of)} held by a move`] : [])),
    ] as readonly string[],
  };
}

/** What is wrong with an attachment of this instance: it is connected elsewhere, or nobody knows it. */
function attachmentBeside(
  { id: attachmentId, serverId, host: connected }: KeptAttachment,
  id: string,
  instance: Pick<Instance, 'host' | 'blockDevices'> | null,
): readonly string[] {
  if (serverId !== id) return [];
  return [
    ...(connected === null || connected === instance?.host ? [] : [`a volume connected to ${connected}`]),
    ...(instance?.blockDevices.some((device) => device.attachmentId === attachmentId) === true ? [] : ['an attachment it does not know']),
  ];
}

/** Hosts on which a guest of this instance is set aside. */
async function asideOf(world: World, id: string): Promise<string[]> {
  const seen = await Promise.all(
    [...nodes.values()].map(async (name) => ({ name, aside: await world.hypervisors.driver(name).moves!.aside() })),
  );
  return seen.flatMap(({ name, aside }) => (aside.includes(id) ? [name] : []));
}

export const injected = (step: string) => conflict(`injected failure at ${step}`);
