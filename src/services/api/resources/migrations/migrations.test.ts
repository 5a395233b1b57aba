import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Instance } from '../../../../domain/instance.ts';
import type { Move } from '../../../../domain/move.ts';
import { version } from '../../../../lib/http/microversion.ts';
import { activeSagas } from '../../../../store/sagas.ts';
import { insertMove, updateMove, type NewMove } from '../../../../store/moves.ts';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let server: Instance;
let live: Move;
let resized: Move;
/** Instances whose host was told to end their live migration. */
const forced: string[] = [];
const cell = () => api.stores.defaultCell.database;
const from = (instance: Instance, id: string, changes: Pick<NewMove, 'type' | 'status'>) =>
  insertMove(cell(), {
    id,
    instanceId: instance.id,
    projectId: instance.projectId,
    userId: 'alpha.manager',
    sourceHost: 'host-1',
    sourceNode: 'node-1',
    oldFlavorId: 1,
    newFlavorId: 2,
    ...changes,
  });
const [liveId, resizeId, betaId] = [1, 2, 3].map((number) => `00000000-0000-4000-8000-00000000000${number}`);

beforeAll(async () => {
  api = await startApiUnderTest();
  await api.flavor({ flavorId: 'small', name: 'small' });
  await api.flavor({ flavorId: 'large', name: 'large', vcpus: 2, memoryMb: 4096, rootGb: 40 });
  await api.flavor({ flavorId: 'off', name: 'off', disabled: true });
  await api.flavor({ flavorId: 'diskless', name: 'diskless', rootGb: 0 });
  await api.host('host-1', {}, { forceCompleteLiveMigration: ({ instanceId }) => Promise.resolve(void forced.push(instanceId)) });
  await api.host('host-2');
  server = await api.server({ taskState: 'migrating', host: 'host-1', node: 'host-1' });
  resized = await from(server, resizeId!, { type: 'resize', status: 'confirmed' });
  live = await from(server, liveId!, { type: 'live-migration', status: 'running' });
  const progress = { memoryTotal: 100, memoryProcessed: 60, memoryRemaining: 40, diskTotal: 10, diskProcessed: 4, diskRemaining: 6 };
  await updateMove(cell(), live.id, { destHost: 'host-2', destNode: 'node-2', destIp: '10.0.0.2', progress });
  await from(await api.server({ projectId: 'beta' }), betaId!, { type: 'migration', status: 'error' });
});
afterAll(() => api[Symbol.asyncDispose]());

const admin = () => api.as('alpha.admin');
const list = async (who: string, query: string, at: string) => {
  const { status, body } = await api.as(who)('GET', `/os-migrations${query}`, { version: at });
  return status === 200 ? body : status;
};

