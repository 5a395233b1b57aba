import type { Image } from '../../src/clients/image.ts';
import type { Network } from '../../src/clients/network.ts';
import type { NodeFacts } from '../../src/domain/hosts.ts';
import type { InstanceFlavor, InstanceId, InstanceImage } from '../../src/domain/instance.ts';
import type { Vif, VifSubnet } from '../../src/domain/network-info.ts';
import type { RequestSpec } from '../../src/domain/request-spec.ts';
import { randomIds } from '../../src/lib/ids.ts';
import type { NewInstance } from '../../src/store/instances.ts';

/** Things as they are most of the time; a test says what is different about its own. */

export const sampleFlavor = (changes: Partial<InstanceFlavor> = {}): InstanceFlavor => ({
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
  ...changes,
});

/** What an instance keeps of the image it was made from. */
export const sampleInstanceImage = (changes: Partial<InstanceImage> = {}): InstanceImage => ({
  id: '0f0f0f0f-0000-4000-8000-000000000001',
  name: 'tiny',
  diskFormat: 'qcow2',
  containerFormat: 'bare',
  minDisk: 0,
  minRam: 0,
  size: 1,
  checksum: null,
  properties: {},
  ...changes,
});

/** An image as the image service shows it. */
export const sampleImage = (changes: Partial<Image> = {}): Image => ({
  id: '0f0f0f0f-0000-4000-8000-000000000001',
  name: 'tiny',
  status: 'active',
  visibility: 'public',
  owner: 'alpha',
  protected: false,
  diskFormat: 'qcow2',
  containerFormat: 'bare',
  size: 1,
  virtualSize: null,
  checksum: null,
  hash: null,
  minRam: 0,
  minDisk: 0,
  createdAt: '2026-01-01T00:00:00Z',
  updatedAt: '2026-01-01T00:00:00Z',
  tags: [],
  properties: {},
  ...changes,
});

export const sampleNetwork = (changes: Partial<Network> = {}): Network => ({
  id: 'n',
  name: 'net',
  projectId: 'alpha',
  shared: false,
  external: false,
  adminStateUp: true,
  portSecurityEnabled: true,
  mtu: 1500,
  subnetIds: [],
  ...changes,
});

export const sampleSubnet = (changes: Partial<VifSubnet> = {}): VifSubnet => ({
  id: 's',
  cidr: '10.0.0.0/24',
  version: 4,
  gateway: null,
  dns: [],
  routes: [],
  dhcpServer: null,
  addresses: [{ address: '10.0.0.5', floating: [] }],
  ...changes,
});

export const sampleVif = (changes: Partial<Vif> = {}): Vif => ({
  portId: '7a7a7a7a-0000-4000-8000-000000000001',
  macAddress: 'fa:16:3e:00:00:01',
  networkId: 'n',
  networkLabel: 'net',
  mtu: 1500,
  vnicType: 'normal',
  vifType: 'bridge',
  vifDetails: {},
  profile: {},
  active: true,
  tag: null,
  deleteOnTermination: true,
  subnets: [sampleSubnet()],
  ...changes,
});

/** What a request for one server is placed by. */
export const sampleSpec = (changes: Partial<RequestSpec> = {}): RequestSpec => ({
  projectId: 'alpha',
  userId: 'alpha.member',
  flavor: sampleFlavor(),
  image: null,
  isBootedFromVolume: false,
  availabilityZone: null,
  forceHost: null,
  forceNode: null,
  requestedHost: null,
  requestedNode: null,
  ignoreHosts: [],
  schedulerHints: {},
  groupId: null,
  requestedNetworks: 'none',
  securityGroups: [],
  ...changes,
});

/** An active instance on `host-1`. */
export function sampleInstance(changes: Partial<NewInstance> = {}): NewInstance {
  const id = randomIds.uuid() as InstanceId;
  return {
    id,
    projectId: 'alpha',
    userId: 'alpha.member',
    name: `server-${id.slice(0, 4)}`,
    description: null,
    hostname: 'server',
    vmState: 'active',
    taskState: null,
    powerState: 1,
    host: 'host-1',
    node: 'host-1',
    availabilityZone: 'nova',
    launchedOn: 'host-1',
    flavor: sampleFlavor(),
    oldFlavor: null,
    newFlavor: null,
    image: null,
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
    reservationId: 'r-12345678',
    rootDeviceName: '/dev/vda',
    networkInfo: [],
    blockDevices: [],
    securityGroups: [],
    fault: null,
    schedulerHints: {},
    trustedCerts: null,
    launchedAt: '2026-01-02T03:04:05Z',
    terminatedAt: null,
    deletedAt: null,
    ...changes,
  };
}

/** A host with nothing on it, of 8 processors and 8 GiB. */
export const sampleNodeFacts = (changes: Partial<NodeFacts> = {}): NodeFacts => ({
  uuid: randomIds.uuid(),
  name: 'host-1',
  hypervisorType: 'fake',
  hypervisorVersion: 1_000_000,
  hostIp: '192.0.2.1',
  vcpus: 8,
  memoryMb: 8192,
  localGb: 100,
  vcpusUsed: 0,
  memoryMbUsed: 512,
  localGbUsed: 0,
  diskAvailableLeast: 90,
  runningVms: 0,
  cpuInfo: { arch: 'x86_64', model: 'fake' },
  supportedInstances: [['x86_64', 'fake', 'hvm']],
  stats: {},
  ...changes,
});
