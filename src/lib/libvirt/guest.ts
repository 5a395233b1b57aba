/**
 * What happens inside: through the guest agent, the hypervisor's monitor, the keyboard and the screen.
 * Agent calls reject with `agentUnresponsive` when no agent answers, `argumentUnsupported` when none is configured,
 * and `operationInvalid` while the domain is paused.
 */
import type { Duplex, Readable, Writable } from 'node:stream';

import type { CallOptions, LibvirtClient, OpenStreamOptions } from './client.ts';
import { addressSources, consoleFlags, flagBits, keyCodeSets, passwordFlags } from './flags.ts';
import type { Flags } from './flags.ts';
import type { DomainRef } from './protocol.ts';
import { toRecord } from './typed-params.ts';
import type { ParameterRecord } from './typed-params.ts';

// ── The agent ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How long an agent may take: as libvirt thinks right, for ever, not at all, or so many seconds. */
export type AgentPatience = 'default' | 'forever' | 'noWait' | number;

const agentTimeout = (patience: AgentPatience): number =>
  typeof patience === 'number' ? patience : { default: -1, forever: -2, noWait: 0 }[patience];

/** Sends a command to the guest agent and gives its `return`. */
export async function agentCommand(
  client: LibvirtClient,
  domain: DomainRef,
  command: { readonly execute: string; readonly arguments?: Readonly<Record<string, unknown>> },
  patience: AgentPatience = 'default',
  options?: CallOptions,
): Promise<unknown> {
  const { result } = await client.call(
    'qemuAgentCommand',
    { domain, command: JSON.stringify(command), timeout: agentTimeout(patience), flags: 0 },
    options,
  );
  return result === null ? null : returned(result);
}

/** Sends a command to QEMU's monitor and gives its `return`. It taints the domain; for what libvirt cannot do itself. */
export async function monitorCommand(
  client: LibvirtClient,
  domain: DomainRef,
  command: { readonly execute: string; readonly arguments?: Readonly<Record<string, unknown>> },
  options?: CallOptions,
): Promise<unknown> {
  return returned((await client.call('qemuMonitorCommand', { domain, command: JSON.stringify(command), flags: 0 }, options)).result);
}

/** The `return` of a QEMU answer; an answer with `error` throws its description. */
function returned(text: string): unknown {
  const answer: { readonly return?: unknown; readonly error?: { readonly desc?: string } } = JSON.parse(text);
  if (answer.error !== undefined) throw new Error(answer.error.desc ?? text);
  return answer.return;
}

/** Sets a password inside the guest; with `encrypted` it is already hashed. */
export async function setUserPassword(
  client: LibvirtClient,
  domain: DomainRef,
  user: string,
  password: string,
  flags: Flags<typeof passwordFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainSetUserPassword', { domain, user, password, flags: flagBits(passwordFlags, flags) }, options);
}

/** Freezes the guest's file systems, or those mounted there; gives how many. */
export const freezeFileSystems = async (
  client: LibvirtClient,
  domain: DomainRef,
  mountPoints: readonly string[] = [],
  options?: CallOptions,
): Promise<number> => (await client.call('domainFsFreeze', { domain, mountPoints, flags: 0 }, options)).count;

export const thawFileSystems = async (
  client: LibvirtClient,
  domain: DomainRef,
  mountPoints: readonly string[] = [],
  options?: CallOptions,
): Promise<number> => (await client.call('domainFsThaw', { domain, mountPoints, flags: 0 }, options)).count;

/** Lets the guest give back unused blocks. */
export async function trimFileSystems(
  client: LibvirtClient,
  domain: DomainRef,
  mountPoint: string | null = null,
  options?: CallOptions,
): Promise<void> {
  await client.call('domainFsTrim', { domain, mountPoint, minimum: 0, flags: 0 }, options);
}

export interface FileSystem {
  readonly mountPoint: string;
  readonly name: string;
  readonly type: string;
  /** Targets of the disks it lies on. */
  readonly deviceAliases: readonly string[];
}

