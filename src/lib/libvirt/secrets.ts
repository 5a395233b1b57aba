/** Secrets libvirt keeps for disks: LUKS passphrases, Ceph keys, vTPM keys. */
import type { CallOptions, LibvirtClient } from './client.ts';
import { isLibvirtError } from './errors.ts';
import { secretUsages } from './flags.ts';
import type { SecretRef } from './protocol.ts';

export type { SecretRef } from './protocol.ts';

/** Makes a secret without a value, or replaces its definition. */
export async function defineSecret(client: LibvirtClient, xml: string, options?: CallOptions): Promise<SecretRef> {
  return (await client.call('secretDefineXml', { xml, flags: 0 }, options)).secret;
}

/** At most 65536 bytes. */
export async function setSecretValue(client: LibvirtClient, secret: SecretRef, value: Uint8Array, options?: CallOptions): Promise<void> {
  await client.call('secretSetValue', { secret, value, flags: 0 }, options);
}

/** Rejects for a `private` secret. */
export async function getSecretValue(client: LibvirtClient, secret: SecretRef, options?: CallOptions): Promise<Buffer> {
  return (await client.call('secretGetValue', { secret, flags: 0 }, options)).value;
}

export async function undefineSecret(client: LibvirtClient, secret: SecretRef, options?: CallOptions): Promise<void> {
  await client.call('secretUndefine', { secret }, options);
}

/** The secret with this UUID, or null. */
export const findSecret = (client: LibvirtClient, uuid: string, options?: CallOptions): Promise<SecretRef | null> =>
  found(client.call('secretLookupByUuid', { uuid }, options));

/** The secret of this use, such as a volume's path, or null. */
export const findSecretByUsage = (
  client: LibvirtClient,
  usage: (typeof secretUsages)[number],
  usageId: string,
  options?: CallOptions,
): Promise<SecretRef | null> => found(client.call('secretLookupByUsage', { usageType: secretUsages.indexOf(usage), usageId }, options));

export async function listSecrets(client: LibvirtClient, options?: CallOptions): Promise<readonly SecretRef[]> {
  return (await client.call('connectListAllSecrets', { needResults: true, flags: 0 }, options)).secrets;
}

async function found(lookup: Promise<{ readonly secret: SecretRef }>): Promise<SecretRef | null> {
  try {
    return (await lookup).secret;
  } catch (error) {
    if (isLibvirtError(error, 'noSecret')) return null;
    throw error;
  }
}
