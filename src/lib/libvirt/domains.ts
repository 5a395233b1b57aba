/** Domains: which there are, how they live and die, and what they look like. */
import type { CallOptions, LibvirtClient } from './client.ts';
import { isLibvirtError } from './errors.ts';
import {
  affectFlags,
  coreDumpFlags,
  coreDumpFormats,
  createFlags,
  defineFlags,
  destroyFlags,
  domainStates,
  flagBits,
  listFlags,
  memoryFlags,
  metadataTypes,
  nameAt,
  saveFlags,
  shutdownFlags,
  stateReason,
  undefineFlags,
  vcpuFlags,
  xmlFlags,
} from './flags.ts';
import type { DomainState, Flags, StateReason } from './flags.ts';
import { cpuMapOf, cpusOf } from './host.ts';
import type { DomainRef } from './protocol.ts';
import { toRecord } from './typed-params.ts';
import type { ParameterRecord } from './typed-params.ts';

export type { DomainRef } from './protocol.ts';

/** A domain by its UUID alone, without asking: only the UUID identifies. A call on one that is gone rejects with `noDomain`. */
export const domainRef = (uuid: string, name = uuid): DomainRef => ({ name, uuid, id: -1 });

// ── Which there are ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** All domains, or those with all these properties (of which `active` and `inactive` together mean either). */
export async function listDomains(
  client: LibvirtClient,
  flags: Flags<typeof listFlags> = [],
  options?: CallOptions,
): Promise<readonly DomainRef[]> {
  return (await client.call('connectListAllDomains', { needResults: true, flags: flagBits(listFlags, flags) }, options)).domains;
}

/** The domain with this UUID, or null. */
export const findDomain = (client: LibvirtClient, uuid: string, options?: CallOptions): Promise<DomainRef | null> =>
  found(client.call('domainLookupByUuid', { uuid }, options));

/** The domain with this name, or null. */
export const findDomainByName = (client: LibvirtClient, name: string, options?: CallOptions): Promise<DomainRef | null> =>
  found(client.call('domainLookupByName', { name }, options));

async function found(lookup: Promise<{ readonly domain: DomainRef }>): Promise<DomainRef | null> {
  try {
    return (await lookup).domain;
  } catch (error) {
    if (isLibvirtError(error, 'noDomain')) return null;
    throw error;
  }
}

// ── Life and death ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Makes or replaces a persistent definition. Rejects with `domainExists`, `xmlError`, `configUnsupported`. */
export async function defineDomain(
  client: LibvirtClient,
  xml: string,
  flags: Flags<typeof defineFlags> = [],
  options?: CallOptions,
): Promise<DomainRef> {
  return (await client.call('domainDefineXml', { xml, flags: flagBits(defineFlags, flags) }, options)).domain;
}

/** Starts a domain that lives only as long as it runs. */
export async function createTransientDomain(
  client: LibvirtClient,
  xml: string,
  flags: Flags<typeof createFlags> = [],
  options?: CallOptions,
): Promise<DomainRef> {
  return (await client.call('domainCreateXml', { xml, flags: flagBits(createFlags, flags) }, options)).domain;
}

/** Starts a defined domain, from its managed save if it has one. Rejects with `operationInvalid` when it runs. */
export async function startDomain(
  client: LibvirtClient,
  domain: DomainRef,
  flags: Flags<typeof createFlags> = [],
  options?: CallOptions,
): Promise<DomainRef> {
  return (await client.call('domainCreate', { domain, flags: flagBits(createFlags, flags) }, options)).domain;
}

/** Forgets the persistent definition. A running domain becomes transient. */
export async function undefineDomain(
  client: LibvirtClient,
  domain: DomainRef,
  flags: Flags<typeof undefineFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainUndefine', { domain, flags: flagBits(undefineFlags, flags) }, options);
}

/** Pulls the plug. Rejects with `operationInvalid` when it does not run; `graceful` rejects rather than sending SIGKILL. */
export async function destroyDomain(
  client: LibvirtClient,
  domain: DomainRef,
  flags: Flags<typeof destroyFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainDestroy', { domain, flags: flagBits(destroyFlags, flags) }, options);
}

/** Asks the guest to power off, and returns at once: whether it does shows in its state and its events. */
export async function shutdownDomain(
  client: LibvirtClient,
  domain: DomainRef,
  ways: Flags<typeof shutdownFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainShutdown', { domain, flags: flagBits(shutdownFlags, ways) }, options);
}

/** Asks the guest to start over, and returns at once. */
export async function rebootDomain(
  client: LibvirtClient,
  domain: DomainRef,
  ways: Flags<typeof shutdownFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainReboot', { domain, flags: flagBits(shutdownFlags, ways) }, options);
}

