import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AuditReport } from '../../src/contracts/conductor.ts';
import type { InstanceId } from '../../src/domain/instance.ts';
import type { MoveStatus } from '../../src/domain/move.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { unavailable } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { createAuditor } from '../../src/services/conductor/audit/auditor.ts';
import { invariants } from '../../src/services/conductor/audit/invariants/index.ts';
import { runAudit } from '../../src/services/conductor/audit/run-audit.ts';
import { sagas } from '../../src/services/conductor/sagas/index.ts';
import { beginAction, findInstance, getInstance, insertInstances } from '../../src/store/instances.ts';
import { insertMove } from '../../src/store/moves.ts';
import { insertSagas } from '../../src/store/sagas.ts';
import { withVolumes } from './subject.ts';
import { createWorld, host, leftoversOf, nodes, type World } from './world.ts';

const [node] = nodes.keys();
let world: World;
beforeAll(async () => void (world = await createWorld()));
afterEach(() => world.stopConductors());
afterAll(() => world.close());

const { signal } = new AbortController();
const audit = (repair: boolean, settleMs = 20) => runAudit(world.deps, { repair, signal, settleMs });
const findings = async (repair = false) =>
  (await audit(repair)).findings.map(({ invariant, subject, outcome }) => ({ invariant, subject, outcome }));
const cell0 = () => world.stores.cell0.database;
const cell1 = () => world.stores.defaultCell.database;
const longAgo = new Date(Date.now() - 7_200_000);
const unknown = '5e7e2a4e-0000-4000-8000-00000000dead';

/** One thing that is wrong: how it came about, what the auditor calls it, and how it ends. */
interface Damage {
  readonly title: string;
  readonly make: () => Promise<{ readonly subject: string; readonly undo?: () => unknown }>;
  readonly invariant: string;
  /** Only an operator mends what is `left`. */
  readonly outcome: 'mendable' | 'left';
}

const runningServer = async () => (await world.running()).id;
/** A server that was deleted: its row is still there, nothing else is. */
const deletedServer = async () => {
  const { id } = await world.running();
  await world.guests.remove(id);
  world.placement.take(id);
  for (const port of world.ports.values()) if (port.deviceId === id) world.ports.delete(port.id);
  await world.stores.api.deleteFrom('request_specs').where('instance_id', '=', id).execute();
  await cell1()
    .updateTable('instances')
    .set({ vm_state: 'deleted', host: null, node: null, deleted_at: new Date() })
    .where('uuid', '=', id)
    .execute();
  return id;
};
const portOf = async (owned: boolean, deviceId: string) => {
  const id = await runningServer();
  const port = [...world.ports.values()].find((candidate) => candidate.deviceId === id)!;
  const stray = { ...port, id: randomIds.uuid(), deviceId, binding: { ...port.binding, profile: owned ? { kilonova_owned: true } : {} } };
  world.ports.set(stray.id, stray);
  return stray.id;
};
const setState = (id: string, columns: { vm_state?: string; task_state?: string | null; created_at?: Date }) =>
  cell1().updateTable('instances').set(columns).where('uuid', '=', id).execute();

/** A move of a server away from its host, which stands there. */
const moveOf = async (instanceId: string, status: MoveStatus): Promise<string> => {
  const id = randomIds.uuid();
  const type = status === 'done' ? 'evacuation' : 'migration';
  const asked = { projectId: 'p1', userId: 'u1', sourceHost: host, sourceNode: host };
  await insertMove(cell1(), { id, instanceId: instanceId as InstanceId, type, status, ...asked });
  return id;
};

