/** Disks of a domain and the jobs that copy them. A disk is named by its target (`vda`) or its path. Bandwidths are in MiB/s; 0 is unlimited. */
import type { CallOptions, LibvirtClient } from './client.ts';
import {
  affectFlags,
  blockCommitFlags,
  blockCopyFlags,
  blockJobAbortFlags,
  blockJobTypes,
  blockPullFlags,
  blockRebaseFlags,
  flagBits,
  nameAt,
} from './flags.ts';
import type { BlockJobType, Flags } from './flags.ts';
import type { DomainRef } from './protocol.ts';
import { toParameters, toRecord } from './typed-params.ts';
import type { ParameterRecord, ParameterValues } from './typed-params.ts';

const SIZE_IN_BYTES = 1;

/** Tells a running guest that its disk has another size, and grows the file where there is one. */
export async function resizeDisk(
  client: LibvirtClient,
  domain: DomainRef,
  disk: string,
  bytes: number,
  options?: CallOptions,
): Promise<void> {
  await client.call('domainBlockResize', { domain, path: disk, size: bytes, flags: SIZE_IN_BYTES }, options);
}

/** Bytes: what the guest sees, what the host gave, and how far the file reaches. */
export interface DiskSize {
  readonly capacity: number;
  readonly allocation: number;
  readonly physical: number;
}

export async function getDiskSize(client: LibvirtClient, domain: DomainRef, disk: string, options?: CallOptions): Promise<DiskSize> {
  const { capacity, allocation, physical } = await client.call('domainGetBlockInfo', { domain, path: disk, flags: 0 }, options);
  return { capacity: Number(capacity), allocation: Number(allocation), physical: Number(physical) };
}

/** Starts to pull all backing files into the disk. */
export async function pullDisk(
  client: LibvirtClient,
  domain: DomainRef,
  disk: string,
  { bandwidth = 0, flags = [] }: { readonly bandwidth?: number; readonly flags?: Flags<typeof blockPullFlags> } = {},
  options?: CallOptions,
): Promise<void> {
  await client.call('domainBlockPull', { domain, path: disk, bandwidth, flags: flagBits(blockPullFlags, flags) }, options);
}

/** Starts to pull down to `base`, or with `copy` to copy the disk to it. */
export async function rebaseDisk(
  client: LibvirtClient,
  domain: DomainRef,
  disk: string,
  base: string | null,
  { bandwidth = 0, flags = [] }: { readonly bandwidth?: number; readonly flags?: Flags<typeof blockRebaseFlags> } = {},
  options?: CallOptions,
): Promise<void> {
  await client.call('domainBlockRebase', { domain, path: disk, base, bandwidth, flags: flagBits(blockRebaseFlags, flags) }, options);
}

const copyParameters = {
  bandwidth: ['bandwidth', 'ullong'],
  granularity: ['granularity', 'uint'],
  bufferSize: ['buf-size', 'ullong'],
} as const;

/** Starts to copy a disk to a destination in `<disk>` XML and keeps both the same until the job is pivoted or aborted. */
export async function copyDisk(
  client: LibvirtClient,
  domain: DomainRef,
  disk: string,
  destinationXml: string,
  /** Bandwidth in bytes/s, granularity and buffer in bytes. */
  { flags = [], ...values }: ParameterValues<typeof copyParameters> & { readonly flags?: Flags<typeof blockCopyFlags> } = {},
  options?: CallOptions,
): Promise<void> {
  const parameters = toParameters(copyParameters, values);
  await client.call(
    'domainBlockCopy',
    { domain, path: disk, destination: destinationXml, parameters, flags: flagBits(blockCopyFlags, flags) },
    options,
  );
}

/** Starts to merge the layers from `top` (or the active one) down into `base` (or the deepest). */
export async function commitDisk(
  client: LibvirtClient,
  domain: DomainRef,
  disk: string,
  {
    base = null,
    top = null,
    bandwidth = 0,
    flags = [],
  }: {
    readonly base?: string | null;
    readonly top?: string | null;
    readonly bandwidth?: number;
    readonly flags?: Flags<typeof blockCommitFlags>;
  } = {},
  options?: CallOptions,
): Promise<void> {
  await client.call('domainBlockCommit', { domain, path: disk, base, top, bandwidth, flags: flagBits(blockCommitFlags, flags) }, options);
}

