import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SagaDetail, SagaOrder } from '../../src/contracts/operator.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { internal } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { inspect } from '../../src/services/inspect/inspect.ts';
import { orderSaga } from '../../src/services/manage/saga/order-saga.ts';
import { writeCredentials } from '../../src/services/up/credentials-files.ts';
import { stateDirectory } from '../../src/services/up/state-directory.ts';
import { password, startTestCloud, type TestCloud } from '../support/cloud.ts';

/** What an operator does about an operation that does not end. */
let cloud: TestCloud;
let directory: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  directory = await mkdtemp(join(tmpdir(), 'kilonova-order-saga-'));
  await writeCredentials(
    stateDirectory(directory),
    { adminPassword: password, servicePasswords: {}, metadataSecret: '', cloudId: 'test' },
    cloud.cloud,
  );
});
afterAll(async () => {
  await cloud.stop();
  await rm(directory, { recursive: true, force: true });
});

const cell = () => cloud.cloud.stores.defaultCell.database;
async function order(
  id: string,
  what: SagaOrder,
  more: { readonly yes?: boolean; readonly json?: boolean; readonly running?: boolean } = {},
): Promise<{ readonly code: number; readonly text: string }> {
  let text = '';
  const { running = true, json = false, ...rest } = more;
  const tell = (part: string): void => void (text += part);
  const code = await orderSaga(
    { statePath: directory, openrc: join(directory, 'openrc'), running, write: tell, warn: tell },
    { id, order: what, json, ...rest },
  );
  return { code, text };
}
async function shown(id: string): Promise<{ readonly text: string; readonly detail: SagaDetail }> {
  const look = async (json: boolean): Promise<string> => {
    let text = '';
    const options = {
      statePath: directory,
      openrc: join(directory, 'openrc'),
      running: true,
      json,
      write: (more: string) => void (text += more),
    };
    await inspect(options, { what: 'saga', id });
    return text;
  };
  return { text: await look(false), detail: JSON.parse(await look(true)) as SagaDetail };
}
async function server(name: string): Promise<string> {
  const wanted = { name, imageRef: cloud.imageId, flavorRef: '1', networks: 'none' };
  const { id } = (await cloud.admin.ask('compute', 'POST', '/servers', { server: wanted })).body.server as { id: string };
  await cloud.settled(cloud.admin, id, 'ACTIVE');
  return id;
}
const until = <T>(what: string, look: () => Promise<T | null>): Promise<T> =>
  waitUntil(look, { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what });
const sagaOf = (subject: string, name: string): Promise<string> =>
  until(`${name} of ${subject}`, async () => {
    const row = await cell().selectFrom('sagas').select('id').where('subject', '=', subject).where('name', '=', name).executeTakeFirst();
    return row?.id ?? null;
  });
const waiting = (id: string): Promise<true> =>
  until(`What ${id} waits for`, async () => {
    const row = await cell().selectFrom('sagas').select('waiting').where('id', '=', id).executeTakeFirst();
    return row?.waiting == null ? null : true;
  });
const isGone = (id: string) => async () => ((await cloud.admin.ask('compute', 'GET', `/servers/${id}`)).status === 404 ? true : null);
/** Nobody runs it, and what it waits for it has waited for long. */
const longAgo = (id: string) =>
  cell()
    .updateTable('sagas')
    .set((eb) => ({
      fence: eb('fence', '+', 1),
      owner: null,
      lease_until: new Date(Date.now() + 3_600_000).toISOString(),
      waiting: JSON.stringify({
        step: 'destroyed',
        direction: 'forward',
        since: Date.now() - 600_000,
        tries: 40,
        failure: { kind: 'internal', message: 'libvirt has lost its mind' },
        until: null,
      }),
    }))
    .where('id', '=', id)
    .execute();

test('what does not exist, has ended, or runs nowhere is refused with the reason', async () => {
  const unknown = randomIds.uuid();
  expect(await order(unknown, 'resume')).toEqual({ code: 1, text: `kilonova: Saga ${unknown} could not be found.\n` });
  const built = await sagaOf(await server('ended'), 'build-instance');
  for (const what of ['resume', 'undo', 'force', 'end'] as const) {
    const refused = await order(built, what, { yes: true });
    expect(refused).toMatchObject({
      code: 1,
      text: expect.stringMatching(/^kilonova: build-instance \S+ has ended already: it is done since /),
    });
  }
  expect(JSON.parse((await order(built, 'undo', { json: true })).text)).toEqual({
    order: 'undo',
    refused: expect.stringContaining('has ended already'),
  });
  expect(await order(built, 'undo', { running: false })).toEqual({ code: 4, text: `kilonova: No cloud runs in ${directory}.\n` });
});