const damages: readonly Damage[] = [
  {
    title: 'a deleted server still holds resources',
    invariant: 'allocation-is-server',
    outcome: 'mendable',
    make: async () => {
      const id = await deletedServer();
      world.placement.give(id, node!);
      return { subject: `allocation ${id}` };
    },
  },
  {
    title: 'somebody unknown holds resources',
    invariant: 'allocation-is-server',
    outcome: 'left',
    make: () => {
      world.placement.give(unknown, node!);
      return Promise.resolve({ subject: `allocation ${unknown}`, undo: () => world.placement.take(unknown) });
    },
  },
  {
    title: 'a server holds nothing',
    invariant: 'allocation-is-server',
    outcome: 'left',
    make: async () => {
      const id = await runningServer();
      world.placement.take(id);
      return { subject: `allocation ${id}`, undo: () => world.placement.give(id, node!) };
    },
  },
  {
    title: 'a task state is left behind',
    invariant: 'task-has-saga',
    outcome: 'mendable',
    make: async () => {
      const id = await runningServer();
      await setState(id, { task_state: 'powering-off' });
      return { subject: `server ${id}` };
    },
  },
  {
    title: 'a build is lost',
    invariant: 'task-has-saga',
    outcome: 'mendable',
    make: async () => {
      const { id } = await world.accept();
      return { subject: `server ${id}` };
    },
  },
  {
    title: 'a build is lost without a task state',
    invariant: 'build-goes-on',
    outcome: 'mendable',
    make: async () => {
      const id = await runningServer();
      await setState(id, { vm_state: 'building', created_at: longAgo });
      return { subject: `server ${id}` };
    },
  },
  {
    title: 'an operation is about nothing',
    invariant: 'saga-has-subject',
    outcome: 'left',
    make: async () => {
      const id = randomIds.uuid();
      await insertSagas(cell1(), [{ id, name: 'change-power', subject: unknown, params: {} }]);
      await cell1().updateTable('sagas').set({ updated_at: longAgo }).where('id', '=', id).execute();
      return { subject: `saga ${id}`, undo: () => cell1().deleteFrom('sagas').where('id', '=', id).execute() };
    },
  },
  {
    title: 'an operation does not get over a step',
    invariant: 'saga-gets-on',
    outcome: 'left',
    make: async () => {
      const [id, since] = [randomIds.uuid(), Date.now() - 600_000];
      await insertSagas(cell1(), [{ id, name: 'change-power', subject: await runningServer(), params: {} }]);
      const failure = { kind: 'internal', message: 'no' } as const;
      const waiting = JSON.stringify({ step: 'changed', direction: 'backward', since, tries: 50, failure, until: null });
      await cell1().updateTable('sagas').set({ waiting }).where('id', '=', id).execute();
      return { subject: `saga ${id}`, undo: () => cell1().deleteFrom('sagas').where('id', '=', id).execute() };
    },
  },
  {
    title: 'a deleted server still has a volume',
    invariant: 'attachment-is-server',
    outcome: 'mendable',
    make: async () => ({
      subject: `attachment ${world.volumes.attach(world.volumes.make({ status: 'in-use' }).id, await deletedServer()).id}`,
    }),
  },
  {
    title: 'a volume is attached to a server that does not have it',
    invariant: 'attachment-is-server',
    outcome: 'mendable',
    make: async () => ({
      subject: `attachment ${world.volumes.attach(world.volumes.make({ status: 'in-use' }).id, await runningServer(), host).id}`,
    }),
  },
  {
    title: 'a volume is connected to another host than that of its server',
    invariant: 'attachment-is-server',
    outcome: 'left',
    make: async () => {
      const { blockDevices } = await world.running(withVolumes(world, [{}], 'host-2'));
      const id = blockDevices[0]?.attachmentId ?? '';
      return {
        subject: `attachment ${id}`,
        undo: () => world.volumes.attachments.set(id, { ...world.volumes.attachments.get(id)!, host }),
      };
    },
  },
  {
    title: 'a server has a volume of which the volume service knows nothing',
    invariant: 'attachment-is-server',
    outcome: 'left',
    make: async () => {
      const { id, blockDevices } = await world.running(withVolumes(world, [{}]));
      const { attachmentId, volumeId } = blockDevices[0]!;
      const kept = world.volumes.attachments.get(attachmentId ?? '')!;
      world.volumes.attachments.delete(kept.id);
      return { subject: `volume ${volumeId} of server ${id}`, undo: () => world.volumes.attachments.set(kept.id, kept) };
    },
  },
  {
    title: 'a port is bound to another host than that of its server',
    invariant: 'port-has-server',
    outcome: 'mendable',
    make: async () => {
      const id = await runningServer();
      const port = [...world.ports.values()].find(({ deviceId }) => deviceId === id)!;
      world.ports.set(port.id, { ...port, binding: { ...port.binding, hostId: 'host-2' } });
      return { subject: `port ${port.id}` };
    },
  },
  {
    title: 'a deleted server has left its directory',
    invariant: 'file-is-guest',
    outcome: 'mendable',
    make: async () => {
      const id = await deletedServer();
      world.hypervisors.driver(host).leaveFile({ id, name: id, touchedAt: longAgo.getTime() });
      return { subject: `file ${id} on ${host}` };
    },
  },
  {
    title: 'a copy of a disk is left that nobody uploads',
    invariant: 'file-is-guest',
    outcome: 'mendable',
    make: async () => {
      const id = await runningServer();
      world.hypervisors.driver(host).leaveFile({ id, name: `${id}/copy.image`, touchedAt: longAgo.getTime() });
      return { subject: `file ${id}/copy.image on ${host}` };
    },
  },
  {
    title: 'a server that is elsewhere has left its directory',
    invariant: 'file-is-guest',
    outcome: 'left',
    make: async () => {
      const id = await runningServer();
      const file = { id, name: id, touchedAt: longAgo.getTime() };
      world.hypervisors.driver('host-2').leaveFile(file);
      return { subject: `file ${id} on host-2`, undo: () => world.hypervisors.driver('host-2').leftFiles!.remove(file) };
    },
  },
  {
    title: 'a mapping has no server',
    invariant: 'mapping-has-server',
    outcome: 'mendable',
    make: async () => {
      const id = randomIds.uuid();
      await world.stores.api
        .insertInto('instance_mappings')
        .values({ instance_id: id, project_id: 'p1', user_id: 'u1', cell_id: world.stores.cell0.id, created_at: longAgo })
        .execute();
      return { subject: `mapping ${id}` };
    },
  },
  {
    title: 'a mapping names the wrong cell',
    invariant: 'mapping-has-server',
    outcome: 'mendable',
    make: async () => {
      const id = await runningServer();
      await world.stores.api
        .updateTable('instance_mappings')
        .set({ cell_id: world.stores.cell0.id, created_at: longAgo })
        .where('instance_id', '=', id)
        .execute();
      return { subject: `mapping ${id}` };
    },
  },
  {
    title: 'a server has no mapping',
    invariant: 'server-has-mapping',
    outcome: 'mendable',
    make: async () => {
      const id = await runningServer();
      await world.stores.api.deleteFrom('request_specs').where('instance_id', '=', id).execute();
      await world.stores.api.deleteFrom('instance_mappings').where('instance_id', '=', id).execute();
      return { subject: `server ${id}` };
    },
  },
  {
    title: 'a server is in two cells',
    invariant: 'one-cell',
    outcome: 'mendable',
    make: async () => {
      const id = await runningServer();
      const { instance } = await getInstance(world.stores, id);
      await insertInstances(cell0(), [{ ...instance, host: null, node: null }]);
      return { subject: `server ${id}` };
    },
  },
  {
    title: 'a request outlives its server',
    invariant: 'request-has-mapping',
    outcome: 'mendable',
    make: async () => {
      const id = randomIds.uuid();
      await world.stores.api.insertInto('request_specs').values({ instance_id: id, spec: '{}' }).execute();
      return { subject: `request ${id}` };
    },
  },
  {
    title: 'a member of a group does not exist',
    invariant: 'group-member-exists',
    outcome: 'mendable',
    make: async () => {
      const group = { uuid: randomIds.uuid(), name: 'group', project_id: 'p1', user_id: 'u1', policy: 'affinity' };
      const { id } = await world.stores.api.insertInto('server_groups').values(group).returning('id').executeTakeFirstOrThrow();
      const member = randomIds.uuid();
      await world.stores.api
        .insertInto('server_group_members')
        .values({ group_id: id, instance_id: member, created_at: longAgo })
        .execute();
      return { subject: `member ${member}` };
    },
  },
  {
    title: 'a port outlives its server',
    invariant: 'port-has-server',
    outcome: 'mendable',
    make: async () => ({ subject: `port ${await portOf(true, await deletedServer())}` }),
  },
  {
    title: 'a port of a user belongs to a server that is deleted',
    invariant: 'port-has-server',
    outcome: 'left',
    make: async () => {
      const id = await portOf(false, await deletedServer());
      return { subject: `port ${id}`, undo: () => world.ports.delete(id) };
    },
  },
  {
    title: 'a port belongs to a word',
    invariant: 'port-has-server',
    outcome: 'mendable',
    make: async () => ({ subject: `port ${await portOf(true, 'no-such-device')}` }),
  },
  {
    title: 'a guest outlives its server',
    invariant: 'guest-is-server',
    outcome: 'mendable',
    make: async () => {
      const id = await deletedServer();
      await world.guests.make(id, host);
      return { subject: `guest ${id} on ${host}` };
    },
  },
  {
    title: 'a guest is known to nobody',
    invariant: 'guest-is-server',
    outcome: 'left',
    make: async () => {
      await world.guests.make(unknown, host);
      return { subject: `guest ${unknown} on ${host}`, undo: () => world.guests.remove(unknown) };
    },
  },
  {
    title: 'a server has lost its guest',
    invariant: 'guest-is-server',
    outcome: 'left',
    make: async () => {
      const id = await runningServer();
      await world.guests.remove(id);
      return { subject: `server ${id}`, undo: () => world.guests.make(id, host) };
    },
  },
  {
    title: 'a move that has ended still holds resources',
    invariant: 'allocation-is-server',
    outcome: 'mendable',
    make: async () => {
      const moveId = await moveOf(await runningServer(), 'confirmed');
      world.placement.give(moveId, node!, { VCPU: 1 }, 'MIGRATION');
      return { subject: `allocation ${moveId}` };
    },
  },
  {
    title: 'a move that waits for its end holds nothing',
    invariant: 'allocation-is-server',
    outcome: 'left',
    make: async () => {
      const moveId = await moveOf(await runningServer(), 'done');
      return { subject: `allocation ${moveId}`, undo: () => world.placement.give(moveId, node!, { VCPU: 1 }, 'MIGRATION') };
    },
  },
  {
    title: 'a move is under way and nobody does it',
    invariant: 'move-has-saga',
    outcome: 'mendable',
    make: async () => ({ subject: `move ${await moveOf(await runningServer(), 'migrating')}` }),
  },
  {
    title: 'a guest is set aside for nothing',
    invariant: 'aside-is-resize',
    outcome: 'mendable',
    make: async () => {
      const id = await runningServer();
      await world.hypervisors.driver(host).moves!.setAside(id, { becomes: [], graceSeconds: 0, signal });
      await world.guests.make(id, host);
      return { subject: `guest ${id} set aside on ${host}` };
    },
  },
];

