import type { NetworkClient, Port } from '../../src/clients/network.ts';
import type { ConsumerAllocations, PlacementClient } from '../../src/clients/placement.ts';
import { readSettings } from '../../src/config/index.ts';
import type { ComputeAgent } from '../../src/contracts/compute.ts';
import type { Scheduler } from '../../src/contracts/scheduler.ts';
import type { NodeFacts } from '../../src/domain/hosts.ts';
import type { InstanceId, PowerState } from '../../src/domain/instance.ts';
import { powerStates } from '../../src/domain/instance.ts';
import type { RequestSpec } from '../../src/domain/request-spec.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { conflict, notFound, unavailable } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { startSagaEngine, type EngineOptions, type SagaEngine } from '../../src/lib/saga/engine.ts';
import type { SagaStore } from '../../src/lib/saga/store.ts';
import type { ConductorDeps } from '../../src/services/conductor/deps.ts';
import { recordAction } from '../../src/store/actions.ts';
import { findInstance, insertInstances, type NewInstance } from '../../src/store/instances.ts';
import { mapInstances } from '../../src/store/mappings.ts';
import { cellSagaStore } from '../../src/store/sagas.ts';
import { recordNodes, recordService } from '../../src/store/services.ts';
import { openStores, type Stores } from '../../src/store/stores.ts';
import { temporaryDatabase } from '../support/database.ts';

/** A hypervisor, a network and a placement in memory around real databases: what an operation leaves behind can be counted. */
export interface World {
  readonly deps: ConductorDeps;
  readonly stores: Stores;
  /** Guests by instance, with their power states, on whichever host. */
  readonly guests: Map<string, { readonly host: string; powerState: PowerState }>;
  /** The provider each consumer holds something of. */
  readonly allocations: Map<string, string>;
  readonly ports: Map<string, Port>;
  /** Hosts that do not answer. */
  readonly silent: Set<string>;
  /** Runs these sagas as a conductor of this name would, until `stop`. */
  conductor(owner: string, sagas: EngineOptions<ConductorDeps>['sagas'], store?: (store: SagaStore) => SagaStore): void;
  stopConductors(): Promise<void>;
  /** An accepted request for a server, in cell0, as the API writes it. */
  accept(changes?: Partial<NewInstance>): Promise<NewInstance>;
  /** An instance in cell1 that runs, with guest, allocation and port. */
  running(): Promise<NewInstance>;
  close(): Promise<void>;
}

export const host = 'host-1';
const node = '0a0a0a0a-0000-4000-8000-000000000001';