test('an operation that waits says for what; resumed, it goes on at once', async () => {
  const id = await server('stubborn');
  using fault = cloud.hypervisors.faults.add({ operation: 'destroy', guest: id, error: internal('libvirt has lost its mind') });
  await cloud.admin.ask('compute', 'DELETE', `/servers/${id}`);
  const saga = await sagaOf(id, 'delete-instance');
  await waiting(saga);
  const { text, detail } = await shown(saga);
  expect(text).toMatch(/^held by +\S+, until \S+ \(fence 1\)$/m);
  expect(text).toMatch(
    /^waits for +destroyed, tried \d times since \d s ago: libvirt has lost its mind \(internal\); it is tried until it works$/m,
  );
  expect(text).toMatch(/^destroyed +under way +no: past the point of no return$/m);
  expect(detail).toMatchObject({
    stuck: false,
    deadline: null,
    steps: [{ name: 'alone', state: 'done' }, { name: 'destroyed', state: 'under way' }, {}, {}],
  });
  expect((await order(saga, 'undo')).text).toMatch(
    /is past its point of no return: step destroyed is tried until it works\. .*manage saga resume/,
  );
  expect((await order(saga, 'force', { yes: true })).text).toMatch(
    /is going on: step destroyed has failed for \d+ s\. It can be forced after 30 s\.\n$/,
  );
  fault[Symbol.dispose]();
  expect(await order(saga, 'resume')).toEqual({ code: 0, text: 'step destroyed is tried again at once, by any conductor.\n' });
  await until('the delete', isGone(id));
  expect((await shown(saga)).text).toMatch(/^state +done$/m);
});

test('an operation that can be undone is', async () => {
  const id = await server('slow');
  using _ = cloud.hypervisors.faults.add({ operation: 'powerOff', guest: id, delayMs: 600_000 });
  await cloud.admin.ask('compute', 'POST', `/servers/${id}/action`, { 'os-stop': null });
  const saga = await sagaOf(id, 'change-power');
  await until('the step', async () => ((await shown(saga)).detail.owner === null ? null : true));
  expect((await shown(saga)).detail.deadline).not.toBe(null);
  const forced = await order(saga, 'force');
  expect(forced).toMatchObject({
    code: 1,
    text: expect.stringContaining(`can still be undone, which leaves nothing behind: kilonova manage saga undo ${saga}`),
  });
  expect(await order(saga, 'undo')).toMatchObject({
    code: 0,
    text: expect.stringMatching(/is called off at step changed and undone, last step first\.\n$/),
  });
  await cloud.settled(cloud.admin, id, 'ACTIVE');
  await until('the end', async () => ((await shown(saga)).detail.state === 'undone' ? true : null));
});

test('what cannot go on is forced only after its consequences were shown and accepted', async () => {
  const id = await server('wedged');
  using _ = cloud.hypervisors.faults.add({ operation: 'destroy', guest: id, error: internal('libvirt has lost its mind') });
  await cloud.admin.ask('compute', 'DELETE', `/servers/${id}`);
  const saga = await sagaOf(id, 'delete-instance');
  await waiting(saga);
  await longAgo(saga);
  let listed = '';
  await inspect(
    { statePath: directory, openrc: join(directory, 'openrc'), running: true, json: false, write: (text) => void (listed += text) },
    { what: 'sagas', all: false },
  );
  expect(listed).toMatch(/ delete-instance +running, stuck +destroyed +\S+ +.* libvirt has lost its mind$/m);
  const preview = await order(saga, 'end');
  expect(preview.code).toBe(3);
  expect(preview.text).toMatch(
    /^The operation ends as it is, at step destroyed\.\nGoes on by itself: nothing\nStays done:\n {2}alone\nIs never done:\n {2}destroyed\n {2}released\n {2}finished\n/,
  );
  expect(preview.text).toContain(`server ${id}: active, task_state deleting, on fake-`);
  expect(preview.text).toMatch(/^ {2}resources of fake-\d, held by the server: .*1 VCPU/m);
  expect(preview.text).toMatch(/^ {2}guest on fake-\d, running$/m);
  expect(preview.text).toContain(
    `server ${id} (task-has-saga): It is in task_state deleting, and nothing is being done to it. Delete it again. (by itself)`,
  );
  expect(preview.text).toMatch(new RegExp(`Nothing has been done. To do it: kilonova manage saga force --end --yes ${saga}\n$`));
  expect((await shown(saga)).detail.state).toBe('running');
  const json = JSON.parse((await order(saga, 'force', { json: true })).text) as object;
  expect(json).toMatchObject({
    order: 'force',
    confirmed: false,
    consequences: { step: 'destroyed', goesOn: ['released', 'finished'], neverDone: ['destroyed'] },
  });
  const done = await order(saga, 'force', { yes: true });
  expect(done).toMatchObject({ code: 0, text: expect.stringMatching(/\nstep destroyed is passed over; the rest goes on\.\n$/) });
  await until('the delete', isGone(id));
  expect((await shown(saga)).text).toMatch(/^destroyed +skipped .* by an operator$/m);
});

test('one that is ended as it is leaves the rest to the auditor', async () => {
  const id = await server('given-up');
  using fault = cloud.hypervisors.faults.add({ operation: 'destroy', guest: id, error: internal('libvirt has lost its mind') });
  await cloud.admin.ask('compute', 'DELETE', `/servers/${id}`);
  const saga = await sagaOf(id, 'delete-instance');
  await waiting(saga);
  await longAgo(saga);
  expect(await order(saga, 'end', { yes: true })).toMatchObject({
    code: 0,
    text: expect.stringMatching(/ has ended as it is\. What it leaves: kilonova inspect audit\n$/),
  });
  expect((await shown(saga)).text).toMatch(/^state +abandoned$/m);
  fault[Symbol.dispose]();
  await inspect(
    { statePath: directory, openrc: join(directory, 'openrc'), running: true, json: true, write: () => undefined },
    { what: 'audit', repair: true },
  );
  await until('the delete that the auditor has begun', isGone(id));
});
