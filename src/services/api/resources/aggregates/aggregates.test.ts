import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NodeFacts } from '../../../../domain/hosts.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';
import { sampleImage } from '../../../../../test/support/samples.ts';

let api: ApiUnderTest;
let admin: Ask;
let nodes: Readonly<Record<string, NodeFacts>>;
beforeAll(async () => {
  api = await startApiUnderTest();
  admin = api.as('ops.admin');
  nodes = { free: await api.host('free'), other: await api.host('other'), busy: await api.host('busy') };
  await api.server({ host: 'busy', node: 'busy' });
});
afterAll(() => api[Symbol.asyncDispose]());

interface Aggregate {
  readonly id: number;
  readonly uuid: string;
  readonly hosts: readonly string[];
}
const create = async (name: string, zone?: string): Promise<Aggregate> =>
  (
    await admin('POST', '/os-aggregates', {
      version: '2.41',
      body: { aggregate: { name, ...(zone === undefined ? {} : { availability_zone: zone }) } },
    })
  ).body.aggregate;
const act = (id: number | string, action: object) => admin('POST', `/os-aggregates/${id}/action`, { version: '2.41', body: action });
const inPlacement = (host: string): readonly string[] => api.neighbours.providers.get(nodes[host]!.uuid)!.aggregates;

describe('an aggregate', () => {
  test('is created without hosts and metadata, and shown with them; its uuid since 2.41', async () => {
    const { status, body } = await admin('POST', '/os-aggregates', {
      body: { aggregate: { name: 'first', availability_zone: 'az-first' } },
    });
    const shown = {
      id: expect.any(Number),
      name: 'first',
      availability_zone: 'az-first',
      created_at: expect.stringMatching(/\.\d{6}$/),
      updated_at: null,
      deleted: false,
      deleted_at: null,
    };
    expect({ status, aggregate: body.aggregate }).toEqual({ status: 200, aggregate: shown });
    const at = async (version: string) => (await admin('GET', `/os-aggregates/${body.aggregate.id}`, { version })).body.aggregate;
    expect(await at('2.40')).toEqual({ ...shown, hosts: [], metadata: { availability_zone: 'az-first' } });
    expect((await at('2.41')).uuid).toMatch(/^[0-9a-f-]{36}$/);
    expect((await admin('GET', '/os-aggregates')).body.aggregates).toEqual([await at('2.1')]);
  });

  test.each([
    [{ name: 'first' }, 409],
    [{ name: '' }, 400],
    [{ name: ' x' }, 400],
    [{ name: 'x', availability_zone: 'a:b' }, 400],
    [{ name: 'x', availability_zone: '' }, 400],
    [{ name: 'x', colour: 'red' }, 400],
    [{}, 400],
  ])('is refused as %j: %i', async (aggregate, status) => {
    expect((await admin('POST', '/os-aggregates', { body: { aggregate } })).status).toBe(status);
  });

  test('is renamed, spaces taken off, and its zone set and removed', async () => {
    const { id } = await create('before');
    const put = (aggregate: object) => admin('PUT', `/os-aggregates/${id}`, { body: { aggregate } });
    expect((await put({ name: '  after ', availability_zone: 'az-a' })).body.aggregate).toMatchObject({
      name: 'after',
      availability_zone: 'az-a',
      metadata: { availability_zone: 'az-a' },
      updated_at: expect.any(String),
    });
    expect((await put({ availability_zone: null })).body.aggregate).toMatchObject({ name: 'after', availability_zone: null, metadata: {} });
    expect([(await put({})).status, (await put({ name: 'first' })).status, (await put({ name: '   ' })).status]).toEqual([400, 409, 400]);
  });

  test('keeps what metadata is not named, and removes what is null', async () => {
    const { id } = await create('with metadata');
    await act(id, { set_metadata: { metadata: { ssd: 'true', rack: '7' } } });
    expect((await act(id, { set_metadata: { metadata: { rack: null, gpu: 'no' } } })).body.aggregate.metadata).toEqual({
      ssd: 'true',
      gpu: 'no',
    });
    expect([
      (await act(id, { set_metadata: { metadata: { availability_zone: '' } } })).status,
      (await act(id, { set_metadata: { metadata: { a: 1 } } })).status,
      (await act(id, { set_metadata: {} })).status,
    ]).toEqual([400, 400, 400]);
  });

  test('is deleted when it has no hosts', async () => {
    const { id } = await create('to be deleted');
    await act(id, { add_host: { host: 'free' } });
    const remove = () => admin('DELETE', `/os-aggregates/${id}`);
    const full = await remove();
    await act(id, { remove_host: { host: 'free' } });
    expect([full.status, (await remove()).status, (await remove()).status]).toEqual([400, 200, 404]);
  });

  test.each([
    ['/os-aggregates/x', 400],
    ['/os-aggregates/-1', 404],
    ['/os-aggregates/123456', 404],
    ['/os-aggregates/99999999999999999999', 404],
  ])('%s is %i', async (path, status) => {
    expect([
      (await admin('GET', path)).status,
      (await admin('PUT', path, { body: { aggregate: { name: 'x' } } })).status,
      (await admin('DELETE', path)).status,
    ]).toEqual([status, status, status]);
  });
});

