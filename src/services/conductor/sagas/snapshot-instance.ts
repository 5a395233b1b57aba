import type { TaskState } from '../../../domain/instance.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import { findInstance, getInstance, transition } from '../../../store/instances.ts';
import type { ConductorDeps } from '../deps.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { copyDisk, discardImage, uploadCopy, type SnapshotParams } from '../snapshots.ts';

export interface SnapshotInstanceParams extends OperationParams, SnapshotParams {
  /** A backup takes the place of older ones of its type; this many are kept. Null for a snapshot. */
  readonly backup: { readonly type: string; readonly rotation: number } | null;
}

const tasks: readonly TaskState[] = ['image_snapshot_pending', 'image_snapshot', 'image_backup', 'image_pending_upload', 'image_uploading'];
const eventOf = ({ backup }: SnapshotInstanceParams): string => (backup === null ? 'compute_snapshot_instance' : 'compute_backup_instance');

/** Fills an image, which the API has made, with the root disk of a server. The server goes on as it was, whatever comes of it. */
export const snapshotInstance = saga<SnapshotInstanceParams, ConductorDeps>('snapshot-instance', { deadlineSeconds: deadlineOfCopies })
  .step('copied', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      if (params.backup === null)
        await transition(deps.stores.cell(cellId), instance.id, { whileTask: tasks, taskState: 'image_snapshot' });
      await copyDisk(deps, instance, params, { key: idempotencyKey, epoch: instance.epoch, signal });
      return { host: instance.host };
    },
    undo: async ({ params, deps, idempotencyKey, failure }) => {
      await discardImage(deps, params, `${idempotencyKey}/undo`);
      const found = await findInstance(deps.stores, params.instanceId);
      await concludeOperation(deps, params, {
        event: eventOf(params),
        whileTask: tasks,
        host: found?.instance.host ?? null,
        failure,
      });
    },
  })
  .step('uploaded', {
    patienceSeconds: 600,
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      await transition(deps.stores.cell(cellId), instance.id, { whileTask: tasks, taskState: 'image_uploading' });
      await uploadCopy(deps, instance, params, { key: idempotencyKey, epoch: instance.epoch, signal });
      return null;
    },
    // the image is deleted by the undo of the step before
  })
  .pointOfNoReturn()
  .step('rotated', {
    run: async ({ params, deps }) => {
      if (params.backup === null) return null;
      const session = deps.identity.serviceSession;
      const backups = await deps.image.list(session, {
        image_type: 'backup',
        backup_type: params.backup.type,
        instance_uuid: params.instanceId,
        sort_key: 'created_at',
        sort_dir: 'desc',
      });
      const older = backups.filter(({ status }) => status === 'active').slice(params.backup.rotation);
      for (const { id } of older) await discardImage(deps, { ...params, imageId: id }, null);
      return { deleted: older.map(({ id }) => id) };
    },
  })
  .step('finished', {
    run: async ({ params, results, deps }) => {
      await concludeOperation(deps, params, { event: eventOf(params), whileTask: tasks, host: results.copied.host });
      return null;
    },
  });
