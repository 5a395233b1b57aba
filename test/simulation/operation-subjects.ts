import { Readable } from 'node:stream';
import type { ActionName } from '../../src/domain/instance-actions.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { powerStates, type BlockDevice, type InstanceId, type InstanceImage } from '../../src/domain/instance.ts';
import { updateRequestSpec } from '../../src/store/mappings.ts';
import { beginAction, getInstance, transition, updateInstance } from '../../src/store/instances.ts';
import { insertSagas } from '../../src/store/sagas.ts';
import { nothing, whole, type Subject } from './subject.ts';
import { host, type World } from './world.ts';
import { sampleInstanceImage } from '../support/samples.ts';

const off = { ...whole, guest: powerStates.shutdown } as const;
/** A server on no host: its ports are what it keeps. */
const offloaded = { ...nothing, ports: 1 } as const;

type Params = object | ((world: World, id: InstanceId) => object | Promise<object>);

/** Begins a saga on a server that runs, or that was brought into another state first, as the API begins it. */
const begins =
  (action: ActionName, name: string, more: Params = {}, before?: (world: World, id: InstanceId) => Promise<void>): Subject['begin'] =>
  async (world) => {
    const { id } = await world.running();
    await before?.(world, id);
    const params = { instanceId: id, requestId: 'req-test', startedAt: 0, ...(typeof more === 'function' ? await more(world, id) : more) };
    await beginAction(ofDatabase(world), action, (await getInstance(world.stores, id)).instance);
    await insertSagas(ofDatabase(world), [{ id: randomIds.uuid(), name, subject: id, params }]);
    return id;
  };

const queued = (world: World, id: InstanceId, properties: Readonly<Record<string, string>> = {}): string =>
  world.images.queued(id, properties).id;
const ofDatabase = (world: World) => world.stores.defaultCell.database;

/** Stops the guest of a server, as an operation before this one has. */
async function switchedOff(world: World, id: InstanceId): Promise<void> {
  const { signal } = new AbortController();
  await world.hypervisors.driver(host).powerOff(id, { graceSeconds: 0, signal });
}

/** A server that was shelved, with its image, on its host or on none. */
async function shelved(world: World, id: InstanceId, on: 'itsHost' | 'noHost'): Promise<void> {
  await switchedOff(world, id);
  const imageId = queued(world, id);
  const data = await world.hypervisors.driver(host).consoleLog(id, 1);
  await world.images.client.upload({ token: () => Promise.resolve('none') }, imageId, Readable.from([Buffer.from(data)]));
  const systemMetadata = { shelved_at: new Date(0).toISOString(), shelved_image_id: imageId, shelved_host: host };
  await transition(ofDatabase(world), id, { vmState: 'shelved' }, { systemMetadata, powerState: powerStates.shutdown });
  if (on === 'itsHost') return;
  await world.guests.remove(id);
  world.placement.take(id);
  for (const [portId, port] of world.ports)
    if (port.deviceId === id) world.ports.set(portId, { ...port, binding: { ...port.binding, hostId: '' } });
  const ports = [...world.ports.values()].filter(({ deviceId }) => deviceId === id);
  await updateRequestSpec(world.stores, id, {
    requestedNetworks: ports.map(({ id: portId, networkId }) => ({ portId, networkId, fixedIp: null, tag: null })),
  });
  await transition(ofDatabase(world), id, { vmState: 'shelved_offloaded' }, { host: null, node: null });
}