export async function listFileSystems(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<readonly FileSystem[]> {
  return (await client.call('domainGetFsInfo', { domain, flags: 0 }, options)).fileSystems;
}

/** What the agent knows by libvirt's names: `os.pretty-name`, `hostname`, `user.0.name`, … */
export const getGuestInfo = async (client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<ParameterRecord> =>
  toRecord((await client.call('domainGetGuestInfo', { domain, types: 0, flags: 0 }, options)).parameters);

/** Sets the guest's clock. */
export async function setGuestTime(client: LibvirtClient, domain: DomainRef, epochMs: number, options?: CallOptions): Promise<void> {
  const seconds = Math.floor(epochMs / 1000);
  await client.call(
    'domainSetTime',
    { domain, seconds, nanoseconds: Math.floor((epochMs - seconds * 1000) * 1_000_000), flags: 0 },
    options,
  );
}

export interface GuestInterface {
  readonly name: string;
  readonly mac: string | null;
  readonly addresses: readonly { readonly version: 4 | 6; readonly address: string; readonly prefix: number }[];
}

/** Addresses of the guest's interfaces, from libvirt's DHCP leases, the agent, or the host's ARP table. */
export async function getInterfaceAddresses(
  client: LibvirtClient,
  domain: DomainRef,
  source: (typeof addressSources)[number],
  options?: CallOptions,
): Promise<GuestInterface[]> {
  const { interfaces } = await client.call(
    'domainInterfaceAddresses',
    { domain, source: addressSources.indexOf(source), flags: 0 },
    options,
  );
  return interfaces.map(({ name, mac, addresses }) => ({
    name,
    mac,
    addresses: addresses.map(({ type, address, prefix }) => ({ version: type === 0 ? 4 : 6, address, prefix })),
  }));
}

// ── Keyboard, screen and lines ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Presses these keys together and lets go after `holdMs`. At most 16. */
export async function sendKey(
  client: LibvirtClient,
  domain: DomainRef,
  keyCodes: readonly number[],
  { codeSet = 'linux', holdMs = 0 }: { readonly codeSet?: (typeof keyCodeSets)[number]; readonly holdMs?: number } = {},
  options?: CallOptions,
): Promise<void> {
  await client.call('domainSendKey', { domain, codeSet: keyCodeSets.indexOf(codeSet), holdMs, keyCodes, flags: 0 }, options);
}

/** Sends a non-maskable interrupt, which most guests answer with a crash dump. */
export async function injectNmi(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<void> {
  await client.call('domainInjectNmi', { domain, flags: 0 }, options);
}

/** Opens a console, the first unless `device` names one by its alias. `force` throws out who is on it. */
export async function openConsole(
  client: LibvirtClient,
  domain: DomainRef,
  { device = null, flags = [] }: { readonly device?: string | null; readonly flags?: Flags<typeof consoleFlags> } = {},
  options?: OpenStreamOptions,
): Promise<Duplex> {
  return (await client.openStream('domainOpenConsole', { domain, device, flags: flagBits(consoleFlags, flags) }, options)).stream;
}

/** Opens a channel to the guest by its name. */
export async function openChannel(client: LibvirtClient, domain: DomainRef, name: string, options?: OpenStreamOptions): Promise<Duplex> {
  return (await client.openStream('domainOpenChannel', { domain, name, flags: 0 }, options)).stream;
}

/** A picture of a screen, with its MIME type (`image/png` or `image/x-portable-pixmap`). */
export async function takeScreenshot(
  client: LibvirtClient,
  domain: DomainRef,
  screen = 0,
  options?: OpenStreamOptions,
): Promise<{ readonly mime: string; readonly image: Readable }> {
  const { result, stream } = await client.openStream('domainScreenshot', { domain, screen, flags: 0 }, options);
  return { mime: result.mime ?? 'application/octet-stream', image: stream };
}

// ── Volumes of libvirt's own pools ──────────────────────────────────────────────────────────────────────────────────────────────────

/** The bytes of a volume, or a part of it; a length of 0 reads to the end. Large ones belong on a connection of their own. */
export async function downloadVolume(
  client: LibvirtClient,
  path: string,
  { offset = 0, length = 0 }: { readonly offset?: number; readonly length?: number } = {},
  options?: OpenStreamOptions,
): Promise<Readable> {
  const { volume } = await client.call('storageVolumeLookupByPath', { path }, options);
  return (await client.openStream('storageVolumeDownload', { volume, offset, length, flags: 0 }, options)).stream;
}

/** Writes into a volume; 'finish' comes when the daemon has written all. */
export async function uploadVolume(
  client: LibvirtClient,
  path: string,
  { offset = 0, length = 0 }: { readonly offset?: number; readonly length?: number } = {},
  options?: OpenStreamOptions,
): Promise<Writable> {
  const { volume } = await client.call('storageVolumeLookupByPath', { path }, options);
  return (await client.openStream('storageVolumeUpload', { volume, offset, length, flags: 0 }, options)).stream;
}
