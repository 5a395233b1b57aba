import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readSettings } from '../../src/config/index.ts';
import { conductor, conductorTopic } from '../../src/contracts/conductor.ts';
import type { InstanceId } from '../../src/domain/instance.ts';
import type { MoveStatus, MoveType } from '../../src/domain/move.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { KilonovaError } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { inProcessBus } from '../../src/lib/rpc/in-process.ts';
import { choosePlace } from '../../src/services/conductor/choose-place.ts';
import type { ConductorDeps } from '../../src/services/conductor/deps.ts';
import { clearEvacuatedHosts } from '../../src/services/conductor/reconcilers/clear-evacuated-hosts.ts';
import { confirmOldResizes } from '../../src/services/conductor/reconcilers/confirm-old-resizes.ts';
import { sagas } from '../../src/services/conductor/sagas/index.ts';
import { startConductor } from '../../src/services/conductor/start-conductor.ts';
import { beginAction, findInstance, getInstance, transition } from '../../src/store/instances.ts';
import { findMove, insertMove, movesOf, updateMove } from '../../src/store/moves.ts';
import { cancelSaga, insertSagas } from '../../src/store/sagas.ts';
import { nothing, whole, withVolumes } from './subject.ts';
import { subjectsOfMoves } from './subjects-of-moves.ts';
import { createWorld, host, leftoversOf, type World } from './world.ts';

/** What the three tests of every saga do not say of moves. */
let world: World;
beforeAll(async () => void (world = await createWorld()));
afterEach(() => world.stopConductors());
afterAll(() => world.close());

const { signal } = new AbortController();
const cell = () => world.stores.defaultCell.database;
const until = <T>(what: string, look: () => Promise<T | null>): Promise<T> =>
  waitUntil(look, { clock: systemClock, timeoutMs: 20_000, everyMs: 10, what });
const settled = (id: string) =>
  until(`The end of what is done to ${id}`, async () => {
    const now = await leftoversOf(world, id);
    return now.sagas === 0 && now.taskState === null ? now : null;
  });
/** A live migration that comes to no end by itself. */
async function endlessLiveMigration(
  changes: Parameters<World['running']>[0] = {},
): Promise<{ readonly id: InstanceId; readonly moveId: string; readonly fault: Disposable }> {
  const { id } = await world.running(changes);
  const fault = world.hypervisors.faults.add({ operation: 'liveMigrate', guest: id, delayMs: 600_000 });
  const { instance } = await getInstance(world.stores, id);
  await beginAction(cell(), 'liveMigrate', instance);
  const moveId = randomIds.uuid();
  const params = { instanceId: id, requestId: 'req-test', startedAt: 0, projectId: 'p1', userId: 'u1', host: null, filtersAsked: true };
  await insertSagas(cell(), [{ id: moveId, name: 'live-migrate', subject: id, params }]);
  world.deps.wake();
  await until('the guest on its way', async () => ((await findMove(cell(), { id: moveId }))?.status === 'running' ? true : null));
  return { id, moveId, fault };
}

test('a live migration that is called off leaves the server where it was, without a fault', async () => {
  world.conductor('one', sagas);
  const { id, moveId, fault } = await endlessLiveMigration();
  using _ = fault;
  await cancelSaga(cell(), moveId);
  expect(await settled(id)).toEqual({ ...whole, vmState: 'active' });
  expect((await findMove(cell(), { id: moveId }))?.status).toBe('cancelled');
  expect((await getInstance(world.stores, id)).instance).toMatchObject({ host, fault: null });
});

test('volumes are connected to both hosts while a guest moves, and to the source as they were when that is called off', async () => {
  world.conductor('one', sagas);
  const attachmentsOf = (id: string) => [...world.volumes.attachments.values()].filter(({ serverId }) => serverId === id);
  const { id, moveId, fault } = await endlessLiveMigration(withVolumes(world, [{}]));
  using _ = fault;
  const [before, second] = attachmentsOf(id);
  expect([before, second]).toMatchObject([
    { host, status: 'attached' },
    { host: expect.stringMatching(/^host-[23]$/), status: 'attaching' },
  ]);
  expect(world.volumes.volumes.get(before!.volumeId)?.status).toBe('in-use');
  await cancelSaga(cell(), moveId);
  expect(await settled(id)).toEqual({ ...whole, vmState: 'active', attached: ['attached'], volumes: 1 });
  expect(attachmentsOf(id)).toEqual([before]);
});

test('a server whose guest has moved has its volumes by the attachments of its new host only', async () => {
  world.conductor('one', sagas);
  const { id, fault } = await endlessLiveMigration(withVolumes(world, [{}]));
  using _ = fault;
  await world.hypervisors.driver(host).liveMoves!.forceComplete(id);
  expect(await settled(id)).toEqual({ ...whole, vmState: 'active', attached: ['attached'], volumes: 1 });
  const { instance } = await getInstance(world.stores, id);
  const left = [...world.volumes.attachments.values()].filter(({ serverId }) => serverId === id);
  expect(left).toMatchObject([{ id: instance.blockDevices[0]?.attachmentId, host: instance.host, status: 'attached' }]);
  expect(instance.host).not.toBe(host);
});

