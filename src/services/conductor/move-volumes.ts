import type { Session } from '../../clients/session.ts';
import type { VolumeClient } from '../../clients/volume.ts';
import type { BlockDevice, Instance } from '../../domain/instance.ts';
import { updateInstance, type LocatedInstance } from '../../store/instances.ts';
import type { Stores } from '../../store/stores.ts';

interface VolumeAccess {
  readonly volume: Pick<VolumeClient, 'createAttachment' | 'attachments' | 'deleteAttachment'>;
  readonly identity: { readonly serviceSession: Session };
}

const hasVolumes = ({ blockDevices }: Pick<Instance, 'blockDevices'>): boolean => blockDevices.some(({ volumeId }) => volumeId !== null);

/**
 * Reserves each volume of a server once more, for wherever the server is next: answers its devices as they are there. Under the same key
 * they are the same, while they are there. A volume service that knows no keys gives others: `keepAttachments` ends those nobody names.
 */
export async function reserveAnew({ volume, identity }: VolumeAccess, instance: Instance, key: string): Promise<readonly BlockDevice[]> {
  return Promise.all(
    instance.blockDevices.map(async (device) => {
      const { volumeId } = device;
      if (volumeId === null) return device;
      const wanted = { volumeId, serverId: instance.id };
      const options = { idempotencyKey: `${device.uuid}/${key}`.slice(0, 255) };
      return { ...device, attachmentId: (await volume.createAttachment(identity.serviceSession, wanted, options)).id };
    }),
  );
}

/** Ends every attachment of a server that its devices do not name: its volumes are where they say, and nowhere else. */
export async function keepAttachments({ volume, identity }: VolumeAccess, instance: Instance): Promise<void> {
  if (!hasVolumes(instance)) return;
  const session = identity.serviceSession;
  const named = new Set(instance.blockDevices.map(({ attachmentId }) => attachmentId));
  const all = await volume.attachments(session, { serverId: instance.id });
  await Promise.all(all.filter(({ id }) => !named.has(id)).map(({ id }) => volume.deleteAttachment(session, id)));
}

/**
 * Takes a server's volumes from the host they are connected to, and keeps them for the server: each gets an attachment that is connected
 * nowhere in the place of its own. May run again under the same key.
 */
export async function disconnectVolumes(
  deps: VolumeAccess & { readonly stores: Stores },
  { instance, cellId }: LocatedInstance,
  key: string,
): Promise<void> {
  if (!hasVolumes(instance)) return;
  const blockDevices = await reserveAnew(deps, instance, key);
  await updateInstance(deps.stores.cell(cellId), instance.id, { blockDevices });
  await keepAttachments(deps, { ...instance, blockDevices });
}
