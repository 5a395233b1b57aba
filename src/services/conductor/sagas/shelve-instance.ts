import type { TaskState, VmState } from '../../../domain/instance.ts';
import { isKind } from '../../../lib/errors.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import { findInstance, getInstance, transition } from '../../../store/instances.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestNow } from '../guest-now.ts';
import { guestOrder } from '../guest-order.ts';
import { concludeOperation, finishEvent, type OperationParams } from '../outcome.ts';
import { offload, shelvedKeys } from '../shelved.ts';
import { copyDisk, discardImage, uploadCopy, type SnapshotParams } from '../snapshots.ts';
import { graceOf } from './change-power.ts';

export interface ShelveParams extends OperationParams {
  /** The image its disk becomes, which the API has made; null for a server that boots from a volume. */
  readonly image: Pick<SnapshotParams, 'imageId' | 'format'> | null;
  readonly was: VmState;
}

const tasks: readonly TaskState[] = ['shelving', 'shelving_image_pending_upload', 'shelving_image_uploading'];
const event = 'compute_shelve_instance';
const copyOf = ({ instanceId, image }: ShelveParams): SnapshotParams | null =>
  image === null ? null : { instanceId, ...image, quiesce: 'never' };

/** Puts a server away: shut down, its disk kept as an image, and off its host at once where the configuration says so. */
export const shelveInstance = saga<ShelveParams, ConductorDeps>('shelve-instance', { deadlineSeconds: deadlineOfCopies })
  .step('poweredOff', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const asked = { instanceId: instance.id, graceSeconds: graceOf(deps, instance) };
      const { powerState } = await deps
        .agentOn(instance.host ?? '')
        .powerOff(asked, { key: idempotencyKey, epoch: instance.epoch, signal });
      return { powerState, host: instance.host };
    },
    undo: async ({ params, deps, idempotencyKey, failure }) => {
      // the image was made before this saga began
      if (params.image !== null)
        await discardImage(deps, { instanceId: params.instanceId, imageId: params.image.imageId }, `${idempotencyKey}/discard`);
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return;
      const { instance } = found;
      if (
        instance.host !== null &&
        tasks.includes(instance.taskState ?? 'deleting') &&
        (params.was === 'active' || params.was === 'paused')
      ) {
        await deps
          .agentOn(instance.host)
          .powerOn({ order: guestOrder(deps.settings, instance) }, { key: `${idempotencyKey}/undo`, epoch: instance.epoch })
          .catch((error: unknown) => {
            if (!isKind(error, 'unavailable')) deps.log.warn({ err: error, instanceId: instance.id }, 'a guest was not started again');
          });
      }
      const { vmState = params.was, powerState } = await guestNow(deps, instance);
      await concludeOperation(deps, params, {
        event,
        whileTask: tasks,
        vmState: params.was === 'suspended' && vmState === 'stopped' ? params.was : vmState,
        changes: powerState === undefined ? {} : { powerState },
        host: instance.host,
        failure,
      });
    },
  })
  .step('copied', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const copy = copyOf(params);
      if (copy === null) return null;
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      await transition(deps.stores.cell(cellId), instance.id, { whileTask: tasks, taskState: 'shelving_image_pending_upload' });
      await copyDisk(deps, instance, copy, { key: idempotencyKey, epoch: instance.epoch, signal });
      return null;
    },
    // the copy and its image are discarded by the undo of the step before
  })
  .step('uploaded', {
    patienceSeconds: 600,
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const copy = copyOf(params);
      if (copy === null) return null;
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      await transition(deps.stores.cell(cellId), instance.id, { whileTask: tasks, taskState: 'shelving_image_uploading' });
      await uploadCopy(deps, instance, copy, { key: idempotencyKey, epoch: instance.epoch, signal });
      return null;
    },
    // likewise
  })
  .pointOfNoReturn()
  .step('shelved', {
    run: async ({ params, results: { poweredOff }, deps }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return null;
      const { instance, cellId } = found;
      const database = deps.stores.cell(cellId);
      const atOnce = deps.settings.DEFAULT.shelved_offload_time === 0 || params.image === null;
      await transition(
        database,
        instance.id,
        { whileTask: tasks, vmState: 'shelved', taskState: atOnce ? 'shelving_offloading' : null },
        {
          powerState: poweredOff.powerState,
          systemMetadata: {
            ...instance.systemMetadata,
            [shelvedKeys.at]: new Date(deps.clock.now()).toISOString(),
            ...(params.image === null ? {} : { [shelvedKeys.imageId]: params.image.imageId }),
            ...(poweredOff.host === null ? {} : { [shelvedKeys.host]: poweredOff.host }),
          },
        },
      );
      await finishEvent(deps, database, { ...params, name: event, host: poweredOff.host });
      return { atOnce };
    },
  })
  .step('offloaded', {
    run: async ({ params, results: { shelved }, deps, idempotencyKey }) => {
      if (shelved?.atOnce !== true) return null;
      const found = await findInstance(deps.stores, params.instanceId);
      // somebody deletes it, or an administrator has reset it
      if (found?.instance.taskState !== 'shelving_offloading') return null;
      await offload(deps, params, idempotencyKey);
      return null;
    },
  });
