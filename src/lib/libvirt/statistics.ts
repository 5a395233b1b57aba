/** How busy domains are. Counters are totals since the domain's start, in bytes, requests and packets. */
import type { CallOptions, LibvirtClient } from './client.ts';
import { flagBits, memoryStatTags, statsFlags, statsGroups } from './flags.ts';
import type { Flags, MemoryStat } from './flags.ts';
import type { DomainRef } from './protocol.ts';
import { toRecord } from './typed-params.ts';
import type { ParameterRecord } from './typed-params.ts';

export interface DomainStats {
  readonly domain: DomainRef;
  /** libvirt's own names: `state.state`, `cpu.time` in ns, `balloon.current` in KiB, `block.0.rd.bytes`, … */
  readonly stats: ParameterRecord;
}

/** Statistics of many domains in one call: of these, or of all that fit the flags. */
export async function getDomainStats(
  client: LibvirtClient,
  {
    domains = [],
    groups = [],
    flags = [],
  }: {
    readonly domains?: readonly DomainRef[];
    readonly groups?: Flags<typeof statsGroups>;
    readonly flags?: Flags<typeof statsFlags>;
  } = {},
  options?: CallOptions,
): Promise<DomainStats[]> {
  const { records } = await client.call(
    'connectGetAllDomainStats',
    { domains, stats: flagBits(statsGroups, groups), flags: flagBits(statsFlags, flags) },
    options,
  );
  return records.map(({ domain, parameters }) => ({ domain, stats: toRecord(parameters) }));
}

/** What the balloon driver tells, in KiB (faults as counts); only what the guest reports. */
export async function getMemoryStats(
  client: LibvirtClient,
  domain: DomainRef,
  options?: CallOptions,
): Promise<Partial<Record<MemoryStat, number>>> {
  const { stats } = await client.call('domainMemoryStats', { domain, maximum: 64, flags: 0 }, options);
  return Object.fromEntries(
    stats.flatMap(({ tag, value }) => {
      const name = memoryStatTags[tag];
      return name === undefined ? [] : [[name, Number(value)] as const];
    }),
  );
}

export interface DiskStats {
  readonly readRequests: number;
  readonly readBytes: number;
  readonly writeRequests: number;
  readonly writeBytes: number;
  /** -1 where the hypervisor does not count them. */
  readonly errors: number;
}

/** Traffic of a disk, named by target or path. */
export async function getDiskStats(client: LibvirtClient, domain: DomainRef, disk: string, options?: CallOptions): Promise<DiskStats> {
  const stats = await client.call('domainBlockStats', { domain, path: disk }, options);
  return {
    readRequests: Number(stats.readRequests),
    readBytes: Number(stats.readBytes),
    writeRequests: Number(stats.writeRequests),
    writeBytes: Number(stats.writeBytes),
    errors: Number(stats.errors),
  };
}

interface Traffic {
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly drops: number;
}

export interface InterfaceStats {
  readonly received: Traffic;
  readonly sent: Traffic;
}

const traffic = (bytes: bigint, packets: bigint, errors: bigint, drops: bigint): Traffic => ({
  bytes: Number(bytes),
  packets: Number(packets),
  errors: Number(errors),
  drops: Number(drops),
});

/** Traffic of an interface as the guest sees it, named by its host device or MAC. */
export async function getInterfaceStats(
  client: LibvirtClient,
  domain: DomainRef,
  device: string,
  options?: CallOptions,
): Promise<InterfaceStats> {
  const stats = await client.call('domainInterfaceStats', { domain, device }, options);
  return {
    received: traffic(stats.rxBytes, stats.rxPackets, stats.rxErrors, stats.rxDrops),
    sent: traffic(stats.txBytes, stats.txPackets, stats.txErrors, stats.txDrops),
  };
}