describe('the list of migrations', () => {
  test('has the published keys wherever they come and go', async () => {
    const always = ['created_at', 'dest_compute', 'dest_host', 'dest_node', 'id', 'instance_uuid', 'new_instance_type_id'];
    const more = ['old_instance_type_id', 'source_compute', 'source_node', 'status', 'updated_at'];
    for (const at of ['2.1', '2.22', '2.23', '2.58', '2.59', '2.79', '2.80', '2.104'] as const) {
      const expected = [
        ...always,
        ...more,
        ...(version(at) >= version('2.23') ? ['links', 'migration_type'] : []),
        ...(version(at) >= version('2.59') ? ['uuid'] : []),
        ...(version(at) >= version('2.80') ? ['project_id', 'user_id'] : []),
      ];
      const { migrations } = await list('alpha.admin', '?status=running', at);
      expect([at, migrations.map((shown: object) => Object.keys(shown).toSorted())]).toEqual([at, [expected.toSorted()]]);
    }
  });

  test('shows one in full, and links only what is under way', async () => {
    const { migrations } = await list('alpha.admin', `?instance_uuid=${server.id}`, '2.104');
    expect(migrations).toEqual([
      {
        id: live.rowId,
        uuid: live.id,
        instance_uuid: server.id,
        status: 'running',
        migration_type: 'live-migration',
        source_compute: 'host-1',
        source_node: 'node-1',
        dest_compute: 'host-2',
        dest_host: '10.0.0.2',
        dest_node: 'node-2',
        old_instance_type_id: 1,
        new_instance_type_id: 2,
        created_at: expect.stringMatching(/^\d{4}-.*\.\d{6}$/),
        updated_at: expect.stringMatching(/^\d{4}-.*\.\d{6}$/),
        user_id: 'alpha.manager',
        project_id: 'alpha',
        links: [
          { rel: 'self', href: expect.stringMatching(new RegExp(`/v2.1/servers/${server.id}/migrations/${live.rowId}$`)) },
          { rel: 'bookmark', href: expect.stringMatching(new RegExp(`/servers/${server.id}/migrations/${live.rowId}$`)) },
        ],
      },
      expect.objectContaining({ id: resized.rowId, dest_compute: null }),
    ]);
    expect(migrations[1]).not.toHaveProperty('links');
  });

  test.each([
    ['?migration_type=resize', '2.1', [2]],
    ['?host=host-2', '2.1', [1]],
    ['?source_compute=host-1&status=error', '2.59', [3]],
    ['?hidden=true', '2.59', []],
    ['?instance_uuid=none', '2.59', []],
    ['?project_id=beta', '2.80', [3]],
    ['?user_id=nobody', '2.80', []],
    ['?changes-since=2001-01-01T00:00:00Z&status=confirmed', '2.59', [2]],
    ['?changes-before=2001-01-01T00:00:00Z', '2.66', []],
    ['?changes-before=2001-01-01T00:00:00Z&status=error', '2.22', [3]], // unknown then, and dropped
    ['?limit=1', '2.59', [3]],
  ])('%s at %s selects', async (query, at, numbers) => {
    const { migrations } = await list('alpha.admin', query, at);
    const rows = await Promise.all(numbers.map(async (number) => [liveId, resizeId, betaId][number - 1]));
    const ids = await cell().selectFrom('migrations').select(['id', 'uuid']).execute();
    expect(migrations.map(({ id }: { id: number }) => ids.find((row) => row.id === id)?.uuid)).toEqual(rows);
  });

  test.each([
    ['?other=1', '2.59'],
    ['?changes-before=2020-01-01T00:00:00Z', '2.65'],
    ['?project_id=alpha', '2.79'],
    ['?marker=00000000-0000-4000-8000-00000000dead', '2.59'],
    ['?marker=word', '2.59'],
    ['?limit=-1', '2.59'],
    ['?changes-since=word', '2.59'],
    ['?changes-since=2020-01-02T00:00:00Z&changes-before=2020-01-01T00:00:00Z', '2.66'],
  ])('%s at %s is refused', async (query, at) => {
    expect(await list('alpha.admin', query, at)).toBe(400);
  });

  test('pages from the newest to the oldest', async () => {
    const seen: string[] = [];
    for (let query = '?limit=1'; ;) {
      const page = await list('alpha.admin', query, '2.59');
      seen.push(...page.migrations.map(({ uuid }: { uuid: string }) => uuid));
      if (page.migrations_links === undefined) break;
      query = new URL(page.migrations_links[0].href).search;
    }
    expect(seen).toEqual([betaId, liveId, resizeId]);
  });

  test('shows managers those of their project, and not where they went', async () => {
    expect(await list('alpha.manager', '', '2.80')).toBe(403);
    expect(await list('alpha.manager', '?project_id=beta', '2.80')).toBe(403);
    const { migrations } = await list('alpha.manager', '?project_id=alpha', '2.80');
    expect(migrations.map((shown: Record<string, unknown>) => [shown['uuid'], shown['source_compute'], shown['dest_host']])).toEqual([
      [liveId, null, null],
      [resizeId, null, null],
    ]);
  });
});