test('every invariant is broken by some damage below', () => {
  expect(new Set(damages.map(({ invariant }) => invariant))).toEqual(new Set(invariants.map(({ name }) => name)));
});

describe.each(damages)('when $title', ({ make, invariant, outcome }) => {
  test('the audit finds that and nothing else, mends it where that is safe, and is clean then', async () => {
    expect(await findings()).toEqual([]);
    const { subject, undo } = await make();
    expect(await findings()).toEqual([{ invariant, subject, outcome }]);
    expect(await findings()).toEqual([{ invariant, subject, outcome }]); // looking changes nothing
    expect(await findings(true)).toEqual([{ invariant, subject, outcome: outcome === 'left' ? 'left' : 'mended' }]);
    await undo?.();
    expect(await findings()).toEqual([]);
  });
});

test('a delete that was lost is carried through', async () => {
  const { id } = await world.running();
  await beginAction(cell1(), 'delete', (await getInstance(world.stores, id)).instance);
  expect(await findings(true)).toEqual([{ invariant: 'task-has-saga', subject: `server ${id}`, outcome: 'mended' }]);
  world.conductor('second', sagas);
  await waitUntil(async () => ((await findInstance(world.stores, id)) === null ? true : null), {
    clock: systemClock,
    timeoutMs: 20_000,
    everyMs: 10,
    what: 'The delete',
  });
  expect(await leftoversOf(world, id)).toMatchObject({ guest: null, allocated: false, ports: 0 });
  expect(await findings()).toEqual([]);
});

