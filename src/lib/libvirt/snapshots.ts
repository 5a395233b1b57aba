import type { CallOptions, LibvirtClient } from './client.ts';
import { flagBits, snapshotCreateFlags, snapshotDeleteFlags, snapshotRevertFlags } from './flags.ts';
import type { Flags } from './flags.ts';
import type { DomainRef, SnapshotRef } from './protocol.ts';

export type { SnapshotRef } from './protocol.ts';

/** Takes a snapshot as its XML says. Rejects with `operationInvalid`, `configUnsupported`, `agentUnresponsive` when `quiesce` fails. */
export async function createSnapshot(
  client: LibvirtClient,
  domain: DomainRef,
  xml: string,
  flags: Flags<typeof snapshotCreateFlags> = [],
  options?: CallOptions,
): Promise<SnapshotRef> {
  return (await client.call('domainSnapshotCreate', { domain, xml, flags: flagBits(snapshotCreateFlags, flags) }, options)).snapshot;
}

/** All snapshots libvirt knows of a domain. */
export async function listSnapshots(client: LibvirtClient, domain: DomainRef, options?: CallOptions): Promise<readonly SnapshotRef[]> {
  return (await client.call('domainListAllSnapshots', { domain, needResults: true, flags: 0 }, options)).snapshots;
}

/** The snapshot with this name. Rejects with `noDomainSnapshot`. */
export async function findSnapshot(client: LibvirtClient, domain: DomainRef, name: string, options?: CallOptions): Promise<SnapshotRef> {
  return (await client.call('domainSnapshotLookup', { domain, name, flags: 0 }, options)).snapshot;
}

export const getSnapshotXml = async (client: LibvirtClient, snapshot: SnapshotRef, options?: CallOptions): Promise<string> =>
  (await client.call('domainSnapshotGetXml', { snapshot, flags: 0 }, options)).xml;

/** Takes the domain back to a snapshot. */
export async function revertToSnapshot(
  client: LibvirtClient,
  snapshot: SnapshotRef,
  flags: Flags<typeof snapshotRevertFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainSnapshotRevert', { snapshot, flags: flagBits(snapshotRevertFlags, flags) }, options);
}

/** Deletes a snapshot, or with `metadataOnly` only what libvirt knows of it. */
export async function deleteSnapshot(
  client: LibvirtClient,
  snapshot: SnapshotRef,
  flags: Flags<typeof snapshotDeleteFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainSnapshotDelete', { snapshot, flags: flagBits(snapshotDeleteFlags, flags) }, options);
}
