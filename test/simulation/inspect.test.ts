import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomIds } from '../../src/lib/ids.ts';
import type { InstanceId } from '../../src/domain/instance.ts';
import type { MoveStatus } from '../../src/domain/move.ts';
import { insertMove, updateMove, type MoveChanges } from '../../src/store/moves.ts';
import { inspect, isNoCloud, type Inspection } from '../../src/services/inspect/inspect.ts';
import { writeCredentials } from '../../src/services/up/credentials-files.ts';
import { stateDirectory } from '../../src/services/up/state-directory.ts';
import { password, startTestCloud, type TestCloud } from '../support/cloud.ts';

let cloud: TestCloud;
let directory: string;
let serverId: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  directory = await mkdtemp(join(tmpdir(), 'kilonova-inspect-'));
  await writeCredentials(
    stateDirectory(directory),
    { adminPassword: password, servicePasswords: {}, metadataSecret: '', cloudId: 'test' },
    cloud.cloud,
  );
  const server = { name: 'one', imageRef: cloud.imageId, flavorRef: '1', networks: 'none' };
  serverId = (await cloud.admin.ask('compute', 'POST', '/servers', { server })).body.server.id;
  await cloud.settled(cloud.admin, serverId, 'ACTIVE');
});
afterAll(async () => {
  await cloud.stop();
  await rm(directory, { recursive: true, force: true });
});

async function look(
  inspection: Inspection,
  options: { readonly json?: boolean; readonly running?: boolean } = {},
): Promise<{ readonly code: number; readonly text: string }> {
  let text = '';
  const code = await inspect(
    {
      statePath: directory,
      openrc: join(directory, 'openrc'),
      running: options.running ?? true,
      json: options.json ?? false,
      write: (more) => void (text += more),
    },
    inspection,
  );
  return { code, text };
}
const cell = () => cloud.cloud.stores.defaultCell.database;

test('hosts are listed with what is on them', async () => {
  const { code, text } = await look({ what: 'hosts' });
  expect(code).toBe(0);
  expect(text.split('\n').slice(0, 3)).toEqual([
    expect.stringMatching(/^HOST +CELL +STATE +SERVERS +BUSY +NODES +SEEN$/),
    expect.stringMatching(/^fake-1 +cell1 +up +[01] +0 +1 +\d+ s ago$/),
    expect.stringMatching(/^fake-2 +cell1 +up +[01] +0 +1 +\d+ s ago$/),
  ]);
});

test('operations are listed, and each is shown step by step', async () => {
  expect(await look({ what: 'sagas', all: false })).toEqual({ code: 0, text: 'Nothing is being done now.\n' });
  const { sagas } = JSON.parse((await look({ what: 'sagas', all: true }, { json: true })).text) as {
    sagas: { id: string; name: string }[];
  };
  expect(sagas.map(({ name }) => name).toSorted()).toEqual(['build-instance', 'place-instances']);
  const { text } = await look({ what: 'saga', id: sagas.find(({ name }) => name === 'build-instance')!.id });
  expect(text).toMatch(/^operation +build-instance\nabout +[0-9a-f-]{36}\nstate +done\n/);
  expect(text).toMatch(/^spawned +ran +\S+ +\d+ ms +1 +$/m);
  await expect(look({ what: 'saga', id: randomIds.uuid() })).rejects.toMatchObject({ kind: 'notFound' });
  await expect(look({ what: 'saga', id: 'x' })).rejects.toMatchObject({ kind: 'notFound' });
});

test('nobody sees the password an operation hands to a guest', async () => {
  const id = randomIds.uuid();
  await cell()
    .insertInto('sagas')
    .values({
      id,
      name: 'build-instance',
      subject: serverId,
      state: 'done',
      params: JSON.stringify({ instanceId: serverId, adminPass: 'swordfish' }),
    })
    .execute();
  const { text } = await look({ what: 'saga', id }, { json: true });
  expect(text).not.toContain('swordfish');
  expect(JSON.parse(text)).toMatchObject({ id, params: { instanceId: serverId, adminPass: '***' } });
});