/** Ends a disk's job: by giving up, or with `pivot` by moving over to the copy. Waits for it unless `async`. */
export async function abortBlockJob(
  client: LibvirtClient,
  domain: DomainRef,
  disk: string,
  flags: Flags<typeof blockJobAbortFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainBlockJobAbort', { domain, path: disk, flags: flagBits(blockJobAbortFlags, flags) }, options);
}

export interface BlockJob {
  readonly type: BlockJobType;
  readonly bandwidth: number;
  /** Progress in bytes; a copy is in step with its source when `cur` equals `end`, unless both are 0, which means it has only begun. */
  readonly cur: number;
  readonly end: number;
}

/** The job of a disk, or null when it has none. */
export async function getBlockJob(client: LibvirtClient, domain: DomainRef, disk: string, options?: CallOptions): Promise<BlockJob | null> {
  const { found, type, bandwidth, cur, end } = await client.call('domainGetBlockJobInfo', { domain, path: disk, flags: 0 }, options);
  return found ? { type: nameAt(blockJobTypes, type), bandwidth: Number(bandwidth), cur: Number(cur), end: Number(end) } : null;
}

export async function setBlockJobSpeed(
  client: LibvirtClient,
  domain: DomainRef,
  disk: string,
  bandwidth: number,
  options?: CallOptions,
): Promise<void> {
  await client.call('domainBlockJobSetSpeed', { domain, path: disk, bandwidth, flags: 0 }, options);
}

const ioTuneParameters = {
  totalBytesSec: ['total_bytes_sec', 'ullong'],
  readBytesSec: ['read_bytes_sec', 'ullong'],
  writeBytesSec: ['write_bytes_sec', 'ullong'],
  totalIopsSec: ['total_iops_sec', 'ullong'],
  readIopsSec: ['read_iops_sec', 'ullong'],
  writeIopsSec: ['write_iops_sec', 'ullong'],
  totalBytesSecMax: ['total_bytes_sec_max', 'ullong'],
  readBytesSecMax: ['read_bytes_sec_max', 'ullong'],
  writeBytesSecMax: ['write_bytes_sec_max', 'ullong'],
  totalIopsSecMax: ['total_iops_sec_max', 'ullong'],
  readIopsSecMax: ['read_iops_sec_max', 'ullong'],
  writeIopsSecMax: ['write_iops_sec_max', 'ullong'],
  sizeIopsSec: ['size_iops_sec', 'ullong'],
} as const;

/** Limits a disk's traffic; 0 lifts a limit. */
export async function setIoTune(
  client: LibvirtClient,
  domain: DomainRef,
  disk: string,
  limits: ParameterValues<typeof ioTuneParameters>,
  flags: Flags<typeof affectFlags> = [],
  options?: CallOptions,
): Promise<void> {
  const parameters = toParameters(ioTuneParameters, limits);
  await client.call('domainSetBlockIoTune', { domain, path: disk, parameters, flags: flagBits(affectFlags, flags) }, options);
}

/** A disk's limits by libvirt's names, such as `total_bytes_sec`. */
export async function getIoTune(
  client: LibvirtClient,
  domain: DomainRef,
  disk: string,
  flags: Flags<typeof affectFlags> = [],
  options?: CallOptions,
): Promise<ParameterRecord> {
  const bits = flagBits(affectFlags, flags);
  const { count } = await client.call('domainGetBlockIoTune', { domain, path: disk, count: 0, flags: bits }, options);
  return toRecord((await client.call('domainGetBlockIoTune', { domain, path: disk, count, flags: bits }, options)).parameters);
}

const diskErrors = ['none', 'unspecified', 'noSpace'] as const;

/** The disks whose last error still stands, with what it was. */
export async function getDiskErrors(
  client: LibvirtClient,
  domain: DomainRef,
  options?: CallOptions,
): Promise<{ readonly disk: string; readonly error: (typeof diskErrors)[number] | 'unknown' }[]> {
  const { errors } = await client.call('domainGetDiskErrors', { domain, maximum: 256, flags: 0 }, options);
  return errors.map(({ disk, error }) => ({ disk, error: nameAt(diskErrors, error) }));
}