test('a server that is deleted while it moves is gone from everywhere', async () => {
  world.conductor('one', sagas);
  const { id, fault } = await endlessLiveMigration();
  using _ = fault;
  await beginAction(cell(), 'delete', (await getInstance(world.stores, id)).instance);
  const params = { instanceId: id, requestId: 'req-test', startedAt: 0 };
  await insertSagas(cell(), [{ id: randomIds.uuid(), name: 'delete-instance', subject: id, params }]);
  world.deps.wake();
  await until('the delete', async () => ((await findInstance(world.stores, id)) === null ? true : null));
  expect(await settled(id)).toEqual({ ...nothing, vmState: null });
});

test('a conductor that takes over joins a live migration that is under way', async () => {
  world.conductor('one', sagas);
  const { id, fault } = await endlessLiveMigration();
  using _ = fault;
  await world.stopConductors();
  world.conductor('two', sagas);
  await world.hypervisors.driver(host).liveMoves!.forceComplete(id);
  expect(await settled(id)).toEqual({ ...whole, vmState: 'active' });
  expect((await getInstance(world.stores, id)).instance.host).not.toBe(host);
});

test('a resize that nobody ends is confirmed when its time is over, and not before', async () => {
  const deps = (seconds: number) => ({
    ...world.deps,
    settings: readSettings(`[DEFAULT]\nresize_confirm_window = ${seconds}`).settings,
  });
  world.conductor('one', sagas);
  const id = await subjectsOfMoves['resize-instance: to another host']!.begin(world);
  await settled(id);
  expect(await confirmOldResizes(deps(0)).run(signal)).toEqual({ confirmed: 0 });
  expect(await confirmOldResizes(deps(3600)).run(signal)).toEqual({ confirmed: 0 });
  await cell()
    .updateTable('migrations')
    .set({ updated_at: new Date(0) })
    .where('instance_id', '=', id)
    .execute();
  expect(await confirmOldResizes(deps(3600)).run(signal)).toEqual({ confirmed: 1 });
  expect(await settled(id)).toEqual({ ...whole, vmState: 'active' });
  expect(await confirmOldResizes(deps(3600)).run(signal)).toEqual({ confirmed: 0 });
});

test('a server whose state was reset is resized anew from what it is now, not from what was set aside before', async () => {
  world.conductor('one', sagas);
  const id = await subjectsOfMoves['resize-instance: on the same host']!.begin(world);
  const { beside } = await settled(id);
  const [first] = await movesOf(cell(), id);
  const { instance } = await getInstance(world.stores, id);
  await transition(cell(), id, { vmState: 'active' });
  await beginAction(cell(), 'resize', (await getInstance(world.stores, id)).instance);
  const asked = { instanceId: id, requestId: 'req-test', startedAt: 0, projectId: 'p1', userId: 'u1' };
  const flavor = { ...instance.flavor, flavorId: '3', memoryMb: 2048 };
  const more = { flavor, oldFlavorId: 2, newFlavorId: 3, diskConfig: null, requestedHost: 'host-2' };
  await insertSagas(cell(), [{ id: randomIds.uuid(), name: 'resize-instance', subject: id, params: { ...asked, ...more } }]);
  world.deps.wake();
  expect(await settled(id)).toMatchObject({ vmState: 'resized', beside });
  expect((await findMove(cell(), { id: first!.id }))?.status).toBe('confirmed');
});

test('a host that answers again is cleared of what was evacuated, unless the server has come back to it', async () => {
  const evacuated = async (id: InstanceId, status: 'done') => {
    const moveId = randomIds.uuid();
    await insertMove(cell(), {
      id: moveId,
      instanceId: id,
      projectId: 'p1',
      userId: 'u1',
      type: 'evacuation',
      status,
      sourceHost: host,
      sourceNode: host,
    });
    return moveId;
  };
  const { id: away } = await world.running({ host: 'host-2', node: 'host-2' });
  await world.guests.make(away, host);
  const { id: back } = await world.running();
  const moves = [await evacuated(away, 'done'), await evacuated(back, 'done')];
  world.silent.add(host);
  expect(await clearEvacuatedHosts(world.deps).run(signal)).toMatchObject({ silent: [host] });
  world.silent.delete(host);
  await updateMove(cell(), moves[1]!, { status: 'done' });
  await clearEvacuatedHosts(world.deps).run(signal);
  expect(await Promise.all(moves.map(async (id) => (await findMove(cell(), { id }))?.status))).toEqual(['completed', 'completed']);
  expect([await world.guests.of(away), await world.guests.of(back)]).toMatchObject([[{ host: 'host-2' }], [{ host }]]);
});

