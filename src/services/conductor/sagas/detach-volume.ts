import { isKind } from '../../../lib/errors.ts';
import { saga } from '../../../lib/saga/saga.ts';
import { findInstance, getInstance } from '../../../store/instances.ts';
import type { ConductorDeps } from '../deps.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { releaseVolumes } from '../volumes.ts';
import { removeDevice } from './attach-volume.ts';

export interface DetachVolumeParams extends OperationParams {
  readonly volumeId: string;
}

const event = 'compute_detach_volume';

/** Takes a volume out of a server's guest and gives it back. A guest that keeps the device keeps the volume, which is in-use as before. */
export const detachVolume = saga<DetachVolumeParams, ConductorDeps>('detach-volume')
  .step('unplugged', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      if (instance.host === null) return { host: null };
      await deps
        .agentOn(instance.host)
        .detachVolume({ instanceId: instance.id, volumeId: params.volumeId }, { key: idempotencyKey, epoch: instance.epoch, signal })
        .catch((error: unknown) => {
          if (!isKind(error, 'notFound')) throw error; // no guest: nothing holds the volume
        });
      return { host: instance.host };
    },
    // nothing is plugged in again: a guest that kept it has it still
    undo: async ({ params, deps, failure }) => {
      await deps.volume.rollDetaching(deps.identity.serviceSession, params.volumeId);
      await concludeOperation(deps, params, { event, whileTask: [null], host: null, failure });
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results, deps }) => {
      const session = deps.identity.serviceSession;
      const found = await findInstance(deps.stores, params.instanceId);
      const device = found?.instance.blockDevices.find(({ volumeId }) => volumeId === params.volumeId);
      await releaseVolumes(deps, params.instanceId, params.volumeId);
      if (device?.deleteOnTermination === true)
        // as Nova: a volume that goes with its server goes when it leaves it
        await deps.volume.delete(session, params.volumeId).catch((error: unknown) => {
          if (!isKind(error, 'invalid', 'conflict', 'forbidden')) throw error;
        });
      if (device !== undefined) await removeDevice(deps, params.instanceId, device);
      await concludeOperation(deps, params, { event, whileTask: [null], host: results.unplugged.host });
      return null;
    },
  });