describe('hosts of an aggregate', () => {
  test('come and go, in placement as well, and the scheduler hears of it', async () => {
    const { id, uuid } = await create('hosts');
    const before = api.heard.refreshes;
    expect((await act(id, { add_host: { host: 'free' } })).body.aggregate.hosts).toEqual(['free']);
    expect([inPlacement('free'), api.heard.refreshes - before]).toEqual([[uuid], 1]);
    expect((await act(id, { add_host: { host: 'free' } })).body).toEqual({
      conflictingRequest: { code: 409, message: `Aggregate ${id} already has host free.` },
    });
    expect((await act(id, { remove_host: { host: 'free' } })).body.aggregate.hosts).toEqual([]);
    expect(inPlacement('free')).toEqual([]);
    expect((await act(id, { remove_host: { host: 'free' } })).status).toBe(404);
  });

  test('must be known', async () => {
    const { id } = await create('strict');
    expect((await act(id, { add_host: { host: 'nowhere' } })).body).toEqual({
      itemNotFound: { code: 404, message: 'Compute host nowhere could not be found.' },
    });
    expect((await act(123_456, { add_host: { host: 'nowhere' } })).body.itemNotFound.message).toBe('Aggregate 123456 could not be found.');
  });

  test('stay as they are when placement does not answer', async () => {
    const { id } = await create('unlucky');
    api.neighbours.placementIsDown = true;
    expect((await act(id, { add_host: { host: 'free' } })).status).toBe(503);
    api.neighbours.placementIsDown = false;
    expect((await admin('GET', `/os-aggregates/${id}`)).body.aggregate.hosts).toEqual([]);
  });
});

describe('images for the hosts of an aggregate', () => {
  const image = '0f0f0f0f-0000-4000-8000-000000000001';
  const cache = (id: number, ids: readonly string[], version = '2.81') =>
    admin('POST', `/os-aggregates/${id}/images`, { version, body: { cache: ids.map((each) => ({ id: each })) } });

  test('are fetched by a saga that knows the hosts', async () => {
    const { id } = await create('cached');
    await act(id, { add_host: { host: 'free' } });
    api.neighbours.images.set(image, sampleImage({ id: image }));
    const { wakes } = api.heard;
    expect((await cache(id, [image])).status).toBe(202);
    const sagas = await api.stores.defaultCell.database.selectFrom('sagas').select(['name', 'params']).execute();
    expect(sagas).toEqual([{ name: 'cache-images', params: { aggregateId: id, hosts: ['free'], imageIds: [image] } }]);
    await expect.poll(() => api.heard.wakes).toBe(wakes + 1);
    await act(id, { remove_host: { host: 'free' } });
  });

  test.each([
    ['none at all', [], '2.81', 400],
    ['the same one twice', [image, image], '2.81', 400],
    ['one that is not there', ['0f0f0f0f-0000-4000-8000-000000000002'], '2.81', 400],
    ['any before 2.81', [image], '2.80', 404],
  ])('are not: %s', async (_what, ids, version, status) => {
    const { id } = await create(`not cached ${_what}`);
    expect((await cache(id, ids, version)).status).toBe(status);
  });

  test('are not for an aggregate that is not there', async () => {
    expect((await cache(2_000_000, [image])).status).toBe(404);
  });
});