test('a build that was lost leaves a server in ERROR that says so', async () => {
  const { id } = await world.accept();
  expect(await findings(true)).toHaveLength(1);
  expect((await getInstance(world.stores, id)).instance).toMatchObject({
    vmState: 'error',
    taskState: null,
    fault: { message: expect.stringContaining('The build was lost') },
  });
});

test('a host that does not answer is not audited, and its servers are no findings', async () => {
  const { id } = await world.running();
  await world.guests.remove(id);
  world.silent.add(host);
  try {
    expect(await audit(true)).toMatchObject({
      findings: [],
      notAudited: [{ what: host, kind: 'host', why: expect.stringContaining('Nobody serves') }],
    });
  } finally {
    world.silent.delete(host);
    await world.guests.make(id, host);
  }
});

test('a service that does not answer leaves its invariant unaudited and the others audited', async () => {
  const { id } = await world.running();
  await setState(id, { task_state: 'pausing' });
  const { placement } = world.deps;
  const report = await runAudit(
    { ...world.deps, placement: { ...placement, providers: () => Promise.reject(unavailable('The placement service does not answer.')) } },
    { repair: true, signal, settleMs: 20 },
  );
  expect(report).toMatchObject({
    findings: [{ invariant: 'task-has-saga', outcome: 'mended' }],
    notAudited: [{ what: 'allocation-is-server', kind: 'invariant' }],
  });
});