export async function createWorld(): Promise<World> {
  const [api, cell0, cell1] = await Promise.all(
    ['api', 'cell0', 'cell1'].map((name) => temporaryDatabase(() => Promise.resolve(), `simulation_${name}`)),
  );
  const stores = await openStores({ api: api!.url, cell0: cell0!.url, cell1: cell1!.url, maxConnections: 6 });
  await recordService(stores.defaultCell.database, {
    uuid: randomIds.uuid(),
    host,
    binary: 'nova-compute',
    topic: 'compute',
    version: 1,
    enabled: true,
  });
  await recordNodes(stores.defaultCell.database, host, [factsOf(node, host)]);
  const guests: World['guests'] = new Map();
  const allocations: World['allocations'] = new Map();
  const ports: World['ports'] = new Map();
  const silent: World['silent'] = new Set();
  const engines = new Set<SagaEngine>();

  const guest = (id: string) => guests.get(id) ?? raise(notFound(`No guest ${id}.`));
  const become = (id: string, powerState: PowerState) => {
    guest(id).powerState = powerState;
    return Promise.resolve({ powerState });
  };
  const agent = (name: string): ComputeAgent => ({
    ping: () => Promise.resolve({ version: 1, problems: [] }),
    spawn: ({ order }) => {
      guests.set(order.instanceId, { host: name, powerState: powerStates.running });
      return Promise.resolve({ powerState: powerStates.running });
    },
    destroy: ({ instanceId }) => {
      guests.delete(instanceId);
      return Promise.resolve();
    },
    powerOff: ({ instanceId }) => become(instanceId, powerStates.shutdown),
    powerOn: ({ order }) => become(order.instanceId, powerStates.running),
    reboot: ({ order }) => become(order.instanceId, powerStates.running),
    pause: ({ instanceId }) => become(instanceId, powerStates.paused),
    unpause: ({ instanceId }) => become(instanceId, powerStates.running),
    suspend: ({ instanceId }) => become(instanceId, powerStates.suspended),
    resume: ({ order }) => become(order.instanceId, powerStates.running),
    consoleOutput: () => Promise.resolve({ text: '' }),
    inspect: ({ instanceId }) => Promise.resolve(guests.has(instanceId) ? { powerState: guest(instanceId).powerState } : null),
    guests: () =>
      silent.has(name)
        ? Promise.reject(unavailable(`Nobody serves 'compute.${name}' now.`))
        : Promise.resolve({
            guests: [...guests].flatMap(([instanceId, { host: on, powerState }]) =>
              on === name ? [{ instanceId, name: instanceId, powerState }] : [],
            ),
          }),
    uptime: () => Promise.resolve({ text: '' }),
    networkEvent: () => Promise.resolve(),
    reportResources: () => Promise.resolve(),
  });
  const scheduler: Scheduler = {
    selectDestinations: ({ instanceIds }) => {
      for (const id of instanceIds) allocations.set(id, node);
      const chosen = { host, node: host, cellId: stores.defaultCell.id, computeNodeUuid: node, availabilityZone: 'nova' };
      return Promise.resolve({
        found: true,
        decisionId: randomIds.uuid(),
        destinations: instanceIds.map((instanceId) => ({ instanceId, chosen, alternates: [] })),
      });
    },
    refresh: () => Promise.resolve(),
  };
  const held = (id: string): ConsumerAllocations => ({
    allocations: allocations.has(id) ? { [node]: { resources: { VCPU: 1 } } } : {},
    consumerGeneration: 1,
    projectId: 'p1',
    userId: 'u1',
    consumerType: 'INSTANCE',
  });
  const settings = readSettings('[DEFAULT]\nservice_down_time = 1').settings;
  const deps: ConductorDeps = {
    stores,
    network: networkOf(ports),
    placement: only<PlacementClient>('placement', {
      allocations: (_session, id) => Promise.resolve(held(id)),
      deleteAllocations: (_session, id) => Promise.resolve(void allocations.delete(id)),
      putAllocations: (_session, id, { allocations: wanted }) =>
        Promise.resolve(void (Object.keys(wanted).length === 0 && allocations.delete(id))),
      providers: () => Promise.resolve([{ uuid: node, name: host, generation: 1, parentProviderUuid: null, rootProviderUuid: node }]),
      providerAllocations: (_session, uuid) =>
        Promise.resolve(Object.fromEntries([...allocations].flatMap(([id, at]) => (at === uuid ? [[id, { VCPU: 1 }]] : [])))),
    }),
    identity: { serviceSession: { token: () => Promise.resolve('none') } },
    scheduler,
    agentOn: agent,
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
    allocations,
    ports,
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
    async running() {
      const now = new Date().toISOString();
      const instance = await insert(
        { ...newInstance(), vmState: 'active', taskState: null, powerState: powerStates.running, host, node: host, launchedAt: now },
        stores.defaultCell.id,
      );
      guests.set(instance.id, { host, powerState: powerStates.running });
      allocations.set(instance.id, node);
      const port = portOf({
        networkId: 'net',
        projectId: instance.projectId,
        deviceId: instance.id,
        deviceOwner: 'compute:nova',
        hostId: host,
        profile: { kilonova_owned: true },
      });
      ports.set(port.id, port);
      return instance;
    },
    async close() {
      await Promise.all([...engines].map((engine) => engine.stop()));
      await stores.close();
      await Promise.all([api!.drop(), cell0!.drop(), cell1!.drop()]);
    },
  };
}

const raise = (error: Error): never => {
  throw error;
};

/** An object of which only these methods are used; any other is an error that names itself. */
function only<T extends object>(what: string, methods: Partial<T>): T {
  return new Proxy(methods as T, {
    get: (target, key) =>
      Reflect.get(target, key) ?? (() => Promise.reject(unavailable(`${what}.${String(key)} is not part of this world`))),
  });
}

const specOf = (instance: NewInstance): RequestSpec => ({
  projectId: instance.projectId,
  userId: instance.userId,
  flavor: instance.flavor,
  image: instance.image,
  isBootedFromVolume: false,
  availabilityZone: null,
  forceHost: null,
  forceNode: null,
  requestedHost: null,
  requestedNode: null,
  ignoreHosts: [],
  schedulerHints: {},
  groupId: null,
  requestedNetworks: [{ networkId: 'net', portId: null, fixedIp: null, tag: null }],
  securityGroups: [],
});