describe('zones', () => {
  test('hold a host at most once', async () => {
    const [north, south, plain] = [await create('north', 'az-north'), await create('south', 'az-south'), await create('plain')];
    await act(north.id, { add_host: { host: 'other' } });
    expect((await act(south.id, { add_host: { host: 'other' } })).body).toEqual({
      conflictingRequest: {
        code: 409,
        message: `Cannot add host to aggregate ${south.id}. Reason: One or more hosts already in availability zone(s) ['az-north'].`,
      },
    });
    expect((await act(plain.id, { add_host: { host: 'other' } })).status).toBe(200);
    expect([
      (await act(plain.id, { set_metadata: { metadata: { availability_zone: 'az-south' } } })).status,
      (await admin('PUT', `/os-aggregates/${plain.id}`, { body: { aggregate: { availability_zone: 'az-south' } } })).status,
    ]).toEqual([400, 400]);
    expect((await act(plain.id, { set_metadata: { metadata: { availability_zone: 'az-north' } } })).status).toBe(200);
    const added = await Promise.all([act(north.id, { add_host: { host: 'free' } }), act(south.id, { add_host: { host: 'free' } })]);
    expect(added.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    for (const { id } of [north, south]) await act(id, { remove_host: { host: 'free' } });
  });

  test('do not change under a host with servers', async () => {
    const [zone, plain] = [await create('zone', 'az-zone'), await create('no zone')];
    expect((await act(zone.id, { add_host: { host: 'busy' } })).status).toBe(409);
    expect((await act(plain.id, { add_host: { host: 'busy' } })).status).toBe(200);
    expect([
      (await act(plain.id, { set_metadata: { metadata: { availability_zone: 'az-zone' } } })).status,
      (await admin('PUT', `/os-aggregates/${plain.id}`, { body: { aggregate: { availability_zone: 'az-zone' } } })).status,
      (await act(plain.id, { set_metadata: { metadata: { availability_zone: 'nova' } } })).status, // where it is anyway
      (await act(plain.id, { remove_host: { host: 'busy' } })).status,
    ]).toEqual([400, 400, 200, 200]);
  });

  test('are listed with their hosts for administrators, and by name for everybody', async () => {
    const own = await startApiUnderTest();
    try {
      await own.host('a');
      await own.host('b');
      const ops = own.as('ops.admin');
      const { aggregate } = (await ops('POST', '/os-aggregates', { body: { aggregate: { name: 'z', availability_zone: 'zone-1' } } })).body;
      await ops('POST', `/os-aggregates/${aggregate.id}/action`, { body: { add_host: { host: 'a' } } });
      const entry = (zoneName: string, available: boolean, hosts: unknown) => ({ zoneName, zoneState: { available }, hosts });
      expect((await own.as('alpha.reader')('GET', '/os-availability-zone')).body).toEqual({
        availabilityZoneInfo: [entry('nova', true, null), entry('zone-1', true, null)],
      });
      await ops('PUT', '/os-services/disable', { body: { host: 'b', binary: 'nova-compute' } });
      const alive = { 'nova-compute': { active: true, available: true, updated_at: expect.stringMatching(/\.\d{6}$/) } };
      expect((await ops('GET', '/os-availability-zone/detail')).body).toEqual({
        availabilityZoneInfo: [entry('zone-1', true, { a: alive }), entry('nova', false, null)],
      });
      expect((await own.as('alpha.member')('GET', '/os-availability-zone/detail')).status).toBe(403);
    } finally {
      await own[Symbol.asyncDispose]();
    }
  });
});
