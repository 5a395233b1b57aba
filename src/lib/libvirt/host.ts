/** The host behind a connection: what it is, what it can do, and how busy it is. */
import type { CallOptions, LibvirtClient } from './client.ts';
import { toRecord } from './typed-params.ts';
import type { ParameterRecord } from './typed-params.ts';

/** A version as libvirt counts: 9.0.0 is 9000000. */
export interface Versions {
  readonly libvirt: number;
  readonly hypervisor: number;
}

export async function getVersions(client: LibvirtClient, options?: CallOptions): Promise<Versions> {
  const [libvirt, hypervisor] = await Promise.all([
    client.call('connectGetLibVersion', {}, options),
    client.call('connectGetVersion', {}, options),
  ]);
  return { libvirt: Number(libvirt.version), hypervisor: Number(hypervisor.version) };
}

/** `9.0.0` for 9000000. */
export const formatVersion = (version: number): string =>
  `${Math.floor(version / 1_000_000)}.${Math.floor(version / 1000) % 1000}.${version % 1000}`;

/** The name of the host as its daemon sees it. */
export const getHostname = async (client: LibvirtClient, options?: CallOptions): Promise<string> =>
  (await client.call('connectGetHostname', {}, options)).hostname;

/** The driver's type: `QEMU` or `TEST`. */
export const getDriverType = async (client: LibvirtClient, options?: CallOptions): Promise<string> =>
  (await client.call('connectGetType', {}, options)).type;

/** The capabilities XML of the host. */
export const getCapabilities = async (client: LibvirtClient, options?: CallOptions): Promise<string> =>
  (await client.call('connectGetCapabilities', {}, options)).capabilities;

/** What to ask an emulator's capabilities for; libvirt fills in what is left out. */
export interface EmulatorQuery {
  readonly emulator?: string;
  readonly arch?: string;
  readonly machine?: string;
  /** `kvm` or `qemu`. */
  readonly virtType?: string;
}

const emulatorArguments = ({
  emulator = null,
  arch = null,
  machine = null,
  virtType = null,
}: { readonly [K in keyof EmulatorQuery]?: EmulatorQuery[K] | null }) => ({
  emulator,
  arch,
  machine,
  virtType,
});

/** The domain-capabilities XML of an emulator. */
export const getDomainCapabilities = async (client: LibvirtClient, query: EmulatorQuery = {}, options?: CallOptions): Promise<string> =>
  (await client.call('connectGetDomainCapabilities', { ...emulatorArguments(query), flags: 0 }, options)).capabilities;

/** Names of the CPU models libvirt knows for an architecture; empty where there are none to choose from. */
export const listCpuModels = async (client: LibvirtClient, arch: string, options?: CallOptions): Promise<readonly string[]> =>
  (await client.call('connectGetCpuModelNames', { arch, needResults: true, flags: 0 }, options)).models;

const cpuComparisons = ['incompatible', 'identical', 'superset'] as const;
export type CpuComparison = (typeof cpuComparisons)[number];

/** How the host's CPU stands to one in XML: `superset` has all of it and more. Malformed XML rejects with `xmlError` or `xmlDetail`. */
export async function compareHostCpu(client: LibvirtClient, cpuXml: string, options?: CallOptions): Promise<CpuComparison> {
  const { result } = await client.call('connectCompareCpu', { xml: cpuXml, flags: 0 }, options);
  return cpuComparisons[result] ?? 'incompatible';
}

/** The same for the CPU an emulator can give a guest, which is what counts without hardware virtualization. */
export async function compareHypervisorCpu(
  client: LibvirtClient,
  query: EmulatorQuery,
  cpuXml: string,
  options?: CallOptions,
): Promise<CpuComparison> {
  const { result } = await client.call('connectCompareHypervisorCpu', { ...emulatorArguments(query), cpu: cpuXml, flags: 0 }, options);
  return cpuComparisons[result] ?? 'incompatible';
}

/** The richest CPU all these can run, as XML. */
export const baselineHypervisorCpu = async (
  client: LibvirtClient,
  query: EmulatorQuery,
  cpus: readonly string[],
  options?: CallOptions,
): Promise<string> => (await client.call('connectBaselineHypervisorCpu', { ...emulatorArguments(query), cpus, flags: 0 }, options)).cpu;

/** The host in a few numbers. */
export interface HostInfo {
  readonly arch: string;
  /** In KiB; where libvirt misjudges it, ask `getHostMemoryStats`. */
  readonly memoryKib: number;
  readonly cpus: number;
  readonly mhz: number;
  readonly numaNodes: number;
  readonly socketsPerNode: number;
  readonly coresPerSocket: number;
  readonly threadsPerCore: number;
}

export async function getHostInfo(client: LibvirtClient, options?: CallOptions): Promise<HostInfo> {
  const info = await client.call('nodeGetInfo', {}, options);
  return {
    arch: info.model,
    memoryKib: Number(info.memory),
    cpus: info.cpus,
    mhz: info.mhz,
    numaNodes: info.nodes,
    socketsPerNode: info.sockets,
    coresPerSocket: info.cores,
    threadsPerCore: info.threads,
  };
}

/** Counters by name, such as `user` or `free`. */
export type Counters = Readonly<Record<string, number>>;