function newInstance(): NewInstance {
  const flavor = {
    flavorId: '1',
    name: 'm1.tiny',
    vcpus: 1,
    memoryMb: 512,
    rootGb: 1,
    ephemeralGb: 0,
    swapMb: 0,
    rxtxFactor: 1,
    disabled: false,
    isPublic: true,
    extraSpecs: {},
  };
  const image = {
    id: randomIds.uuid(),
    name: 'tiny',
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    minDisk: 0,
    minRam: 0,
    size: 1,
    checksum: null,
    properties: {},
  };
  return {
    id: randomIds.uuid() as InstanceId,
    projectId: 'p1',
    userId: 'u1',
    name: 'server',
    description: null,
    hostname: 'server',
    vmState: 'building',
    taskState: 'scheduling',
    powerState: 0,
    host: null,
    node: null,
    availabilityZone: null,
    launchedOn: null,
    flavor,
    oldFlavor: null,
    newFlavor: null,
    image,
    metadata: {},
    systemMetadata: {},
    tags: [],
    keyName: null,
    publicKey: null,
    userData: null,
    configDrive: false,
    diskConfig: 'MANUAL',
    lockedBy: null,
    lockedReason: null,
    accessIpV4: null,
    accessIpV6: null,
    launchIndex: 0,
    reservationId: 'r-1',
    rootDeviceName: '/dev/vda',
    networkInfo: [],
    blockDevices: [],
    securityGroups: [],
    fault: null,
    schedulerHints: {},
    trustedCerts: null,
    launchedAt: null,
    terminatedAt: null,
    deletedAt: null,
  };
}

function portOf(port: {
  networkId: string;
  projectId: string;
  deviceId: string;
  deviceOwner: string;
  hostId?: string;
  profile?: Readonly<Record<string, unknown>>;
}): Port {
  return {
    id: randomIds.uuid(),
    networkId: port.networkId,
    projectId: port.projectId,
    name: '',
    macAddress: 'fa:16:3e:00:00:01',
    fixedIps: [],
    deviceId: port.deviceId,
    deviceOwner: port.deviceOwner,
    status: 'ACTIVE',
    adminStateUp: true,
    securityGroupIds: [],
    portSecurityEnabled: true,
    binding: { hostId: port.hostId ?? '', vnicType: 'normal', vifType: 'bridge', vifDetails: {}, profile: port.profile ?? {} },
  };
}

function networkOf(ports: Map<string, Port>): NetworkClient {
  return only<NetworkClient>('network', {
    networks: () =>
      Promise.resolve([
        {
          id: 'net',
          name: 'private',
          projectId: 'p1',
          shared: true,
          external: false,
          adminStateUp: true,
          portSecurityEnabled: true,
          mtu: 1450,
          subnetIds: ['sub'],
        },
      ]),
    subnets: () => Promise.resolve([]),
    floatingIps: () => Promise.resolve([]),
    ports: (_session, query) =>
      Promise.resolve([...ports.values()].filter((port) => query?.['device_id'] === undefined || port.deviceId === query['device_id'])),
    port: (_session, id) => Promise.resolve(ports.get(id) ?? raise(notFound(`No port ${id}.`))),
    createPorts: (_session, wanted) => {
      const made = wanted.map(portOf);
      for (const port of made) ports.set(port.id, port);
      return Promise.resolve(made);
    },
    updatePort: (_session, id, { hostId }) => {
      const port = ports.get(id) ?? raise(notFound(`No port ${id}.`));
      const changed = { ...port, binding: { ...port.binding, hostId: hostId ?? '' } };
      ports.set(id, changed);
      return Promise.resolve(changed);
    },
    deletePort: (_session, id) => Promise.resolve(void ports.delete(id)),
  });
}

const factsOf = (uuid: string, name: string): NodeFacts => ({
  uuid,
  name,
  hypervisorType: 'fake',
  hypervisorVersion: 1,
  hostIp: '127.0.0.1',
  vcpus: 8,
  memoryMb: 8192,
  localGb: 100,
  vcpusUsed: 0,
  memoryMbUsed: 0,
  localGbUsed: 0,
  diskAvailableLeast: 100,
  runningVms: 0,
  cpuInfo: {},
  supportedInstances: [],
  stats: {},
});

/** What is left of an instance, anywhere. */
export async function leftoversOf(world: World, id: string) {
  const found = await findInstance(world.stores, id);
  const sagas = await Promise.all(
    world.stores
      .cells()
      .map(({ database }) =>
        database
          .selectFrom('sagas')
          .select('id')
          .where('subject', '=', id)
          .where('state', 'in', ['running', 'unwinding', 'stuck'])
          .execute(),
      ),
  );
  return {
    vmState: found?.instance.vmState ?? null,
    taskState: found?.instance.taskState ?? null,
    guest: world.guests.get(id)?.powerState ?? null,
    allocated: world.allocations.has(id),
    ports: [...world.ports.values()].filter((port) => port.deviceId === id).length,
    sagas: sagas.flat().length,
  };
}

export const injected = (step: string) => conflict(`injected failure at ${step}`);