/** Puts a server onto a volume, which it has already, or which is reserved for it. */
async function onVolume(world: World, id: InstanceId, status: 'attached' | 'reserved' = 'attached'): Promise<void> {
  const volume = world.volumes.make({ status: status === 'attached' ? 'in-use' : 'reserved' });
  const attachment = world.volumes.attach(volume.id, id);
  world.volumes.attachments.set(attachment.id, { ...attachment, status });
  const device: BlockDevice = {
    uuid: randomIds.uuid(),
    sourceType: 'volume',
    destinationType: 'volume',
    bootIndex: 0,
    deviceType: null,
    diskBus: null,
    deviceName: '/dev/vda',
    guestFormat: null,
    volumeSize: null,
    imageId: null,
    volumeId: volume.id,
    snapshotId: null,
    volumeType: null,
    deleteOnTermination: false,
    tag: null,
    attachmentId: attachment.id,
  };
  await updateInstance(ofDatabase(world), id, { blockDevices: [device] });
}

const image: InstanceImage = sampleInstanceImage({ name: 'other' });

/** What a server's disks and its life go through. */
export const operationSubjects: Readonly<Record<string, Subject>> = {
  'trigger-crash-dump': {
    begin: begins('triggerCrashDump', 'trigger-crash-dump'),
    done: { ...whole, vmState: 'active' },
    undone: [{ ...whole, vmState: 'active' }],
  },
  'snapshot-instance': {
    begin: begins('snapshot', 'snapshot-instance', (world, id) => ({
      imageId: queued(world, id),
      format: 'qcow2',
      quiesce: 'try',
      backup: null,
    })),
    done: { ...whole, vmState: 'active', images: ['active'] },
    undone: [{ ...whole, vmState: 'active' }],
  },
  'snapshot-instance: a backup that takes the place of one before': {
    begin: begins('backup', 'snapshot-instance', async (world, id) => {
      const older = { image_type: 'backup', backup_type: 'daily' };
      await world.images.client.upload(
        { token: () => Promise.resolve('none') },
        queued(world, id, older),
        Readable.from([Buffer.from('x')]),
      );
      return { imageId: queued(world, id, older), format: 'raw', quiesce: 'never', backup: { type: 'daily', rotation: 1 } };
    }),
    done: { ...whole, vmState: 'active', images: ['active'] },
    undone: [{ ...whole, vmState: 'active', images: ['active'] }],
  },
  'snapshot-volumes': {
    begin: begins('snapshot', 'snapshot-volumes', (world, id) => ({ imageId: queued(world, id), name: 'copy' }), onVolume),
    done: { ...whole, vmState: 'active', images: ['active'], attached: ['attached'], volumes: 1, snapshots: 1 },
    undone: [{ ...whole, vmState: 'active', attached: ['attached'], volumes: 1 }],
  },
  'rescue-instance': {
    begin: begins('rescue', 'rescue-instance', (_world, id) => ({
      image: sampleInstanceImage({ id, name: 'rescue' }),
      adminPass: 'secret',
      was: 'active',
    })),
    done: { ...whole, vmState: 'rescued' },
    undone: [{ ...whole, vmState: 'active' }],
  },
  'unrescue-instance': {
    begin: begins('unrescue', 'unrescue-instance', {}, async (world, id) => {
      await transition(ofDatabase(world), id, { vmState: 'rescued' });
    }),
    done: { ...whole, vmState: 'active' },
    undone: [{ ...whole, vmState: 'rescued' }],
  },
  'rebuild-instance': {
    begin: begins('rebuild', 'rebuild-instance', {
      adminPass: 'secret',
      preserveEphemeral: false,
      was: 'active',
      otherImage: true,
      image,
      reimage: false,
      before: { name: 'server' },
    }),
    done: { ...whole, vmState: 'active' },
    undone: [{ ...whole, vmState: 'error' }],
  },
  'rebuild-instance: of a stopped server': {
    begin: begins(
      'rebuild',
      'rebuild-instance',
      { adminPass: null, preserveEphemeral: false, was: 'stopped', otherImage: false, image, reimage: false, before: {} },
      async (world, id) => {
        await switchedOff(world, id);
        await transition(ofDatabase(world), id, { vmState: 'stopped' });
      },
    ),
    done: { ...off, vmState: 'stopped' },
    undone: [
      { ...off, vmState: 'error' },
      { ...whole, vmState: 'error' },
    ],
  },
  'rebuild-instance: of a server on a volume': {
    begin: begins(
      'rebuild',
      'rebuild-instance',
      { adminPass: null, preserveEphemeral: false, was: 'active', otherImage: true, image, reimage: true, before: {} },
      onVolume,
    ),
    done: { ...whole, vmState: 'active', attached: ['attached'], volumes: 1 },
    undone: [
      { ...whole, vmState: 'error', attached: ['attached'], volumes: 1 },
      { ...whole, guest: null, vmState: 'error', attached: ['reserved'], volumes: 1 },
    ],
  },
  'shelve-instance': {
    begin: begins('shelve', 'shelve-instance', (world, id) => ({ image: { imageId: queued(world, id), format: 'qcow2' }, was: 'active' })),
    done: { ...offloaded, vmState: 'shelved_offloaded', images: ['active'] },
    undone: [{ ...whole, vmState: 'active' }],
  },
  'shelve-instance: of a server on a volume': {
    begin: begins('shelve', 'shelve-instance', { image: null, was: 'active' }, onVolume),
    done: { ...offloaded, vmState: 'shelved_offloaded', attached: ['reserved'], volumes: 1 },
    undone: [{ ...whole, vmState: 'active', attached: ['attached'], volumes: 1 }],
  },
  'unshelve-instance: of a server on a volume': {
    begin: begins('unshelve', 'unshelve-instance', { offloaded: true, host: null }, async (world, id) => {
      await onVolume(world, id, 'reserved');
      await shelved(world, id, 'noHost');
    }),
    done: { ...whole, vmState: 'active', attached: ['attached'], volumes: 1 },
    undone: [{ ...offloaded, vmState: 'shelved_offloaded', images: ['active'], attached: ['reserved'], volumes: 1 }],
  },
  'offload-instance': {
    begin: begins('shelveOffload', 'offload-instance', {}, (world, id) => shelved(world, id, 'itsHost')),
    done: { ...offloaded, vmState: 'shelved_offloaded', images: ['active'] },
    undone: [], // it has no way back
  },
  'unshelve-instance': {
    begin: begins('unshelve', 'unshelve-instance', { offloaded: true, host: null, availabilityZone: 'nova' }, (world, id) =>
      shelved(world, id, 'noHost'),
    ),
    done: { ...whole, vmState: 'active' },
    undone: [{ ...offloaded, vmState: 'shelved_offloaded', images: ['active'] }],
  },
  'unshelve-instance: on the host it never left': {
    begin: begins('unshelve', 'unshelve-instance', { offloaded: false, host: null }, (world, id) => shelved(world, id, 'itsHost')),
    done: { ...whole, vmState: 'active' },
    undone: [{ ...off, vmState: 'shelved', images: ['active'] }],
  },
  'soft-delete-instance': {
    begin: begins('softDelete', 'soft-delete-instance', { was: 'active' }),
    done: { ...off, vmState: 'soft-delete' },
    undone: [
      { ...whole, vmState: 'active' },
      { ...off, vmState: 'stopped' }, // its host did it and could not say so
    ],
  },
  'restore-instance': {
    begin: begins('restore', 'restore-instance', {}, async (world, id) => {
      await switchedOff(world, id);
      await transition(ofDatabase(world), id, { vmState: 'soft-delete' });
      await updateInstance(ofDatabase(world), id, { systemMetadata: { soft_deleted_at: new Date(0).toISOString() } });
    }),
    done: { ...whole, vmState: 'active' },
    undone: [
      { ...off, vmState: 'soft-delete' },
      { ...whole, vmState: 'soft-delete' },
    ],
  },
  'change-password': {
    begin: begins('setAdminPassword', 'change-password', { outcome: { failure: null } }),
    done: { ...whole, vmState: 'active' },
    undone: [{ ...whole, vmState: 'active' }],
  },
};
