import { powerStates, type InstanceImage, type TaskState, type VmState } from '../../../domain/instance.ts';
import { conflict, internal, KilonovaError, unsupported } from '../../../lib/errors.ts';
import { deadlineOfCopies, saga, type UndoContext } from '../../../lib/saga/saga.ts';
import { findInstance, getInstance, transition, type InstanceChanges } from '../../../store/instances.ts';
import { requestSpecOf, updateRequestSpec } from '../../../store/mappings.ts';
import { eraseAdminPass } from '../../../store/sagas.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestNow } from '../guest-now.ts';
import { guestOrder } from '../guest-order.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { disconnectVolumes } from '../move-volumes.ts';
import { completeVolumes } from '../volumes.ts';

export interface RebuildParams extends OperationParams {
  /** Handed to the guest's config drive; erased when the saga has ended. */
  readonly adminPass: string | null;
  readonly preserveEphemeral: boolean;
  readonly was: VmState;
  /** Whether its host must be asked anew whether it takes the image. */
  readonly otherImage: boolean;
  /** The one that was asked for; a server on a volume keeps none itself. */
  readonly image: InstanceImage;
  /** Whether its root volume gets the image, too. */
  readonly reimage: boolean;
  /** What the request has changed, as it was before. */
  readonly before: InstanceChanges;
}

const tasks: readonly TaskState[] = ['rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning'];
const event = 'compute_rebuild_instance';

/** Makes a server's guest anew on its host, from the same or another image. Its ports, its claim and its volumes stay. */
export const rebuildInstance = saga<RebuildParams, ConductorDeps>('rebuild-instance', { deadlineSeconds: deadlineOfCopies })
  .step('prepared', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      if (params.preserveEphemeral) throw unsupported('The current driver does not support preserving ephemeral partitions.');
      if (instance.host === null) throw conflict(`Instance ${instance.id} is on no host.`);
      const spec = params.otherImage ? await requestSpecOf(deps.stores, instance.id) : null;
      if (spec !== null) {
        const asked = { spec: { ...spec, image: params.image }, host: instance.host, node: instance.node ?? '' };
        const { accepted, message } = await deps.scheduler.judgeHost(asked, { signal });
        if (!accepted) throw new KilonovaError('internal', message, { code: 'NoValidHost' });
      }
      const options = { key: idempotencyKey, epoch: instance.epoch, signal };
      await deps.agentOn(instance.host).prepare({ order: guestOrder(deps.settings, instance) }, options);
      return { host: instance.host };
    },
    // nothing has happened to the guest: the server is what it was, and says in ERROR that it is not what was asked for
    undo: async ({ params, deps, sagaId, failure }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return;
      await concludeOperation(deps, params, {
        event,
        whileTask: tasks,
        vmState: 'error',
        changes: params.before,
        host: found.instance.host,
        failure,
      });
      await eraseAdminPass(deps.stores.cell(found.cellId), sagaId);
    },
  })
  .step('reimaged', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const found = await getInstance(deps.stores, params.instanceId);
      const root = found.instance.blockDevices.find(({ bootIndex }) => bootIndex === 0)?.volumeId ?? null;
      if (!params.reimage || root === null) return null;
      const { id, host, epoch, networkInfo } = found.instance;
      const task = { whileTask: tasks, taskState: 'rebuild_block_device_mapping' } as const;
      await transition(deps.stores.cell(found.cellId), id, task);
      // nobody may write the volume meanwhile
      await deps.agentOn(host ?? '').destroy({ instanceId: id, vifs: networkInfo }, { key: idempotencyKey, epoch, signal });
      await disconnectVolumes(deps, found, idempotencyKey);
      await writeImage(deps, root, params.image.id, signal);
      return null;
    },
    undo: (context) => endInError(context),
  })
  .step('rebuilt', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      await transition(deps.stores.cell(cellId), instance.id, { whileTask: tasks, taskState: 'rebuild_spawning' });
      const order = guestOrder(deps.settings, instance, { adminPass: params.adminPass });
      const { powerState } = await deps
        .agentOn(instance.host ?? '')
        .rebuild({ order }, { key: idempotencyKey, epoch: instance.epoch, signal });
      await completeVolumes(deps, instance.blockDevices);
      return { powerState };
    },
    undo: (context) => endInError(context),
  })
  .pointOfNoReturn()
  .step('stopped', {
    // one that was stopped is stopped again
    run: async ({ params, results, deps, idempotencyKey }) => {
      if (params.was !== 'stopped') return { powerState: results.rebuilt.powerState };
      const found = await findInstance(deps.stores, params.instanceId);
      if (found?.instance.host == null) return { powerState: powerStates.noState };
      const { host, id, epoch } = found.instance;
      return deps.agentOn(host).powerOff({ instanceId: id, graceSeconds: 0 }, { key: idempotencyKey, epoch });
    },
    passedOver: ({ results }) => Promise.resolve({ powerState: results.rebuilt.powerState }),
  })
  .step('finished', {
    run: async ({ params, results, deps, sagaId }) => {
      const now = new Date(deps.clock.now()).toISOString();
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return null;
      await updateRequestSpec(deps.stores, params.instanceId, { image: params.image });
      await concludeOperation(deps, params, {
        event,
        whileTask: tasks,
        vmState: params.was === 'stopped' ? 'stopped' : 'active',
        changes: { powerState: results.stopped.powerState, launchedAt: now, progress: 100 },
        host: results.prepared.host,
      });
      await eraseAdminPass(deps.stores.cell(found.cellId), sagaId);
      return null;
    },
  });

/** The old guest may be gone, and the new one may be there: the server keeps its place, and can be rebuilt again. */
async function endInError({
  params,
  deps,
  failure,
}: Pick<UndoContext<RebuildParams, unknown, ConductorDeps>, 'params' | 'deps' | 'failure'>): Promise<void> {
  const found = await findInstance(deps.stores, params.instanceId);
  if (found === null) return;
  const { powerState } = await guestNow(deps, found.instance);
  await concludeOperation(deps, params, {
    event,
    whileTask: tasks,
    vmState: 'error',
    changes: powerState === undefined ? {} : { powerState },
    host: found.instance.host,
    failure,
  });
  await updateRequestSpec(deps.stores, params.instanceId, { image: params.image });
}

/** Has the volume service write an image over a volume that is reserved, and waits for it ([DEFAULT] reimage_timeout_per_gb). */
async function writeImage(
  { volume, identity, settings, clock }: ConductorDeps,
  volumeId: string,
  imageId: string,
  signal: AbortSignal,
): Promise<void> {
  const session = identity.serviceSession;
  const { size, status: now } = await volume.show(session, volumeId);
  if (now !== 'downloading') await volume.reimage(session, volumeId, imageId, { reserved: true });
  const deadline = clock.now() + settings.DEFAULT.reimage_timeout_per_gb * size * 1000;
  for (;;) {
    const { status } = await volume.show(session, volumeId);
    if (status === 'reserved') return;
    if (status !== 'downloading') throw internal(`Volume ${volumeId} could not be given the image: its status is ${status}.`);
    if (clock.now() >= deadline) throw internal(`Volume ${volumeId} did not get the image in time.`);
    await clock.sleep(200, signal);
  }
}