const toCounters = (counters: readonly { readonly field: string; readonly value: bigint }[]): Counters =>
  Object.fromEntries(counters.map(({ field, value }) => [field, Number(value)]));

/** Nanoseconds all CPUs (or one) spent in `kernel`, `user`, `idle` and `iowait` since the host started. */
export async function getHostCpuStats(client: LibvirtClient, cpu = -1, options?: CallOptions): Promise<Counters> {
  const { count } = await client.call('nodeGetCpuStats', { cpu, count: 0, flags: 0 }, options); // libvirt insists on the exact number
  return toCounters((await client.call('nodeGetCpuStats', { cpu, count, flags: 0 }, options)).counters);
}

/** KiB of memory of the host (or one NUMA cell): `total`, `free`, and for the host `buffers` and `cached`. */
export async function getHostMemoryStats(client: LibvirtClient, cell = -1, options?: CallOptions): Promise<Counters> {
  const { count } = await client.call('nodeGetMemoryStats', { count: 0, cell, flags: 0 }, options);
  return toCounters((await client.call('nodeGetMemoryStats', { count, cell, flags: 0 }, options)).counters);
}

/** Free pages of these sizes (in KiB) on a NUMA cell, in the same order. */
export async function getFreePages(
  client: LibvirtClient,
  cell: number,
  pageSizesKib: readonly number[],
  options?: CallOptions,
): Promise<number[]> {
  const { counts } = await client.call('nodeGetFreePages', { pageSizes: pageSizesKib, startCell: cell, cellCount: 1, flags: 0 }, options);
  return counts.map(Number);
}

/** CPUs that are present, and those online. */
export async function getHostCpus(
  client: LibvirtClient,
  options?: CallOptions,
): Promise<{ readonly total: number; readonly online: readonly number[] }> {
  const { total, cpuMap } = await client.call('nodeGetCpuMap', { needMap: true, needOnline: true, flags: 0 }, options);
  return { total, online: cpusOf(cpuMap) };
}

/** What the host offers for AMD SEV, such as `max-guests`; rejects with `operationUnsupported` where there is none. */
export async function getSevInfo(client: LibvirtClient, options?: CallOptions): Promise<ParameterRecord> {
  const { count } = await client.call('nodeGetSevInfo', { count: 0, flags: 0 }, options);
  return toRecord((await client.call('nodeGetSevInfo', { count, flags: 0 }, options)).parameters);
}

// ── Devices of the host ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const deviceKinds = {
  pci: 2,
  usbDevice: 4,
  net: 16,
  scsi: 128,
  storage: 256,
  vports: 1024,
  mdevTypes: 8192,
  mdev: 16_384,
  vdpa: 1 << 17,
} as const;
export type HostDeviceKind = keyof typeof deviceKinds;

/** Names of the host's devices of these kinds, or of all. */
export async function listHostDevices(
  client: LibvirtClient,
  kinds: readonly HostDeviceKind[] = [],
  options?: CallOptions,
): Promise<string[]> {
  const flags = kinds.reduce((bits, kind) => bits | deviceKinds[kind], 0);
  const { devices } = await client.call('connectListAllNodeDevices', { needResults: true, flags }, options);
  return devices.map(({ name }) => name);
}

/** The XML of a host device. Rejects with `noNodeDevice`. */
export const getHostDeviceXml = async (client: LibvirtClient, name: string, options?: CallOptions): Promise<string> =>
  (await client.call('nodeDeviceGetXml', { name, flags: 0 }, options)).xml;

/** Makes a mediated device and gives its name. */
export const createHostDevice = async (client: LibvirtClient, xml: string, options?: CallOptions): Promise<string> =>
  (await client.call('nodeDeviceCreateXml', { xml, flags: 0 }, options)).device.name;

export async function destroyHostDevice(client: LibvirtClient, name: string, options?: CallOptions): Promise<void> {
  await client.call('nodeDeviceDestroy', { name }, options);
}

/** Takes a PCI device from the host's driver, so that a guest can have it. */
export async function detachHostDevice(client: LibvirtClient, name: string, options?: CallOptions): Promise<void> {
  await client.call('nodeDeviceDetach', { name, driver: null, flags: 0 }, options);
}

/** Gives a PCI device back to the host. */
export async function reattachHostDevice(client: LibvirtClient, name: string, options?: CallOptions): Promise<void> {
  await client.call('nodeDeviceReattach', { name }, options);
}

export async function resetHostDevice(client: LibvirtClient, name: string, options?: CallOptions): Promise<void> {
  await client.call('nodeDeviceReset', { name }, options);
}

// ── CPU maps ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The numbers of the CPUs in a bit map, whose lowest bit comes first. */
export const cpusOf = (map: Uint8Array): number[] =>
  [...map].flatMap((byte, i) => [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte & (1 << bit)) !== 0).map((bit) => i * 8 + bit));

/** A bit map with these CPUs, just long enough. */
export function cpuMapOf(cpus: Iterable<number>): Uint8Array {
  const numbers = [...cpus];
  const map = new Uint8Array(Math.floor(Math.max(0, ...numbers) / 8) + 1);
  for (const cpu of numbers) map[cpu >> 3] = (map[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  return map;
}
