import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import { getInstance } from '../../../store/instances.ts';
import type { ConductorDeps } from '../deps.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';

export interface ExtendVolumeParams extends OperationParams {
  readonly volumeId: string;
}

const event = 'compute_extend_volume';
const gib = 1024 ** 3;

/** Tells a server's guest that a volume of it has grown: the volume service has done it and says so by an event. */
export const extendVolume = saga<ExtendVolumeParams, ConductorDeps>('extend-volume', { deadlineSeconds: deadlineOfCopies })
  .step('told', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      if (instance.host === null) return { host: null };
      const { size } = await deps.volume.show(deps.identity.serviceSession, params.volumeId);
      await deps
        .agentOn(instance.host)
        .growVolume(
          { instanceId: instance.id, volumeId: params.volumeId, bytes: size * gib },
          { key: idempotencyKey, epoch: instance.epoch, signal },
        );
      return { host: instance.host };
    },
    // the volume stays as large as it is; a guest that did not hear of it sees it at its next start
    undo: async ({ params, deps, failure }) => {
      await concludeOperation(deps, params, { event, whileTask: [null], host: null, failure });
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results, deps }) => {
      await concludeOperation(deps, params, { event, whileTask: [null], host: results.told.host });
      return null;
    },
  });
