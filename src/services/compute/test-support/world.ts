import type { ComputeClients } from '../compute-host.ts';
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Image, ImageClient } from '../../../clients/image.ts';
import type { NetworkClient, Port } from '../../../clients/network.ts';
import type { Inventory, PlacementClient } from '../../../clients/placement.ts';
import { readSettings, type Settings } from '../../../config/index.ts';
import { conductor, conductorTopic, type InstanceOnHost } from '../../../contracts/conductor.ts';
import type { GuestOrder } from '../../../domain/guest-order.ts';
import type { GuestEvent, NodeFacts } from '../../../domain/hosts.ts';
import type { InstanceFlavor } from '../../../domain/instance.ts';
import type { Vif } from '../../../domain/network-info.ts';
import { conflict, notFound } from '../../../lib/errors.ts';
import type { Bus } from '../../../lib/rpc/bus.ts';
import type { Handlers } from '../../../lib/rpc/contract.ts';
import { inProcessBus } from '../../../lib/rpc/in-process.ts';
import { sampleFlavor, sampleVif } from '../../../../test/support/samples.ts';

/** Everything around a compute host, in memory: a conductor on a bus, and the services it asks over HTTP. */
export interface World {
  readonly bus: Bus;
  readonly settings: Settings;
  readonly clients: {
    readonly placement: PlacementClient;
    readonly image: ImageClient;
    readonly network: NetworkClient;
    readonly volume: ComputeClients['volume'];
  };
  readonly identity: { readonly serviceSession: { readonly token: () => Promise<string> } };
  /** What the conductor was told. */
  readonly told: {
    readonly started: string[];
    readonly stopped: string[];
    readonly nodes: NodeFacts[];
    readonly events: GuestEvent[];
    readonly removed: string[];
  };
  /** The instances the conductor believes to be on hosts; change it at will. */
  instances: InstanceOnHost[];
  /** Instances it believes to be set aside, or evacuated. */
  setAside: string[];
  evacuated: { instanceId: string; moveId: string; made: boolean }[];
  readonly providers: Map<string, { name: string; generation: number; inventories: Record<string, Inventory>; traits: string[] }>;
  readonly ports: Map<string, Pick<Port, 'status'>>;
  readonly images: Map<string, { image: Image; data: () => Readable }>;
  /** Images that were downloaded, in order. */
  readonly downloads: string[];
  /** Runs before each write to placement, such as to write first. */
  beforePlacementWrite: (uuid: string) => void;
}

export async function world(conf = ''): Promise<World> {
  const { settings } = readSettings(conf);
  const bus = inProcessBus();
  const self: World = {
    bus,
    settings,
    clients: { placement: null as never, image: null as never, network: null as never, volume: null as never },
    identity: { serviceSession: { token: () => Promise.resolve('token') } },
    told: { started: [], stopped: [], nodes: [], events: [], removed: [] },
    instances: [],
    setAside: [],
    evacuated: [],
    providers: new Map(),
    ports: new Map(),
    images: new Map(),
    downloads: [],
    beforePlacementWrite: () => undefined,
  };
  Object.assign(self.clients, { placement: placementIn(self), image: imagesIn(self), network: networkIn(self) });
  const heard: Partial<Handlers<typeof conductor>> = {
    hostStarted: ({ host, nodes }) => {
      self.told.started.push(host);
      self.told.nodes.push(...nodes);
      return Promise.resolve({ instances: self.instances, setAside: self.setAside, evacuated: self.evacuated });
    },
    staleGuestsRemoved: ({ moveIds }) => Promise.resolve(void self.told.removed.push(...moveIds)),
    hostStopped: ({ host }) => Promise.resolve(void self.told.stopped.push(host)),
    nodesReported: ({ nodes }) => Promise.resolve(void self.told.nodes.push(...nodes)),
    guestsChanged: ({ events }) => Promise.resolve(void self.told.events.push(...events)),
    instancesOn: () => Promise.resolve({ instances: self.instances }),
  };
  // a host asks no more of a conductor than this
  await bus.serve(conductorTopic, conductor, heard as Handlers<typeof conductor>);
  return self;
}

