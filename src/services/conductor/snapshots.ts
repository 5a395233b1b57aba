import type { Instance, InstanceId } from '../../domain/instance.ts';
import { isKind } from '../../lib/errors.ts';
import type { CommandOptions } from '../../lib/rpc/contract.ts';
import { findInstance } from '../../store/instances.ts';
import type { ConductorDeps } from './deps.ts';
import { guestOrder } from './guest-order.ts';

/** An image that is to be filled with the root disk of a server. */
export interface SnapshotParams {
  readonly instanceId: InstanceId;
  readonly imageId: string;
  readonly format: 'raw' | 'qcow2' | 'iso';
  readonly quiesce: 'never' | 'try' | 'must';
}

/** Has the host copy the disk. */
export async function copyDisk(
  deps: ConductorDeps,
  instance: Instance,
  { imageId, format, quiesce }: SnapshotParams,
  options: CommandOptions,
): Promise<void> {
  const order = guestOrder(deps.settings, instance);
  await deps.agentOn(instance.host ?? '').snapshot({ order, imageId, format, quiesce }, options);
}

/** Has the host give the image what was copied. */
export const uploadCopy = (
  deps: ConductorDeps,
  { id, host }: Instance,
  { imageId }: SnapshotParams,
  options: CommandOptions,
): Promise<void> => deps.agentOn(host ?? '').uploadSnapshot({ instanceId: id, imageId }, options);

/** Deletes an image, and with a key the copy on the host. A host that does not answer removes it at the latest with the guest. */
export async function discardImage(
  deps: ConductorDeps,
  { instanceId, imageId }: Pick<SnapshotParams, 'instanceId' | 'imageId'>,
  key: string | null,
): Promise<void> {
  await deps.image.delete(deps.identity.serviceSession, imageId).catch((error: unknown) => {
    if (!isKind(error, 'notFound')) throw error;
  });
  const instance = key === null ? null : (await findInstance(deps.stores, instanceId))?.instance;
  if (key === null || instance?.host == null) return;
  await deps
    .agentOn(instance.host)
    .discardSnapshot({ instanceId, imageId }, { key, epoch: instance.epoch, timeoutMs: 30_000 })
    .catch((error: unknown) => {
      if (!isKind(error, 'unavailable', 'notFound', 'conflict')) throw error;
      deps.log.info({ instanceId, imageId, err: error }, 'the copy of a disk was not discarded; it goes with the guest');
    });
}