test('moves are listed: what is under way with its progress, then what has ended', async () => {
  expect(await look({ what: 'moves', all: false })).toEqual({ code: 0, text: 'Nothing has moved yet.\n' });
  const moved = async (status: MoveStatus, more: MoveChanges = {}): Promise<string> => {
    const id = randomIds.uuid();
    const asked = { projectId: 'p', userId: 'u', sourceHost: 'fake-1', sourceNode: 'fake-1' };
    await insertMove(cell(), { id, instanceId: randomIds.uuid() as InstanceId, type: 'live-migration', status, ...asked });
    await updateMove(cell(), id, more);
    return id;
  };
  const none = { diskTotal: 0, diskProcessed: 0, diskRemaining: 0 };
  const ids = [
    await moved('completed', { destHost: 'fake-2' }),
    await moved('running', {
      destHost: 'fake-2',
      progress: { memoryTotal: 1024 ** 3, memoryProcessed: 1024 ** 3 / 4, memoryRemaining: 3 * 1024 ** 2, ...none },
    }),
    await moved('accepted'),
  ];
  const { text } = await look({ what: 'moves', all: true });
  expect(text.split('\n')).toEqual([
    expect.stringMatching(/^MOVE +SERVER +TYPE +STATUS +FROM +TO +PROGRESS +BEGUN +LAST$/),
    expect.stringMatching(`^${ids[2]} +\\S+ +live-migration +accepted +fake-1 +– +\\d+ s ago +\\d+ s ago$`),
    expect.stringMatching(
      `^${ids[1]} +\\S+ +live-migration +running +fake-1 +fake-2 +memory 25 % of 1024 MiB, 3 MiB to go +\\d+ s ago +\\d+ s ago$`,
    ),
    expect.stringMatching(`^${ids[0]} +\\S+ +live-migration +completed +fake-1 +fake-2 +\\d+ s ago +\\d+ s ago$`),
    '',
  ]);
  expect(JSON.parse((await look({ what: 'moves', all: false }, { json: true })).text)).toMatchObject({
    moves: [{ ended: false }, { ended: false, progress: { memoryTotal: 1024 ** 3 } }, { id: ids[0], ended: true }],
  });
  await cell().deleteFrom('migrations').execute();
});

test('reconcilers tell of their last look', async () => {
  const { code, text } = await look({ what: 'reconcilers' });
  expect(code).toBe(0);
  expect(text).toMatch(/^host-liveness +\d+ .*"hosts":\d,"alive":\d/m);
  expect(text).toMatch(/^auditor /m);
});

test('an audit names what is wrong, repairs it when asked, and is clean then', async () => {
  const clean = await look({ what: 'audit', repair: false });
  expect(clean).toMatchObject({ code: 0, text: expect.stringMatching(/\n\d+ invariants in \d+ ms: 0 findings, 0 leftovers\n$/) });
  for (const { database } of cloud.cloud.stores.cells()) await database.deleteFrom('sagas').execute(); // else what was done to the server a moment ago excuses it
  await cell().updateTable('instances').set({ task_state: 'pausing' }).where('uuid', '=', serverId).execute();
  const found = await look({ what: 'audit', repair: false });
  expect(found).toMatchObject({ code: 1, text: expect.stringMatching(/: 1 finding, 1 leftover\n$/) });
  expect(found.text).toContain(`server ${serverId} (task-has-saga)\n  It is in task_state pausing, and nothing is being done to it.\n`);
  expect(await look({ what: 'audit', repair: true })).toMatchObject({
    code: 0,
    text: expect.stringMatching(/: 1 finding, 0 leftovers\n$/),
  });
  expect(await look({ what: 'audit', repair: false })).toMatchObject({
    code: 0,
    text: expect.stringMatching(/: 0 findings, 0 leftovers\n$/),
  });
});

test('only administrators look', async () => {
  const root = new URL('/kilonova/v1/', cloud.cloud.endpoints['compute']);
  const member = await cloud.user('member');
  for (const [method, path, json] of [
    ['GET', 'audit'],
    ['POST', 'audit'],
    ['GET', 'reconcilers'],
    ['GET', 'sagas'],
    ['GET', `sagas/${randomIds.uuid()}`],
    ['GET', 'hosts'],
    ['GET', 'moves'],
    ['GET', `sagas/${randomIds.uuid()}/consequences`],
    ['POST', `sagas/${randomIds.uuid()}/order`, { order: 'resume' }],
  ] as const) {
    const asked = (headers: object) =>
      fetch(new URL(path, root), {
        method,
        headers: { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      });
    expect((await asked({})).status).toBe(401);
    expect((await asked({ 'x-auth-token': member.token })).status).toBe(403);
  }
});

test('without a cloud there is nothing to look at', async () => {
  await expect(look({ what: 'audit', repair: false }, { running: false })).rejects.toThrow(
    `No cloud runs in ${directory}. What one has left on this host: kilonova inspect audit --host`,
  );
  const gone = await inspect(
    { statePath: directory, openrc: join(directory, 'none'), running: true, json: false, write: () => undefined },
    { what: 'hosts' },
  ).catch((error: unknown) => error);
  expect(isNoCloud(gone)).toBe(true);
});