describe('migrations of a server', () => {
  const below = (who: string, path: string, at: string, method: 'GET' | 'DELETE' | 'POST' = 'GET', body?: object) =>
    api.as(who)(method, `/servers/${server.id}/migrations${path}`, { version: at, ...(body === undefined ? {} : { body }) });

  test('are shown since 2.23, with their progress, while they are under way', async () => {
    expect((await below('alpha.admin', '', '2.22')).status).toBe(404);
    const shown = {
      id: live.rowId,
      server_uuid: server.id,
      status: 'running',
      source_compute: 'host-1',
      source_node: 'node-1',
      dest_compute: 'host-2',
      dest_host: '10.0.0.2',
      dest_node: 'node-2',
      memory_total_bytes: 100,
      memory_processed_bytes: 60,
      memory_remaining_bytes: 40,
      disk_total_bytes: 10,
      disk_processed_bytes: 4,
      disk_remaining_bytes: 6,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    };
    expect((await below('alpha.admin', '', '2.23')).body).toEqual({ migrations: [shown] });
    expect((await below('alpha.admin', `/${live.rowId}`, '2.59')).body).toEqual({ migration: { ...shown, uuid: live.id } });
    expect((await below('alpha.admin', `/${live.rowId}`, '2.80')).body.migration).toMatchObject({
      project_id: 'alpha',
      user_id: 'alpha.manager',
    });
    expect((await below('alpha.manager', '', '2.80')).body.migrations[0]).toMatchObject({ dest_compute: null, status: 'running' });
    const missing = async (id: string) => (await below('alpha.admin', `/${id}`, '2.23')).body.itemNotFound.message;
    expect([await missing('9999'), await missing('word'), await missing(String(resized.rowId))]).toEqual([
      `In-progress live migration 9999 is not found for server ${server.id}.`,
      `In-progress live migration word is not found for server ${server.id}.`,
      `Migration ${resized.rowId} for server ${server.id} is not live-migration.`,
    ]);
  });

  test('are aborted while they run; since 2.65 before that, too', async () => {
    const statusOf = async (at: string) => (await below('alpha.manager', `/${live.rowId}`, at, 'DELETE')).status;
    expect(await statusOf('2.23')).toBe(404);
    await updateMove(cell(), live.id, { status: 'queued' });
    expect([await statusOf('2.64'), await statusOf('2.65')]).toEqual([400, 202]);
    await updateMove(cell(), live.id, { status: 'running' });
    expect([await statusOf('2.24'), await statusOf('2.104')]).toEqual([202, 202]);
    expect((await below('alpha.manager', `/${resized.rowId}`, '2.24', 'DELETE')).status).toBe(400);
    expect((await below('alpha.manager', '/9999', '2.24', 'DELETE')).status).toBe(404);
  });

  test('are forced to their end by what the host is told', async () => {
    const force = async (id: number | string, body: object = { force_complete: null }) =>
      (await below('alpha.manager', `/${id}/action`, '2.22', 'POST', body)).status;
    expect([
      await force(live.rowId),
      await force('9999'),
      await force(resized.rowId),
      await force(live.rowId, { force_complete: {} }),
    ]).toEqual([202, 400, 400, 400]);
    expect(forced).toEqual([server.id]);
  });
});