test('an evacuation calls off what waits for a host that is silent', async () => {
  world.silent.add('host-3');
  world.conductor('one', sagas);
  const { id } = await world.running({ host: 'host-3', node: 'host-3' });
  await beginAction(cell(), 'stop', (await getInstance(world.stores, id)).instance);
  const asked = { instanceId: id, requestId: 'req-stop', startedAt: 0 };
  await insertSagas(cell(), [{ id: randomIds.uuid(), name: 'change-power', subject: id, params: { ...asked, action: 'stop' } }]);
  world.deps.wake();
  await beginAction(cell(), 'evacuate', (await getInstance(world.stores, id)).instance);
  const more = { projectId: 'p1', userId: 'u1', sourceHost: 'host-3', host: null, filtersAsked: true, start: true, adminPass: null };
  await insertSagas(cell(), [{ id: randomIds.uuid(), name: 'evacuate-instance', subject: id, params: { ...asked, ...more } }]);
  world.deps.wake();
  const { instance } = await until('the evacuation', async () => {
    const found = await getInstance(world.stores, id);
    return found.instance.host !== 'host-3' && found.instance.taskState === null ? found : null;
  });
  expect(instance.vmState).toBe('active');
});

test('a host that starts is told what to remove, what to switch off, and what to keep aside', async () => {
  const bus = inProcessBus();
  const running = await startConductor({ ...world.deps, bus });
  try {
    const client = bus.client(conductorTopic, conductor);
    const move = async (instanceId: InstanceId, type: MoveType, status: MoveStatus) => {
      const id = randomIds.uuid();
      const asked = { projectId: 'p1', userId: 'u1', sourceHost: host, sourceNode: host };
      await insertMove(cell(), { id, instanceId, type, status, ...asked });
      return { id, instanceId };
    };
    const elsewhere = { host: 'host-2', node: 'host-2' };
    const ids: InstanceId[] = [];
    for (const at of [elsewhere, elsewhere, elsewhere, {}, elsewhere]) ids.push((await world.running(at)).id);
    const aside = await move(ids[0]!, 'resize', 'finished');
    const made = await move(ids[1]!, 'evacuation', 'done');
    const unmade = await move(ids[2]!, 'evacuation', 'pre-migrating');
    await move(ids[3]!, 'evacuation', 'done'); // the server has come back
    await move(ids[4]!, 'resize', 'confirmed');
    world.placement.give(made.id, '0a0a0a0a-0000-4000-8000-000000000001', { VCPU: 1 }, 'MIGRATION');
    const answer = await client.hostStarted({ host, version: 1, nodes: [] });
    const of = (list: readonly { readonly instanceId: string }[]) =>
      list.filter(({ instanceId }) => ids.includes(instanceId as InstanceId));
    expect(of(answer.instances)).toMatchObject([{ instanceId: ids[3] }]);
    expect(answer.setAside.filter((id) => ids.includes(id as InstanceId))).toEqual([aside.instanceId]);
    expect(of(answer.evacuated)).toEqual([
      { instanceId: made.instanceId, moveId: made.id, made: true },
      { instanceId: unmade.instanceId, moveId: unmade.id, made: false },
    ]);
    await client.staleGuestsRemoved({ host, moveIds: [made.id] });
    expect([(await findMove(cell(), { id: made.id }))?.status, world.placement.providerOf(made.id)]).toEqual(['completed', null]);
    // a guest that arrives is no stray where it is going
    const live = await move(ids[3]!, 'live-migration', 'running');
    await updateMove(cell(), live.id, { destHost: 'host-2' });
    expect(of((await client.instancesOn({ host: 'host-2' })).instances).map(({ instanceId }) => instanceId)).toContain(ids[3]);
  } finally {
    await running.stop();
    await bus.close();
  }
});

test('a place is looked for again later while a host only does not answer, and not when hosts refuse', async () => {
  const { id } = await world.running();
  const { instance, cellId } = await getInstance(world.stores, id);
  const found = { chosen: { host: 'host-2', cellId } };
  const selectDestinations: ConductorDeps['scheduler']['selectDestinations'] = ({ spec }) =>
    Promise.resolve(
      (spec.ignoreHosts.includes('host-2')
        ? { found: false, message: 'No valid host was found.' }
        : { found: true, destinations: [found] }) as never,
    );
  const deps = { ...world.deps, scheduler: { ...world.deps.scheduler, selectDestinations } };
  const looked = (kind: 'unavailable' | 'unsupported') =>
    choosePlace(deps, {
      instance,
      cellId,
      ignoreHosts: [],
      requestedHost: null,
      admit: () => Promise.reject(new KilonovaError(kind, 'not now')),
      signal,
    });
  await expect(looked('unavailable')).rejects.toMatchObject({ kind: 'unavailable', message: 'No valid host was found. host-2: not now' });
  await expect(looked('unsupported')).rejects.toMatchObject({ kind: 'internal', code: 'NoValidHost' });
});
