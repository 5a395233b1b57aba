/** A libvirt client: its wire protocol over a socket, and plain functions over that. It needs no libvirt library, and knows no cloud. */
export { connectLibvirt } from './client.ts';
export type { CallOptions, ConnectOptions, LibvirtClient, OpenStreamOptions } from './client.ts';
export { isLibvirtError, LibvirtConnectionError, LibvirtError, LibvirtTimeoutError } from './errors.ts';
export type { DisconnectReason, LibvirtErrorName } from './errors.ts';
export type { Arguments, EventMessage, EventName, ProcedureName, Result } from './protocol.ts';
export { defaultPorts, defaultSocketPath, parseUri } from './transport.ts';
export type { TlsIdentity, Transport } from './transport.ts';
export type { BlockJobType, DomainState, Flags, JobType, LifecycleDetail, LifecycleEvent, MemoryStat, StateReason } from './flags.ts';
export * from './devices.ts';
export * from './disks.ts';
export * from './domains.ts';
export * from './events.ts';
export * from './guest.ts';
export * from './host.ts';
export * from './migration.ts';
export * from './secrets.ts';
export * from './snapshots.ts';
export * from './statistics.ts';
