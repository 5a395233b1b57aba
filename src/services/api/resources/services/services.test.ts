import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recordService } from '../../../../store/services.ts';
import { findMove, insertMove, updateMove } from '../../../../store/moves.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
beforeAll(async () => {
  api = await startApiUnderTest();
  admin = api.as('ops.admin');
  await api.host('host-1');
  await api.host('host-2');
  for (const binary of ['nova-conductor', 'nova-osapi_compute']) {
    await recordService(api.stores.defaultCell.database, {
      uuid: crypto.randomUUID(),
      host: 'control',
      binary,
      topic: 'x',
      version: 1,
      enabled: true,
    });
  }
});
afterAll(() => api[Symbol.asyncDispose]());

interface Service {
  readonly id: string;
  readonly host: string;
}
const services = async (query = '', version = '2.53') =>
  (await admin('GET', `/os-services${query}`, { version })).body.services as Service[];
const idOf = async (host: string): Promise<string> => (await services(`?host=${host}`))[0]!.id;

describe('the list of services', () => {
  test('shows hosts and conductors, and nothing that only answers requests', async () => {
    expect(await services()).toEqual([
      ...['host-1', 'host-2'].map((host) => ({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        binary: 'nova-compute',
        host,
        zone: 'nova',
        status: 'enabled',
        state: 'up',
        updated_at: expect.stringMatching(/^\d{4}-.*\.\d{6}$/),
        disabled_reason: null,
        forced_down: false,
      })),
      expect.objectContaining({ binary: 'nova-conductor', host: 'control', zone: 'internal' }),
    ]);
  });

  test('has numbers for ids until 2.52, and forced_down since 2.11', async () => {
    expect((await services('?host=host-1', '2.10'))[0]).toEqual({
      id: expect.any(Number),
      binary: 'nova-compute',
      host: 'host-1',
      zone: 'nova',
      status: 'enabled',
      state: 'up',
      updated_at: expect.any(String),
      disabled_reason: null,
    });
    expect((await services('?host=host-1', '2.11'))[0]).toMatchObject({ id: expect.any(Number), forced_down: false });
  });

  test('is filtered by host and by program', async () => {
    const hosts = async (query: string) => (await services(query)).map(({ host }) => host);
    expect([
      await hosts('?binary=nova-compute'),
      await hosts('?host=host-2&binary=nova-compute'),
      await hosts('?host=control&binary=nova-compute'),
    ]).toEqual([['host-1', 'host-2'], ['host-2'], []]);
    expect([
      (await admin('GET', '/os-services?colour=red', { version: '2.74' })).status,
      (await admin('GET', '/os-services?colour=red', { version: '2.75' })).status,
    ]).toEqual([200, 400]);
  });
});

describe('until 2.52 a service', () => {
  const change = (action: string, body: object, version = '2.52') =>
    admin('PUT', `/os-services/${action}`, { version, body: { host: 'host-1', binary: 'nova-compute', ...body } });
  const state = async () => (await services('?host=host-1'))[0];

  test('is disabled, with or without a reason, and enabled again', async () => {
    expect((await change('disable', {})).body).toEqual({ service: { host: 'host-1', binary: 'nova-compute', status: 'disabled' } });
    expect((await change('disable-log-reason', { disabled_reason: 'new disk' })).body).toEqual({
      service: { host: 'host-1', binary: 'nova-compute', status: 'disabled', disabled_reason: 'new disk' },
    });
    expect(await state()).toMatchObject({ status: 'disabled', disabled_reason: 'new disk', state: 'up' });
    expect((await change('enable', {})).body).toEqual({ service: { host: 'host-1', binary: 'nova-compute', status: 'enabled' } });
    expect(await state()).toMatchObject({ status: 'enabled', disabled_reason: null });
  });

  test('is forced down since 2.11', async () => {
    expect((await change('force-down', {}, '2.11')).status).toBe(400);
    expect((await change('force-down', { forced_down: 'true' }, '2.10')).status).toBe(400);
    expect((await change('force-down', {}, '2.10')).status).toBe(404);
    expect((await change('force-down', { forced_down: 'true' }, '2.11')).body).toEqual({
      service: { host: 'host-1', binary: 'nova-compute', forced_down: true },
    });
    expect(await state()).toMatchObject({ forced_down: true, state: 'down' });
    expect((await change('force-down', { forced_down: false }, '2.11')).status).toBe(200);
  });

  test.each([
    ['disable-log-reason', {}, 400],
    ['disable', { host: 'nowhere' }, 404],
    ['disable', { host: 'control', binary: 'nova-conductor' }, 400],
    ['destroy', {}, 404],
    ['toString', {}, 404],
    ['enable', { host: 'a b' }, 400],
    ['enable', { colour: 'red' }, 400],
  ])('refuses to %s with %j: %i', async (action, body, status) => {
    expect((await change(action, body)).status).toBe(status);
  });
});

