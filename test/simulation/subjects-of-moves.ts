import type { ActionName } from '../../src/domain/instance-actions.ts';
import { powerStates, type InstanceFlavor, type InstanceId } from '../../src/domain/instance.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { beginAction, getInstance, updateInstance, transition } from '../../src/store/instances.ts';
import { insertMove, updateMove } from '../../src/store/moves.ts';
import { insertSagas } from '../../src/store/sagas.ts';
import { nothing, whole, withVolumes, type Subject } from './subject.ts';
import { host, nodes, type World } from './world.ts';

const { signal } = new AbortController();
const cell = (world: World) => world.stores.defaultCell.database;
const providerOf = (name: string): string => [...nodes].find(([, of]) => of === name)![0];

/** Begins a saga as the API does. */
async function begun(world: World, id: InstanceId, action: ActionName, name: string, more: object): Promise<InstanceId> {
  const { instance } = await getInstance(world.stores, id);
  await beginAction(cell(world), action, instance);
  const params = { instanceId: id, requestId: 'req-test', startedAt: 0, projectId: 'p1', userId: 'u1', ...more };
  await insertSagas(cell(world), [{ id: randomIds.uuid(), name, subject: id, params }]);
  return id;
}

const larger = (flavor: InstanceFlavor): InstanceFlavor => ({ ...flavor, flavorId: '2', name: 'm1.small', vcpus: 2, memoryMb: 1024 });

/** A root disk and another. */
const twoVolumes = [{ bootIndex: 0, deviceName: '/dev/vda' }, {}] as const;
/** What a server has of them, wherever it is. */
const onVolumes = { attached: ['attached', 'attached'], volumes: 2 } as const;

/** A server that is off. */
async function stopped(world: World): Promise<InstanceId> {
  const { id } = await world.running();
  await world.hypervisors.driver(host).powerOff(id, { graceSeconds: 0, signal });
  await transition(cell(world), id, { vmState: 'stopped' }, { powerState: powerStates.shutdown });
  return id;
}

/** A server that waits for the end of its resize, which took it to that host. */
async function resized(world: World, to: string, volumes = 0): Promise<{ readonly id: InstanceId; readonly moveId: string }> {
  const { id, flavor, blockDevices } = await world.running(withVolumes(world, twoVolumes.slice(0, volumes), to));
  const moveId = randomIds.uuid();
  await world.hypervisors.driver(host).moves!.setAside(id, { becomes: [], graceSeconds: 0, signal });
  await world.guests.make(
    id,
    to,
    blockDevices.flatMap(({ volumeId }) => (volumeId === null ? [] : [volumeId])),
  );
  world.placement.take(id);
  world.placement.give(moveId, providerOf(host), { VCPU: flavor.vcpus, MEMORY_MB: flavor.memoryMb }, 'MIGRATION');
  world.placement.give(id, providerOf(to), { VCPU: 2, MEMORY_MB: 1024 });
  for (const port of world.ports.values())
    if (port.deviceId === id) world.ports.set(port.id, { ...port, binding: { ...port.binding, hostId: to } });
  await insertMove(cell(world), {
    id: moveId,
    instanceId: id,
    projectId: 'p1',
    userId: 'u1',
    type: 'resize',
    status: 'finished',
    sourceHost: host,
    sourceNode: host,
  });
  await updateMove(cell(world), moveId, { destHost: to, destNode: to });
  await transition(cell(world), id, { vmState: 'resized' });
  await updateInstance(cell(world), id, { host: to, node: to, flavor: larger(flavor), oldFlavor: flavor, newFlavor: larger(flavor) });
  return { id, moveId };
}

const resize = (requestedHost: string | null) => async (world: World, id: InstanceId) => {
  const { instance } = await getInstance(world.stores, id);
  const more = { flavor: larger(instance.flavor), oldFlavorId: 1, newFlavorId: 2, diskConfig: null, requestedHost };
  return begun(world, id, 'resize', 'resize-instance', more);
};

const live = (world: World, id: InstanceId) => begun(world, id, 'liveMigrate', 'live-migrate', { host: null, filtersAsked: true });
const evacuate = (world: World, id: InstanceId, sourceHost: string) =>
  begun(world, id, 'evacuate', 'evacuate-instance', { sourceHost, host: null, filtersAsked: true, start: true, adminPass: null });

const active = { ...whole, vmState: 'active' } as const;
const off = { ...whole, vmState: 'stopped', guest: powerStates.shutdown } as const;
/** What waits for the end of a resize. */
const waiting = { beside: ['a guest set aside on host-1', 'a move that is finished', 'resources of host-1 held by a move'] } as const;