/** The same sagas, each of whose steps dawdles before and after what it does. */
const slow = (ms: number): typeof sagas =>
  sagas.map((saga) => ({
    ...saga,
    steps: saga.steps.map((step) => ({
      ...step,
      run: async (context: Parameters<typeof step.run>[0]) => {
        await systemClock.sleep(ms);
        const result = await step.run(context);
        await systemClock.sleep(ms);
        return result;
      },
    })),
  }));

test('files are left over only once nobody has touched them for some time', async () => {
  const id = await deletedServer();
  world.hypervisors.driver(host).leaveFile({ id, name: id, touchedAt: Date.now() - 60_000 });
  const mine = async () => (await findings()).filter(({ subject }) => subject.includes(id));
  expect(await mine()).toEqual([]);
  await world.hypervisors.driver(host).leftFiles!.remove({ id, name: id });
});

test('an operation under way is never a finding', async () => {
  world.conductor('slow', slow(60));
  const operate = async (): Promise<void> => {
    const { id, reservationId } = await world.accept({ reservationId: `r-${randomIds.uuid().slice(0, 8)}` });
    await insertSagas(cell0(), [
      {
        id: randomIds.uuid(),
        name: 'place-instances',
        subject: reservationId,
        params: { instanceIds: [id], requestId: 'req-test', adminPass: null, startedAt: 0 },
      },
    ]);
    const settled = (vmState: string | null) =>
      waitUntil(
        async () => ((await leftoversOf(world, id)).vmState === vmState && (await leftoversOf(world, id)).taskState === null ? true : null),
        { clock: systemClock, timeoutMs: 20_000, everyMs: 15, what: `${vmState} of ${id}` },
      );
    const begin = async (name: string, action: 'stop' | 'delete', params = {}) => {
      await cell1()
        .transaction()
        .execute(async (tx) => {
          await beginAction(tx, action, (await getInstance(world.stores, id)).instance);
          await insertSagas(tx, [
            { id: randomIds.uuid(), name, subject: id, params: { instanceId: id, requestId: 'req-test', startedAt: 0, ...params } },
          ]);
        });
    };
    await settled('active');
    await begin('change-power', 'stop', { action: 'stop' });
    await settled('stopped');
    await begin('delete-instance', 'delete');
    await settled(null);
  };
  const under = new AbortController();
  const reports: AuditReport[] = [];
  const enough = 6;
  const operateOn = async (): Promise<void> => {
    do await operate();
    while (reports.length < enough);
  };
  const operations = Promise.all(Array.from({ length: 8 }, operateOn)).finally(() => under.abort());
  while (!under.signal.aborted) reports.push(await audit(true, 10));
  await operations;
  expect(reports.flatMap((report) => report.findings)).toEqual([]);
  expect(await findings()).toEqual([]);
});

test('an audit that takes long is made less often, and on demand at any time', async () => {
  let now = Date.now();
  const passing = { now: () => (now += 1000), sleep: () => Promise.resolve() };
  const auditor = createAuditor({ ...world.deps, clock: passing });
  const first = await auditor.reconciler.run(signal);
  expect(first).toMatchObject({ invariants: invariants.length, findings: 0 });
  expect(await auditor.reconciler.run(signal)).toBe(first);
  expect(await auditor.audit({ repair: false, signal })).toMatchObject({ findings: [] });
  now += 3_600_000;
  const later = await auditor.reconciler.run(signal);
  expect(later).not.toBe(first);
  expect(later).toMatchObject({ findings: 0 });
});