describe('since 2.53 a service', () => {
  const put = async (host: string, body: object) => admin('PUT', `/os-services/${await idOf(host)}`, { version: '2.53', body });

  test('is changed by its id and shown whole; the scheduler and placement are told at once', async () => {
    const before = api.heard.refreshes;
    expect((await put('host-2', { status: 'disabled', disabled_reason: 'noisy', forced_down: true })).body.service).toMatchObject({
      host: 'host-2',
      status: 'disabled',
      disabled_reason: 'noisy',
      forced_down: true,
      state: 'down',
    });
    const traits = [...api.neighbours.providers.values()].map((provider) => provider.traits);
    expect({ told: api.heard.refreshes - before, traits }).toEqual({ told: 1, traits: [[], ['COMPUTE_STATUS_DISABLED']] });
    expect((await put('host-2', { status: 'enabled', forced_down: false })).body.service).toMatchObject({
      status: 'enabled',
      disabled_reason: null,
      forced_down: false,
    });
    expect([...api.neighbours.providers.values()].map((provider) => provider.traits)).toEqual([[], []]);
  });

  test('is disabled even when placement does not answer', async () => {
    api.neighbours.placementIsDown = true;
    expect([(await put('host-2', { status: 'disabled' })).status, (await put('host-2', { status: 'enabled' })).status]).toEqual([200, 200]);
    api.neighbours.placementIsDown = false;
  });

  test.each([
    [{}],
    [{ status: 'enabled' }],
    [{ disabled_reason: 'alone' }],
    [{ status: 'enabled', disabled_reason: 'why' }],
    [{ status: 'perhaps' }],
    [{ status: 'disabled', disabled_reason: '' }],
    [{ host: 'host-2' }],
  ])('refuses %j, which changes nothing or means nothing', async (body) => {
    expect((await put('host-2', body)).status).toBe(400);
  });

  test('must be a compute host that exists', async () => {
    const at = async (id: string) => (await admin('PUT', `/os-services/${id}`, { version: '2.53', body: { status: 'disabled' } })).status;
    expect([await at(crypto.randomUUID()), await at('1'), await at('disable'), await at(await idOf('control'))]).toEqual([
      404, 400, 400, 400,
    ]);
  });
});

describe('deleting a service', () => {
  test('is refused while its host has servers, and forgets the host with everything kept of it', async () => {
    await api.host('host-3');
    const server = await api.server({ host: 'host-3', node: 'host-3' });
    const { body } = await admin('POST', '/os-aggregates', { body: { aggregate: { name: 'of three' } } });
    await admin('POST', `/os-aggregates/${body.aggregate.id}/action`, { body: { add_host: { host: 'host-3' } } });
    const id = await idOf('host-3');
    const remove = () => admin('DELETE', `/os-services/${id}`, { version: '2.53' });
    expect((await remove()).body).toEqual({
      conflictingRequest: {
        code: 409,
        message: 'Unable to delete compute service that is hosting instances. Migrate or delete the instances first.',
      },
    });
    await api.stores.defaultCell.database.deleteFrom('instances').where('uuid', '=', server.id).execute();
    expect([(await remove()).status, (await remove()).status]).toEqual([204, 404]);
    expect(await services('?host=host-3')).toEqual([]);
    expect((await admin('GET', '/os-hypervisors?hypervisor_hostname_pattern=host-3', { version: '2.53' })).status).toBe(404);
    expect((await admin('GET', `/os-aggregates/${body.aggregate.id}`)).body.aggregate.hosts).toEqual([]);
    expect(api.neighbours.providers.size).toBe(2);
  });

  test('waits for moves from there, and no longer for what was evacuated', async () => {
    await api.host('host-4');
    const moved = await api.server();
    const database = api.stores.defaultCell.database;
    const move = (id: string, type: 'migration' | 'evacuation', status: 'finished' | 'done') =>
      insertMove(database, {
        id,
        instanceId: moved.id,
        projectId: 'alpha',
        userId: 'u',
        type,
        status,
        sourceHost: 'host-4',
        sourceNode: 'host-4',
      });
    const [resize, evacuation] = [crypto.randomUUID(), crypto.randomUUID()];
    await move(resize, 'migration', 'finished');
    await move(evacuation, 'evacuation', 'done');
    const id = await idOf('host-4');
    const remove = () => admin('DELETE', `/os-services/${id}`, { version: '2.53' });
    expect((await remove()).body.conflictingRequest.message).toContain('in-progress migrations');
    await updateMove(database, resize, { status: 'confirmed' });
    const force = (down: boolean) => admin('PUT', `/os-services/${id}`, { version: '2.53', body: { forced_down: down } });
    // until it is gone, the host is not called up before it has removed what was evacuated from it
    expect([(await force(true)).status, (await force(false)).status]).toEqual([200, 400]);
    expect((await remove()).status).toBe(204);
    expect([api.neighbours.released, (await findMove(database, { id: evacuation }))?.status]).toEqual([[evacuation], 'completed']);
  });

  test('takes a number until 2.52 and a uuid since', async () => {
    const at = async (id: string, version: string) => (await admin('DELETE', `/os-services/${id}`, { version })).status;
    expect([await at('x', '2.52'), await at('999999', '2.52'), await at('1', '2.53')]).toEqual([400, 404, 400]);
    const [conductor] = await services('?host=control', '2.52');
    expect(await at(String(conductor!.id), '2.52')).toBe(204);
  });
});