/** The parts of placement a host uses, with generations. */
function placementIn(self: World): Partial<PlacementClient> {
  const find = (uuid: string) => {
    const provider = self.providers.get(uuid);
    if (provider === undefined) throw notFound(`No resource provider ${uuid}.`);
    return provider;
  };
  const write = (uuid: string, generation: number) => {
    self.beforePlacementWrite(uuid);
    const provider = find(uuid);
    if (provider.generation !== generation)
      throw conflict('resource provider generation conflict', { code: 'placement.concurrent_update' });
    provider.generation++;
    return provider;
  };
  const parents = new Map<string, string>();
  const asProvider = (uuid: string) => {
    const { name, generation } = find(uuid);
    return { uuid, name, generation, parentProviderUuid: parents.get(uuid) ?? null, rootProviderUuid: parents.get(uuid) ?? uuid };
  };
  return {
    async ensureProvider(_, { uuid, name, parentProviderUuid }) {
      if (!self.providers.has(uuid)) self.providers.set(uuid, { name, generation: 0, inventories: {}, traits: [] });
      if (parentProviderUuid !== undefined) parents.set(uuid, parentProviderUuid);
      return asProvider(uuid);
    },
    providers: async (_, query = {}) =>
      [...self.providers.keys()]
        .map(asProvider)
        .filter(({ rootProviderUuid }) => rootProviderUuid === (query['in_tree'] ?? rootProviderUuid)),
    async deleteProvider(_, uuid) {
      self.providers.delete(uuid);
    },
    ensureTraits: () => Promise.resolve(),
    ensureResourceClasses: () => Promise.resolve(),
    allocations: () => Promise.resolve({ allocations: {}, consumerGeneration: null, projectId: null, userId: null, consumerType: null }),
    inventories: async (_, uuid) => ({ generation: find(uuid).generation, inventories: find(uuid).inventories }),
    traits: async (_, uuid) => ({ generation: find(uuid).generation, traits: find(uuid).traits }),
    async setInventories(_, uuid, generation, inventories) {
      return Object.assign(write(uuid, generation), { inventories }).generation;
    },
    async setTraits(_, uuid, generation, traits) {
      return Object.assign(write(uuid, generation), { traits }).generation;
    },
  };
}

const imagesIn = (self: World): Partial<ImageClient> => ({
  async show(_, id) {
    const found = self.images.get(id);
    if (found === undefined) throw notFound(`No image ${id}.`);
    return found.image;
  },
  async download(_, id) {
    self.downloads.push(id);
    return self.images.get(id)!.data();
  },
});

const networkIn = (self: World): Partial<NetworkClient> => ({
  async port(_, id) {
    const port = self.ports.get(id);
    if (port === undefined) throw notFound(`No port ${id}.`);
    return port as Port;
  },
});

export const flavor = (changes: Partial<InstanceFlavor> = {}): InstanceFlavor => sampleFlavor({ memoryMb: 64, ...changes });

export const vif = (changes: Partial<Vif> = {}): Vif =>
  sampleVif({
    portId: randomUUID(),
    networkId: '7f8b3c5e-0000-4000-8000-000000000001',
    networkLabel: 'private',
    mtu: 1450,
    active: false,
    subnets: [],
    ...changes,
  });

export function order(changes: Partial<GuestOrder> = {}): GuestOrder {
  const instanceId = changes.instanceId ?? randomUUID();
  return {
    instanceId,
    name: 'instance-00000001',
    node: 'node',
    imageProperties: changes.image?.properties ?? {},
    projectId: 'p',
    userId: 'u',
    projectName: 'demo',
    userName: 'demo',
    displayName: 'a server',
    hostname: 'a-server',
    flavor: flavor(),
    image: null,
    blockDevices: [],
    networkInfo: [],
    configDrive: false,
    metadata: {
      instanceId,
      projectId: 'p',
      name: 'a server',
      hostname: 'a-server',
      domain: 'novalocal',
      launchIndex: 0,
      reservationId: 'r-00000000',
      availabilityZone: 'nova',
      flavorName: 'm1.tiny',
      ec2Ids: { instance: 'i-00000001', image: 'ami-00000000', kernel: null, ramdisk: null },
      metadata: {},
      publicKey: null,
      userData: null,
      securityGroups: [],
      rootDeviceName: '/dev/vda',
      blockDevices: [],
      networkInfo: [],
      devices: [],
      dedicatedCpus: [],
      files: [],
      adminPass: null,
      password: '',
      vendorData: { static: {}, dynamic: {} },
    },
    createdAt: '2026-11-01T00:00:00.000Z',
    ...changes,
  };
}

export const onHost = (changes: Partial<InstanceOnHost> & { readonly instanceId: string }): InstanceOnHost => ({
  name: 'instance-00000001',
  node: 'node',
  vmState: 'active',
  taskState: null,
  powerState: 1,
  epoch: 0,
  ...changes,
});
