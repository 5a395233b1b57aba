/** Devices of a domain: plugging, unplugging and changing. Unplugging a live device ends with a `deviceRemoved` event, not with the call. */
import type { CallOptions, LibvirtClient } from './client.ts';
import { affectFlags, deviceFlags, flagBits } from './flags.ts';
import type { Flags } from './flags.ts';
import type { DomainRef } from './protocol.ts';

/** Plugs in a device. Rejects with `operationFailed`, `configUnsupported`, `operationInvalid` for a taken target. */
export async function attachDevice(
  client: LibvirtClient,
  domain: DomainRef,
  xml: string,
  flags: Flags<typeof deviceFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainAttachDevice', { domain, xml, flags: flagBits(deviceFlags, flags) }, options);
}

/** Asks for the device of this XML to be unplugged. Rejects with `deviceMissing` when there is none (older libvirt: `operationFailed`). */
export async function detachDevice(
  client: LibvirtClient,
  domain: DomainRef,
  xml: string,
  flags: Flags<typeof deviceFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainDetachDevice', { domain, xml, flags: flagBits(deviceFlags, flags) }, options);
}

/** Asks for a device to be unplugged by its alias. */
export async function detachDeviceByAlias(
  client: LibvirtClient,
  domain: DomainRef,
  alias: string,
  flags: Flags<typeof affectFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainDetachDeviceAlias', { domain, alias, flags: flagBits(affectFlags, flags) }, options);
}

/** Changes what can be changed of a device: a medium, a link's state, a graphics password. */
export async function updateDevice(
  client: LibvirtClient,
  domain: DomainRef,
  xml: string,
  flags: Flags<typeof deviceFlags> = [],
  options?: CallOptions,
): Promise<void> {
  await client.call('domainUpdateDevice', { domain, xml, flags: flagBits(deviceFlags, flags) }, options);
}
