import { Readable } from 'node:stream';
import type { BlockDevice, Instance, TaskState } from '../../../domain/instance.ts';
import { internal, isKind } from '../../../lib/errors.ts';
import { retry } from '../../../lib/retry.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import { findInstance, getInstance, transition } from '../../../store/instances.ts';
import type { ConductorDeps } from '../deps.ts';
import { concludeOperation, type OperationParams } from '../outcome.ts';
import { discardImage } from '../snapshots.ts';

export interface SnapshotVolumesParams extends OperationParams {
  readonly imageId: string;
  /** What the image is called. */
  readonly name: string;
}

const tasks: readonly TaskState[] = ['image_snapshot_pending', 'image_snapshot', 'image_pending_upload', 'image_uploading'];
const event = 'compute_snapshot_instance';
const session = ({ identity }: ConductorDeps) => identity.serviceSession;
const volumesOf = ({ blockDevices }: Instance): readonly BlockDevice[] => blockDevices.filter(({ volumeId }) => volumeId !== null);

/** Makes an image of a server that runs from volumes: the image has no data, and names snapshots of the volumes. */
export const snapshotVolumes = saga<SnapshotVolumesParams, ConductorDeps>('snapshot-volumes', { deadlineSeconds: deadlineOfCopies })
  .step('taken', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance, cellId } = await getInstance(deps.stores, params.instanceId);
      await transition(deps.stores.cell(cellId), instance.id, { whileTask: tasks, taskState: 'image_snapshot' });
      const taken: { readonly uuid: string; readonly snapshotId: string; readonly size: number }[] = [];
      for (const device of volumesOf(instance)) {
        const { id } = await take(deps, params, device, idempotencyKey);
        const { size } = await available(deps, id, signal);
        taken.push({ uuid: device.uuid, snapshotId: id, size });
      }
      return taken;
    },
    undo: async ({ params, deps, idempotencyKey, results, failure }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      const devices = found === null ? [] : volumesOf(found.instance);
      const known = results['taken'] as readonly { readonly snapshotId: string }[] | undefined;
      // one that was cut off may have taken some: asked under the same keys, the volume service answers those
      const ids =
        known?.map(({ snapshotId }) => snapshotId) ??
        (await Promise.all(devices.map((device) => take(deps, params, device, idempotencyKey)))).map(({ id }) => id);
      for (const id of ids) await deps.volume.deleteSnapshot(session(deps), id);
      await discardImage(deps, params, null);
      await concludeOperation(deps, params, { event, whileTask: tasks, host: found?.instance.host ?? null, failure });
    },
  })
  .step('described', {
    run: async ({ params, results, deps }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const mappings = volumesOf(instance).flatMap((device) => {
        const snapshot = results.taken.find(({ uuid }) => uuid === device.uuid);
        return snapshot === undefined ? [] : [mappingOf(device, snapshot)];
      });
      const properties = {
        block_device_mapping: JSON.stringify(mappings),
        bdm_v2: 'True',
        root_device_name: instance.rootDeviceName ?? '/dev/vda',
      };
      await deps.image.changeProperties(session(deps), params.imageId, { set: properties, remove: [] });
      if ((await deps.image.show(session(deps), params.imageId)).status !== 'active')
        await deps.image.upload(session(deps), params.imageId, Readable.from([]));
      return { host: instance.host };
    },
    // the image is deleted by the undo of the step before
  })
  .pointOfNoReturn()
  .step('finished', {
    run: async ({ params, results, deps }) => {
      await concludeOperation(deps, params, { event, whileTask: tasks, host: results.described.host });
      return null;
    },
  });

const take = (deps: ConductorDeps, { name, imageId }: SnapshotVolumesParams, { uuid, volumeId }: BlockDevice, key: string) =>
  deps.volume.createSnapshot(
    session(deps),
    { volumeId: volumeId ?? '', name: `snapshot for ${name}`, description: `For image ${imageId}.` },
    { idempotencyKey: `${uuid}/${key}`.slice(0, 255) },
  );

/** Waits until a snapshot can be used. */
const available = (deps: ConductorDeps, snapshotId: string, signal: AbortSignal) =>
  retry(
    async () => {
      const snapshot = await deps.volume.snapshot(session(deps), snapshotId);
      if (snapshot.status === 'creating') throw internal(`Snapshot ${snapshotId} is still being taken.`, { code: 'snapshot-not-ready' });
      if (snapshot.status !== 'available') throw internal(`Snapshot ${snapshotId} could not be taken: its status is ${snapshot.status}.`);
      return snapshot;
    },
    {
      clock: deps.clock,
      signal,
      attempts: deps.settings.DEFAULT.block_device_allocate_retries + 1,
      delayMs: 50,
      maxDelayMs: deps.settings.DEFAULT.block_device_allocate_retries_interval * 1000,
      when: (error) => isKind(error, 'internal') && error.code === 'snapshot-not-ready',
    },
  );

/** A device of the server, as a device of those that are made from the image (Nova's block-device mapping). */
const mappingOf = (device: BlockDevice, { snapshotId, size }: { readonly snapshotId: string; readonly size: number }) => ({
  source_type: 'snapshot',
  destination_type: 'volume',
  snapshot_id: snapshotId,
  volume_size: size,
  boot_index: device.bootIndex,
  delete_on_termination: device.deleteOnTermination,
  device_name: device.deviceName,
  device_type: device.deviceType,
  disk_bus: device.diskBus,
  guest_format: device.guestFormat,
  volume_type: device.volumeType,
  tag: device.tag,
});