/** Presses the reset button: same process, same definition. */
export async function resetDomain(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<void> {
  await client.call('domainReset', { domain, flags: 0 }, options);
}

/** Stops the virtual processors; memory stays. */
export async function suspendDomain(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<void> {
  await client.call('domainSuspend', { domain }, options);
}

export async function resumeDomain(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<void> {
  await client.call('domainResume', { domain }, options);
}

/** Saves memory to a file libvirt keeps, and stops; the next start goes on from there. */
export async function managedSaveDomain(
  client: LibvirtClient,
  domain: DomainRef,
  flags: Flags<typeof saveFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainManagedSave', { domain, flags: flagBits(saveFlags, flags) }, options);
}

export const hasManagedSave = async (client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<boolean> =>
  (await client.call('domainHasManagedSave', { domain, flags: 0 }, options)).result;

export async function removeManagedSave(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<void> {
  await client.call('domainManagedSaveRemove', { domain, flags: 0 }, options);
}

/** Saves memory to a file on the host and stops; `xml` replaces the definition kept in the file. */
export async function saveDomain(
  client: LibvirtClient,
  domain: DomainRef,
  path: string,
  { xml = null, flags = [] }: { readonly xml?: string | null; readonly flags?: Flags<typeof saveFlags> } = {},
  options?: CallOptions,
): Promise<void> {
  await client.call('domainSave', { domain, path, xml, flags: flagBits(saveFlags, flags) }, options);
}

/** Goes on from a saved file. */
export async function restoreDomain(
  client: LibvirtClient,
  path: string,
  { xml = null, flags = [] }: { readonly xml?: string | null; readonly flags?: Flags<typeof saveFlags> } = {},
  options?: CallOptions,
): Promise<void> {
  await client.call('domainRestore', { path, xml, flags: flagBits(saveFlags, flags) }, options);
}

/** Writes the guest's memory to a file on the host, for a debugger. */
export async function coreDumpDomain(
  client: LibvirtClient,
  domain: DomainRef,
  path: string,
  { format = 'raw', flags = [] }: { readonly format?: (typeof coreDumpFormats)[number]; readonly flags?: Flags<typeof coreDumpFlags> } = {},
  options?: CallOptions,
): Promise<void> {
  const number = coreDumpFormats.indexOf(format);
  await client.call('domainCoreDump', { domain, path, format: number, flags: flagBits(coreDumpFlags, flags) }, options);
}

/** Gives a domain that does not run another name. */
export async function renameDomain(client: LibvirtClient, domain: DomainRef, name: string, options?: CallOptions): Promise<void> {
  await client.call('domainRename', { domain, name, flags: 0 }, options);
}

/** Whether it starts with the host. */
export async function setAutostart(client: LibvirtClient, domain: DomainRef, autostart: boolean, options?: CallOptions): Promise<void> {
  await client.call('domainSetAutostart', { domain, autostart }, options);
}

export const getAutostart = async (client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<boolean> =>
  (await client.call('domainGetAutostart', { domain }, options)).autostart;

// ── What they look like ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The domain XML: live when it runs, unless `inactive`; `secure` includes passwords; `migratable` fits other hosts. */
export const getDomainXml = async (
  client: LibvirtClient,
  domain: DomainRef,
  flags: Flags<typeof xmlFlags> = [],
  options?: CallOptions,
): Promise<string> => (await client.call('domainGetXml', { domain, flags: flagBits(xmlFlags, flags) }, options)).xml;

export async function getDomainState(
  client: LibvirtClient,
  domain: DomainRef,
  options?: CallOptions,
): Promise<{ readonly state: DomainState; readonly reason: StateReason }> {
  const { state, reason } = await client.call('domainGetState', { domain, flags: 0 }, options);
  const name = nameAt(domainStates, state);
  return { state: name, reason: stateReason(name, reason) };
}

export interface DomainInfo {
  readonly state: DomainState;
  /** The most it may have, and what it has now. */
  readonly maxMemoryKib: number;
  readonly memoryKib: number;
  readonly vcpus: number;
  /** Since its start, of all processors together. */
  readonly cpuTimeNs: bigint;
}

export async function getDomainInfo(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<DomainInfo> {
  const info = await client.call('domainGetInfo', { domain }, options);
  return {
    state: nameAt(domainStates, info.state),
    maxMemoryKib: Number(info.maxMemory),
    memoryKib: Number(info.memory),
    vcpus: info.vcpus,
    cpuTimeNs: info.cpuTime,
  };
}

export const isDomainActive = async (client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<boolean> =>
  (await client.call('domainIsActive', { domain }, options)).result;

export const isDomainPersistent = async (client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<boolean> =>
  (await client.call('domainIsPersistent', { domain }, options)).result;

/** Warnings libvirt keeps about it, such as tainting and deprecations. */
export const getDomainMessages = async (client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<readonly string[]> =>
  (await client.call('domainGetMessages', { domain, flags: 0 }, options)).messages;

/** Which piece of metadata: the title, the description, or an element of a namespace. */
export type MetadataKind = 'title' | 'description' | { readonly uri: string; readonly prefix: string };

const metadataType = (kind: MetadataKind): number => metadataTypes.indexOf(typeof kind === 'string' ? kind : 'element');

/** Sets a piece of metadata, or takes it away with null. */
export async function setMetadata(
  client: LibvirtClient,
  domain: DomainRef,
  kind: MetadataKind,
  metadata: string | null,
  flags: Flags<typeof affectFlags> = [],
  options?: CallOptions,
): Promise<void> {
  const { uri, prefix: key } = typeof kind === 'string' ? { uri: null, prefix: null } : kind;
  await client.call(
    'domainSetMetadata',
    { domain, type: metadataType(kind), metadata, key, uri, flags: flagBits(affectFlags, flags) },
    options,
  );
}

/** A piece of metadata, or null when it has none. */
export async function getMetadata(
  client: LibvirtClient,
  domain: DomainRef,
  kind: MetadataKind,
  flags: Flags<typeof affectFlags> = [],
  options?: CallOptions,
): Promise<string | null> {
  const uri = typeof kind === 'string' ? null : kind.uri;
  try {
    return (await client.call('domainGetMetadata', { domain, type: metadataType(kind), uri, flags: flagBits(affectFlags, flags) }, options))
      .metadata;
  } catch (error) {
    if (isLibvirtError(error, 'noDomainMetadata')) return null;
    throw error;
  }
}

// ── Processors and memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Changes the number of processors. Taking away needs the guest's help: it rejects after some seconds when the guest does not let go. */
export async function setVcpus(
  client: LibvirtClient,
  domain: DomainRef,
  vcpus: number,
  flags: Flags<typeof vcpuFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainSetVcpus', { domain, vcpus, flags: flagBits(vcpuFlags, flags) }, options);
}

/** How many processors it has, or may have with `maximum`. */
export const getVcpuCount = async (
  client: LibvirtClient,
  domain: DomainRef,
  flags: Flags<typeof vcpuFlags> = [],
  options?: CallOptions,
): Promise<number> => (await client.call('domainGetVcpuCount', { domain, flags: flagBits(vcpuFlags, flags) }, options)).count;

export interface VcpuInfo {
  readonly number: number;
  readonly state: 'offline' | 'running' | 'blocked' | 'unknown';
  readonly cpuTimeNs: bigint;
  /** The host CPU it runs on now; null when it is not on any. */
  readonly cpu: number | null;
  /** The host CPUs it may run on. */
  readonly pinnedTo: readonly number[];
}

const vcpuStates = ['offline', 'running', 'blocked'] as const;

/** The processors of a running domain; `hostCpus` is the host's number of CPUs. Rejects with `operationInvalid` when it does not run. */
export async function getVcpus(client: LibvirtClient, domain: DomainRef, hostCpus: number, options?: CallOptions): Promise<VcpuInfo[]> {
  const maximum = await getVcpuCount(client, domain, ['maximum'], options);
  const mapLength = Math.ceil(hostCpus / 8);
  const { vcpus, cpuMaps } = await client.call('domainGetVcpus', { domain, maximum, mapLength }, options);
  return vcpus.map(({ number, state, cpuTime, cpu }, i) => ({
    number,
    state: nameAt(vcpuStates, state),
    cpuTimeNs: cpuTime,
    cpu: cpu < 0 ? null : cpu,
    pinnedTo: cpusOf(cpuMaps.subarray(i * mapLength, (i + 1) * mapLength)),
  }));
}

/** Lets a processor run only on these host CPUs. */
export async function pinVcpu(
  client: LibvirtClient,
  domain: DomainRef,
  vcpu: number,
  cpus: Iterable<number>,
  flags: Flags<typeof affectFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainPinVcpu', { domain, vcpu, cpuMap: cpuMapOf(cpus), flags: flagBits(affectFlags, flags) }, options);
}

/** The same for the emulator's own threads. */
export async function pinEmulator(
  client: LibvirtClient,
  domain: DomainRef,
  cpus: Iterable<number>,
  flags: Flags<typeof affectFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainPinEmulator', { domain, cpuMap: cpuMapOf(cpus), flags: flagBits(affectFlags, flags) }, options);
}

/** Sets the balloon's target, or with `maximum` (not while it runs) the most it may have. */
export async function setMemory(
  client: LibvirtClient,
  domain: DomainRef,
  kib: number,
  flags: Flags<typeof memoryFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainSetMemory', { domain, memory: kib, flags: flagBits(memoryFlags, flags) }, options);
}

/** How often the balloon driver reports memory statistics; 0 for never. */
export async function setMemoryStatsPeriod(
  client: LibvirtClient,
  domain: DomainRef,
  seconds: number,
  flags: Flags<typeof affectFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainSetMemoryStatsPeriod', { domain, period: seconds, flags: flagBits(affectFlags, flags) }, options);
}

/** The launch measurement and state of a confidential domain. */
export const getLaunchSecurityInfo = async (client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<ParameterRecord> =>
  toRecord((await client.call('domainGetLaunchSecurityInfo', { domain, flags: 0 }, options)).parameters);
