/** Moving a running domain to another host, and the jobs that libvirt reports on. */
import type { CallOptions, LibvirtClient } from './client.ts';
import { flagBits, jobStatsFlags, jobTypes, migrateFlags, nameAt } from './flags.ts';
import type { Flags, JobType } from './flags.ts';
import type { DomainRef } from './protocol.ts';
import { toParameters, toRecord } from './typed-params.ts';
import type { ParameterRecord, ParameterValues } from './typed-params.ts';

const migrateParameters = {
  /** Where the memory goes, such as `tcp://10.0.0.2`; the destination chooses when left out. */
  uri: ['migrate_uri', 'string'],
  destinationName: ['destination_name', 'string'],
  /** What it shall look like there. */
  destinationXml: ['destination_xml', 'string'],
  /** The definition that stays there. */
  persistentXml: ['persistent_xml', 'string'],
  /** MiB/s. */
  bandwidth: ['bandwidth', 'ullong'],
  /** MiB/s, once memory is fetched on demand. */
  postCopyBandwidth: ['bandwidth.postcopy', 'ullong'],
  graphicsUri: ['graphics_uri', 'string'],
  listenAddress: ['listen_address', 'string'],
  /** Targets of the disks to copy along. */
  disks: ['migrate_disks', 'string'],
  disksPort: ['disks_port', 'int'],
  disksUri: ['disks_uri', 'string'],
  compression: ['compression', 'string'],
  compressionThreads: ['compression.mt.threads', 'int'],
  compressionLevel: ['compression.mt.level', 'int'],
  decompressionThreads: ['compression.mt.dthreads', 'int'],
  /** Bytes. */
  xbzrleCache: ['compression.xbzrle.cache', 'ullong'],
  /** Per cent of throttling to begin with, and to add each round. */
  autoConvergeInitial: ['auto_converge.initial', 'int'],
  autoConvergeIncrement: ['auto_converge.increment', 'int'],
  parallelConnections: ['parallel.connections', 'int'],
  /** The name the destination's certificate must carry. */
  tlsDestination: ['tls.destination', 'string'],
} as const;

export type MigrateParameters = ParameterValues<typeof migrateParameters>;

/**
 * Moves a domain to another host, peer to peer: our daemon talks to the destination's (`destination` is its connection URI as our daemon
 * sees it, such as `qemu+tls://host/system`). Resolves when it runs there. Rejects with `migrateUnsafe`, `operationFailed`,
 * `operationAborted` after `abortJob`; the domain then still runs here. Nothing but `abortJob` stops it: a signal only stops the wait.
 */
export async function migrateDomain(
  client: LibvirtClient,
  domain: DomainRef,
  destination: string,
  flags: Flags<typeof migrateFlags>,
  parameters: MigrateParameters = {},
  options?: CallOptions,
): Promise<void> {
  await client.call(
    'domainMigratePerform3',
    {
      domain,
      destination,
      parameters: toParameters(migrateParameters, parameters),
      cookie: Buffer.alloc(0),
      flags: flagBits(migrateFlags, [...flags, 'peer2peer']),
    },
    options,
  );
}

/** The longest pause the guest may see at the end of a migration, in milliseconds. Works before and during one. */
export async function setMigrationDowntime(client: LibvirtClient, domain: DomainRef, ms: number, options?: CallOptions): Promise<void> {
  await client.call('domainMigrateSetMaxDowntime', { domain, downtime: ms, flags: 0 }, options);
}

/** The most a migration may send, in MiB/s. */
export async function setMigrationSpeed(
  client: LibvirtClient,
  domain: DomainRef,
  mibPerSecond: number,
  options?: CallOptions,
): Promise<void> {
  await client.call('domainMigrateSetMaxSpeed', { domain, bandwidth: mibPerSecond, flags: 0 }, options);
}

export const getMigrationSpeed = async (client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<number> =>
  Number((await client.call('domainMigrateGetMaxSpeed', { domain, flags: 0 }, options)).bandwidth);

/** Lets a migration begun with `postCopy` go over: from now on the guest runs there and fetches its memory. There is no way back. */
export async function startPostCopy(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<void> {
  await client.call('domainMigrateStartPostCopy', { domain, flags: 0 }, options);
}

/** Stops the job that runs on the domain: a migration, a save, a dump. Rejects with `operationInvalid` when there is none. */
export async function abortJob(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<void> {
  await client.call('domainAbortJob', { domain }, options);
}

export interface Job {
  readonly type: JobType;
  /** libvirt's own names: `memory_total`, `memory_remaining` in bytes, `time_elapsed`, `downtime` in ms, … */
  readonly stats: ParameterRecord;
}

/** The job that runs on a domain, or with `completed` the last one that ended. Type `none` when there is none. */
export async function getJob(
  client: LibvirtClient,
  domain: DomainRef,
  flags: Flags<typeof jobStatsFlags> = [],
  options?: CallOptions,
): Promise<Job> {
  const { type, parameters } = await client.call('domainGetJobStats', { domain, flags: flagBits(jobStatsFlags, flags) }, options);
  return { type: nameAt(jobTypes, type), stats: toRecord(parameters) };
}

export interface JobInfo {
  readonly type: JobType;
  readonly elapsedMs: number;
  /** Bytes altogether, and of memory and files apart. */
  readonly data: Progress;
  readonly memory: Progress;
  readonly files: Progress;
}

interface Progress {
  readonly total: number;
  readonly processed: number;
  readonly remaining: number;
}

const progress = (total: bigint, processed: bigint, remaining: bigint): Progress => ({
  total: Number(total),
  processed: Number(processed),
  remaining: Number(remaining),
});

/** The same in the short form. */
export async function getJobInfo(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<JobInfo> {
  const info = await client.call('domainGetJobInfo', { domain }, options);
  return {
    type: nameAt(jobTypes, info.type),
    elapsedMs: Number(info.timeElapsed),
    data: progress(info.dataTotal, info.dataProcessed, info.dataRemaining),
    memory: progress(info.memoryTotal, info.memoryProcessed, info.memoryRemaining),
    files: progress(info.fileTotal, info.fileProcessed, info.fileRemaining),
  };
}