describe('actions that move servers', () => {
  const act = async (id: string, action: object, at = '2.104', who = 'alpha.admin') => {
    const { status, body } = await api.as(who)('POST', `/servers/${id}/action`, { version: at, body: action });
    const fault = body === null || typeof body !== 'object' ? undefined : (Object.values(body)[0] as { message?: string } | undefined);
    return [status, fault?.message ?? body ?? null] as const;
  };
  const begun = async (id: string) => (await activeSagas(cell(), id)).map(({ name }) => name);
  const at = { host: 'host-1', node: 'host-1', launchedAt: '2026-01-01T00:00:00Z' };

  test('resize judges flavor, disks and quota before anything is begun', async () => {
    const image = { id: 'i', name: null, diskFormat: 'raw', containerFormat: 'bare', minDisk: 0, minRam: 0, size: 1, checksum: null };
    const { id } = await api.server({ ...at, image: { ...image, properties: {} } });
    const resize = (flavorRef: string, more = {}) => act(id, { resize: { flavorRef, ...more } }, '2.104', 'alpha.member');
    expect(await resize('off')).toEqual([400, 'Flavor off could not be found.']);
    expect(await resize('diskless')).toEqual([
      400,
      'Server disk was unable to be resized because: Resize to zero disk flavor is not allowed.',
    ]);
    expect((await resize('small', { other: 1 }))[0]).toBe(400);
    await admin()('PUT', '/os-quota-sets/alpha', { version: '2.60', body: { quota_set: { ram: 1, force: true } } });
    expect(await resize('large')).toEqual([403, expect.stringContaining('Quota exceeded for ram: Requested ')]);
    await admin()('DELETE', '/os-quota-sets/alpha', { version: '2.60' });
    expect(await begun(id)).toEqual([]);
    expect(await resize('large')).toEqual([202, null]);
    expect(await begun(id)).toEqual(['resize-instance']);
    expect((await resize('large'))[0]).toBe(409);
  });

  test('a locked server is moved by administrators only', async () => {
    const { id } = await api.server({ ...at, lockedBy: 'owner' });
    expect(await act(id, { resize: { flavorRef: 'large' } }, '2.1', 'alpha.member')).toEqual([409, `Instance ${id} is locked`]);
    expect((await act(id, { migrate: null }, '2.1', 'alpha.manager'))[0]).toBe(409);
    expect((await act(id, { migrate: null }))[0]).toBe(202);
  });

  test('a server whose host is down is not resized', async () => {
    const { id } = await api.server({ ...at, host: 'host-gone', node: 'host-gone' });
    expect(await act(id, { resize: { flavorRef: 'large' } })).toEqual([409, 'Service is unavailable at this time.']);
  });

  test('migrate takes anything until 2.55, and since then a host or nothing', async () => {
    const { id } = await api.server(at);
    expect((await act(id, { migrate: { host: 7 } }))[0]).toBe(400);
    expect(await act(id, { migrate: { host: 'host-1' } })).toEqual([400, 'Cannot migrate to the host where the server exists.']);
    expect(await act(id, { migrate: { host: 'host-9' } })).toEqual([400, 'Compute host host-9 could not be found.']);
    expect((await act(id, { migrate: { host: 'host-2' } }, '2.56', 'alpha.manager'))[0]).toBe(403);
    expect((await act(id, { migrate: { anything: 'host-9' } }, '2.55', 'alpha.manager'))[0]).toBe(202);
  });

  test.each([
    ['2.1', { host: null, block_migration: false, disk_over_commit: false, force: true }, 400],
    ['2.24', { host: null, block_migration: false }, 400],
    ['2.24', { host: null, block_migration: 'auto', disk_over_commit: false }, 400],
    ['2.25', { host: null, block_migration: 'auto', disk_over_commit: false }, 400],
    ['2.34', { host: null, block_migration: 'auto' }, 202],
    ['2.34', { block_migration: 'auto' }, 400],
    ['2.34', { host: null, block_migration: 'auto', force: true }, 400],
    ['2.67', { host: 'host-2', block_migration: true, force: true }, 202],
    ['2.68', { host: 'host-2', block_migration: true, force: true }, 400],
    ['2.68', { host: 'host-2', block_migration: true }, 202],
    ['2.68', { host: 'host-1', block_migration: true }, 400],
    ['2.68', { host: 'host-9', block_migration: true }, 400],
  ])('os-migrateLive at %s with %j answers %i', async (version_, body, status) => {
    const { id } = await api.server(at);
    expect((await act(id, { 'os-migrateLive': body }, version_))[0]).toBe(status);
    expect(await begun(id)).toEqual(status === 202 ? ['live-migrate'] : []);
  });

  test.each([
    ['2.13', { onSharedStorage: false }, { adminPass: expect.stringMatching(/^\w{12}$/) }],
    ['2.13', { onSharedStorage: false, adminPass: 'mine' }, { adminPass: 'mine' }],
    ['2.13', { onSharedStorage: true, adminPass: 'mine' }, 400],
    ['2.13', {}, 400],
    ['2.14', { onSharedStorage: false }, 400],
    ['2.14', { adminPass: 'mine' }, null],
    ['2.28', { host: 'host-2', force: true }, 400],
    ['2.29', { force: true }, 400],
    ['2.29', { host: 'host-2', force: true }, null],
    ['2.68', { host: 'host-2', force: true }, 400],
    ['2.95', { host: 'host-2' }, null],
    ['2.95', { host: 'host-9' }, 404],
  ])('evacuate at %s with %j', async (version_, body, answer) => {
    const { id } = await api.server({ ...at, host: 'host-gone', node: 'host-gone', taskState: 'powering-off' });
    const response = await admin()('POST', `/servers/${id}/action`, { version: version_, body: { evacuate: body } });
    if (typeof answer === 'number') expect([response.status, await begun(id)]).toEqual([answer, []]);
    else expect([response.status, response.body ?? null, await begun(id)]).toEqual([200, answer, ['evacuate-instance']]);
  });

  test('a server that waits for nothing can be neither confirmed nor reverted', async () => {
    const { id } = await api.server({ ...at, vmState: 'resized' });
    expect(await act(id, { confirmResize: null })).toEqual([400, 'Instance has not been resized.']);
    expect(await act(id, { revertResize: null })).toEqual([400, 'Instance has not been resized.']);
  });
});
