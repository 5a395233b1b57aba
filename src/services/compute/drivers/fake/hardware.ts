import type { Settings } from '../../../../config/index.ts';
import type { HostCell } from '../../../../domain/numa/host-topology.ts';
import type { PciDevice } from '../../../../domain/pci/device-spec.ts';
import type { FakeResources } from './driver.ts';

const coresOfNode = 8;
const threadsOfCore = 2;
const memoryMbOfNode = 16_384;
const smallPageKb = 4;

/** What every fake host pretends to be made of: nothing special, unless the settings give it NUMA nodes. Its amounts are then those of its nodes. */
export function fakeHardware({ kilonova }: Settings): Partial<FakeResources> {
  const { fake_numa_nodes: nodes, fake_pci_devices: devices } = kilonova;
  const pciDevices = Array.from({ length: Math.max(1, nodes) }, (_, node) =>
    Array.from({ length: devices }, (__, slot) => pciDevice(node, slot)),
  ).flat();
  if (nodes === 0) return devices === 0 ? {} : { pciDevices: pciDevices.map((device) => ({ ...device, numaNode: null })) };
  const cores = nodes * coresOfNode;
  return {
    vcpus: cores * threadsOfCore,
    memoryMb: nodes * memoryMbOfNode,
    numaTopology: { cells: Array.from({ length: nodes }, (_, node) => cellOf(node, cores)) },
    pciDevices,
  };
}

/** The second thread of a core is numbered after all first ones, as Linux does. */
function cellOf(node: number, cores: number): HostCell {
  const siblings = Array.from({ length: coresOfNode }, (_, core) => [node * coresOfNode + core, cores + node * coresOfNode + core]);
  const cpus = siblings.flat().toSorted((a, b) => a - b);
  return {
    id: node,
    sharedCpus: cpus,
    dedicatedCpus: cpus,
    cpuUsage: 0,
    pinnedCpus: [],
    siblings,
    memoryMb: memoryMbOfNode,
    memoryUsageMb: 0,
    socket: node,
    pages: [{ sizeKb: smallPageKb, total: (memoryMbOfNode * 1024) / smallPageKb, used: 0, reserved: 0 }],
    physnets: [],
    tunneled: false,
  };
}

const pciDevice = (node: number, slot: number): PciDevice => ({
  address: `0000:${(0x81 + node).toString(16)}:${(slot >> 3).toString(16).padStart(2, '0')}.${slot & 7}`,
  vendorId: '10de',
  productId: '1db4',
  deviceType: 'type-PCI',
  numaNode: node,
  parentAddress: null,
  interfaceName: null,
});