/** Sagas that move servers between hosts and flavors. */
export const subjectsOfMoves: Readonly<Record<string, Subject>> = {
  'resize-instance: to another host': {
    begin: async (world) => resize('host-2')(world, (await world.running()).id),
    done: { ...whole, ...waiting, vmState: 'resized' },
    undone: [active],
  },
  'resize-instance: on the same host': {
    begin: async (world) => resize(null)(world, (await world.running()).id),
    done: { ...whole, ...waiting, vmState: 'resized' },
    undone: [active],
  },
  'resize-instance: of a server that is off, with the flavor it has': {
    begin: async (world) => {
      const more = { flavor: null, oldFlavorId: 1, newFlavorId: 1, diskConfig: null, requestedHost: null };
      return begun(world, await stopped(world), 'migrate', 'resize-instance', more);
    },
    done: { ...off, ...waiting, vmState: 'resized' },
    undone: [off],
  },
  'confirm-resize': {
    begin: async (world) => {
      const { id, moveId } = await resized(world, 'host-2');
      return begun(world, id, 'confirmResize', 'confirm-resize', { moveId });
    },
    done: active,
    undone: [], // it has no way back
  },
  'confirm-resize: on the same host': {
    begin: async (world) => {
      const { id, moveId } = await resized(world, host);
      return begun(world, id, 'confirmResize', 'confirm-resize', { moveId });
    },
    done: active,
    undone: [],
  },
  'revert-resize': {
    begin: async (world) => {
      const { id, moveId } = await resized(world, 'host-2');
      return begun(world, id, 'revertResize', 'revert-resize', { moveId });
    },
    done: active,
    undone: [{ ...whole, ...waiting, vmState: 'resized' }],
  },
  'revert-resize: on the same host': {
    begin: async (world) => {
      const { id, moveId } = await resized(world, host);
      return begun(world, id, 'revertResize', 'revert-resize', { moveId });
    },
    done: active,
    undone: [{ ...whole, ...waiting, vmState: 'resized' }],
  },
  'live-migrate': {
    begin: async (world) => live(world, (await world.running()).id),
    done: active,
    undone: [active], // on its source, or on its destination when it was faster
  },
  'live-migrate: of a server that is paused': {
    begin: async (world) => {
      const { id } = await world.running();
      await world.hypervisors.driver(host).pause(id);
      await transition(cell(world), id, { vmState: 'paused' }, { powerState: powerStates.paused });
      return live(world, id);
    },
    done: { ...active, vmState: 'paused', guest: powerStates.paused },
    undone: [{ ...active, vmState: 'paused', guest: powerStates.paused }],
  },
  'evacuate-instance: from a host that is silent': {
    begin: async (world) => {
      world.silent.add('host-3'); // for good: nothing else is there
      const { id } = await world.running({ host: 'host-3', node: 'host-3' });
      return evacuate(world, id, 'host-3');
    },
    done: { ...active, beside: ['a guest on host-3', 'a move that is done', 'resources of host-3 held by a move'] },
    undone: [{ ...whole, vmState: 'error' }, active],
  },
  'evacuate-instance: from a host that was only called down': {
    begin: async (world) => evacuate(world, (await world.running()).id, host),
    done: active,
    undone: [
      { ...whole, vmState: 'error', guest: powerStates.shutdown }, // it must not run while another is made
      active, // it failed before anything was done
    ],
  },
  'delete-instance: of a server that waits for the end of its resize': {
    begin: async (world) => begun(world, (await resized(world, 'host-2')).id, 'delete', 'delete-instance', {}),
    done: { ...nothing, vmState: null },
    undone: [],
  },
  'resize-instance: of a server with volumes': {
    begin: async (world) => resize('host-2')(world, (await world.running(withVolumes(world, twoVolumes))).id),
    done: { ...whole, ...waiting, ...onVolumes, vmState: 'resized' },
    undone: [{ ...active, ...onVolumes }],
  },
  'resize-instance: of a server with volumes, on the same host': {
    begin: async (world) => resize(null)(world, (await world.running(withVolumes(world, twoVolumes))).id),
    done: { ...whole, ...waiting, ...onVolumes, vmState: 'resized' },
    undone: [{ ...active, ...onVolumes }],
  },
  'confirm-resize: of a server with volumes': {
    begin: async (world) => {
      const { id, moveId } = await resized(world, 'host-2', 2);
      return begun(world, id, 'confirmResize', 'confirm-resize', { moveId });
    },
    done: { ...active, ...onVolumes },
    undone: [],
  },
  'revert-resize: of a server with volumes': {
    begin: async (world) => {
      const { id, moveId } = await resized(world, 'host-2', 2);
      return begun(world, id, 'revertResize', 'revert-resize', { moveId });
    },
    done: { ...active, ...onVolumes },
    undone: [{ ...whole, ...waiting, ...onVolumes, vmState: 'resized' }],
  },
  'live-migrate: of a server with volumes': {
    begin: async (world) => live(world, (await world.running(withVolumes(world, twoVolumes))).id),
    done: { ...active, ...onVolumes },
    undone: [{ ...active, ...onVolumes }],
  },
  'evacuate-instance: of a server with volumes, from a host that is silent': {
    begin: async (world) => {
      world.silent.add('host-3'); // for good: nothing else is there
      const there = { host: 'host-3', node: 'host-3' };
      const { id } = await world.running({ ...withVolumes(world, twoVolumes, 'host-3'), ...there });
      return evacuate(world, id, 'host-3');
    },
    done: { ...active, ...onVolumes, beside: ['a guest on host-3', 'a move that is done', 'resources of host-3 held by a move'] },
    undone: [
      { ...whole, ...onVolumes, vmState: 'error' },
      { ...active, ...onVolumes },
    ],
  },
  'evacuate-instance: of a server with volumes, from a host that was only called down': {
    begin: async (world) => evacuate(world, (await world.running(withVolumes(world, twoVolumes))).id, host),
    done: { ...active, ...onVolumes },
    undone: [
      { ...whole, ...onVolumes, vmState: 'error', guest: powerStates.shutdown },
      { ...active, ...onVolumes },
    ],
  },
  'delete-instance: of a server with volumes that waits for the end of its resize': {
    begin: async (world) => begun(world, (await resized(world, 'host-2', 2)).id, 'delete', 'delete-instance', {}),
    done: { ...nothing, vmState: null },
    undone: [],
  },
};
