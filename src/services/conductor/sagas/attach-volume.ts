import type { BlockDevice } from '../../../domain/instance.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import { changeInstance, findInstance, getInstance } from '../../../store/instances.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestOrder } from '../guest-order.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { attachmentOf, releaseVolumes } from '../volumes.ts';

export interface AttachVolumeParams extends OperationParams {
  /** Written into the instance when the operation was accepted, so that its name in the guest is its own from then on. */
  readonly device: BlockDevice;
}

const event = 'compute_attach_volume';

/** Gives a server a volume: reserved for it, connected to its host and plugged into its guest. A server without a host has it by name until then. */
export const attachVolume = saga<AttachVolumeParams, ConductorDeps>('attach-volume', { deadlineSeconds: deadlineOfCopies })
  .step('device', {
    run: async ({ params, deps }) => {
      const device = await attachmentOf(deps, params.instanceId, params.device);
      await replaceDevice(deps, params.instanceId, device);
      return device;
    },
    undo: async ({ params, deps, failure }) => {
      await releaseVolumes(deps, params.instanceId, params.device.volumeId ?? '');
      await removeDevice(deps, params.instanceId, params.device);
      await concludeOperation(deps, params, { event, whileTask: [null], host: null, failure });
    },
  })
  .step('plugged', {
    run: async ({ params, results: { device }, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const complete = () => deps.volume.completeAttachment(deps.identity.serviceSession, device.attachmentId ?? '');
      if (instance.host === null) {
        await complete();
        return { host: null };
      }
      const order = guestOrder(deps.settings, instance);
      await deps.agentOn(instance.host).attachVolume({ order, device }, { key: idempotencyKey, epoch: instance.epoch, signal });
      await complete();
      return { host: instance.host };
    },
    undo: async ({ params, deps, idempotencyKey }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found?.instance.host == null) return; // deleted meanwhile, with all it had
      const { id, host, epoch } = found.instance;
      await deps
        .agentOn(host)
        .detachVolume({ instanceId: id, volumeId: params.device.volumeId ?? '' }, { key: `${idempotencyKey}/undo`, epoch });
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results, deps }) => {
      await concludeOperation(deps, params, { event, whileTask: [null], host: results.plugged.host });
      return null;
    },
  });

/** A device of an instance as it is now. */
async function replaceDevice(deps: ConductorDeps, instanceId: string, device: BlockDevice): Promise<void> {
  const { cellId } = await getInstance(deps.stores, instanceId);
  await changeInstance(deps.stores.cell(cellId), instanceId, ({ blockDevices }) => ({
    blockDevices: blockDevices.map((one) => (one.uuid === device.uuid ? device : one)),
  }));
}

/** Takes a device off an instance; succeeds when the instance is gone. */
export async function removeDevice(deps: ConductorDeps, instanceId: string, { uuid }: Pick<BlockDevice, 'uuid'>): Promise<void> {
  const found = await findInstance(deps.stores, instanceId);
  if (found === null) return;
  await changeInstance(deps.stores.cell(found.cellId), instanceId, ({ blockDevices }) => ({
    blockDevices: blockDevices.filter((one) => one.uuid !== uuid),
  }));
}
