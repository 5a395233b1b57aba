import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startApiUnderTest, type Answer, type ApiUnderTest } from './test-support/api-under-test.ts';
import { sampleImage, sampleInstanceImage } from '../../../test/support/samples.ts';

let api: ApiUnderTest;
const imageId = '0f0f0f0f-0000-4000-8000-000000000001';
beforeAll(async () => {
  api = await startApiUnderTest();
  await api.flavor({ flavorId: 'f1' });
  api.neighbours.images.set(imageId, sampleImage({ id: imageId }));
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(async () => {
  await api.stores.api.deleteFrom('idempotency_keys').execute();
  for (const { database } of api.stores.cells()) await database.deleteFrom('instances').execute();
});

const create = (key: string, options: { readonly who?: string; readonly name?: string; readonly path?: string } = {}): Promise<Answer> =>
  api.as(options.who ?? 'alpha.member')('POST', options.path ?? '/servers', {
    headers: { 'idempotency-key': key },
    body: { server: { name: options.name ?? 'x', flavorRef: 'f1', imageRef: imageId } },
  });
const servers = async (): Promise<number> => (await api.as('ops.admin')('GET', '/servers?all_tenants=1')).body.servers.length;
/** As if whoever carried requests out had died before the answer was kept. */
const forgetAnswers = () =>
  api.stores.api
    .updateTable('idempotency_keys')
    .set({ answer: null, held_until: sql<Date>`now()` })
    .execute();

describe('a request with an Idempotency-Key', () => {
  test('is carried out once, and answered alike every time', async () => {
    const first = await create('k1');
    const second = await create('k1', { path: '/v2.1/servers' });
    expect([first.status, second.status, second.body, await servers()]).toEqual([202, 202, first.body, 1]);
    const told = ({ headers }: Answer) => [headers['location'], headers['x-openstack-request-id']];
    expect(told(second)).toEqual(told(first));
    expect((await create('k2')).body.server.id).not.toBe(first.body.server.id);
  });

  test('is another one under another body, in another project and for another user', async () => {
    await create('k1');
    expect((await create('k1', { name: 'y' })).body).toEqual({
      computeFault: { code: 422, message: 'This Idempotency-Key was used for another request.' },
    });
    expect([(await create('k1', { who: 'beta.member' })).status, (await create('k1', { who: 'alpha.manager' })).status]).toEqual([
      202, 202,
    ]);
    expect(await servers()).toBe(3);
  });

  test('is answered with its refusal, too', async () => {
    const server = await api.server({ vmState: 'stopped' });
    const stop = () =>
      api.as('alpha.member')('POST', `/servers/${server.id}/action`, { headers: { 'idempotency-key': 's' }, body: { 'os-stop': null } });
    const first = await stop();
    await api.stores.defaultCell.database.updateTable('instances').set({ vm_state: 'active' }).where('uuid', '=', server.id).execute();
    expect([first.status, (await stop()).status, (await stop()).body]).toEqual([409, 409, first.body]);
  });

  test('acts on a server once', async () => {
    const server = await api.server();
    const stop = () =>
      api.as('alpha.member')('POST', `/servers/${server.id}/action`, { headers: { 'idempotency-key': 's' }, body: { 'os-stop': null } });
    const statuses = [(await stop()).status, (await stop()).status];
    await forgetAnswers();
    expect([...statuses, (await stop()).status]).toEqual([202, 202, 202]);
    const actions = await api.stores.defaultCell.database
      .selectFrom('instance_actions')
      .where('instance_id', '=', server.id)
      .select('action')
      .execute();
    expect(actions).toEqual([{ action: 'stop' }]);
  });

  test('is not carried out again when nobody kept the answer', async () => {
    const first = await create('k1');
    const kept = await api.stores.api.selectFrom('idempotency_keys').select('answer').executeTakeFirstOrThrow();
    await api.stores.api
      .updateTable('idempotency_keys')
      .set({ answer: null, intended: kept.answer, held_until: sql<Date>`now()` })
      .execute();
    const second = await create('k1');
    expect([second.body, second.headers['location'], await servers()]).toEqual([first.body, first.headers['location'], 1]);
  });

  test.each([
    ['createImage', { createImage: { name: 'copy' } }, '2.45'],
    ['rescue', { rescue: { adminPass: 'secret' } }, '2.45'],
    ['rebuild', { rebuild: { imageRef: imageId, adminPass: 'secret' } }, '2.45'],
  ])('tells what %s has made, though whoever carried it out died before the answer was kept', async (_, action, version) => {
    const again = await api.server({ image: sampleInstanceImage({ id: imageId }) });
    await sql`ALTER TABLE idempotency_keys ADD CONSTRAINT dies CHECK (answer IS NULL)`.execute(api.stores.api);
    const asked = () =>
      api.as('alpha.member')('POST', `/servers/${again.id}/action`, {
        headers: { 'idempotency-key': 'k', 'openstack-api-version': `compute ${version}` },
        body: action,
      });
    try {
      expect([(await asked()).status, (await asked()).status]).toEqual([500, 500]); // it was done, and nobody was told
    } finally {
      await sql`ALTER TABLE idempotency_keys DROP CONSTRAINT dies`.execute(api.stores.api);
    }
    await api.stores.api
      .updateTable('idempotency_keys')
      .set({ held_until: sql<Date>`now()` })
      .execute();
    const second = await asked();
    expect([second.status < 300, second.body]).toEqual([true, (await asked()).body]);
    const { image_id: made, adminPass, server: rebuilt } = second.body;
    if (made !== undefined) expect([...api.neighbours.images.keys()]).toContain(made);
    else expect([adminPass, rebuilt?.adminPass]).toContain('secret');
    const sagas = await api.stores.defaultCell.database.selectFrom('sagas').select('id').where('subject', '=', again.id).execute();
    expect(sagas.length).toBe(1);
  });

  test('is carried out when whoever had it died before', async () => {
    await create('k1');
    await forgetAnswers();
    for (const { database } of api.stores.cells()) {
      await database.deleteFrom('instances').execute();
      await database.deleteFrom('instance_actions').execute();
    }
    expect([(await create('k1')).status, await servers()]).toEqual([202, 1]);
  });

  test('waits its turn while it is being carried out', async () => {
    await create('k1');
    await api.stores.api
      .updateTable('idempotency_keys')
      .set({ answer: null, held_until: sql<Date>`now() + interval '1 minute'` })
      .execute();
    const { status, headers } = await create('k1');
    expect([status, headers['retry-after'], await servers()]).toEqual([409, '1', 1]);
  });

  test('made at the same moment many times is carried out once', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => create('k1')));
    expect([await servers(), answers.every(({ status }) => status === 202 || status === 409)]).toEqual([1, true]);
  });

  test('counts for a day', async () => {
    await create('k1');
    await api.stores.api
      .updateTable('idempotency_keys')
      .set({ created_at: sql<Date>`now() - interval '25 hours'` })
      .execute();
    expect([(await create('k1', { name: 'y' })).status, await servers()]).toEqual([202, 2]);
  });

  test('is left to the next try after an error of ours', async () => {
    const image = api.neighbours.images.get(imageId)!;
    api.neighbours.images.set(imageId, null as never); // no image service answers so: whoever reads it fails
    const broken = (await create('k1')).status;
    api.neighbours.images.set(imageId, image);
    expect([broken, (await create('k1')).status, await servers()]).toEqual([500, 202, 1]);
  });

  test('keeps nothing that tells the answer or the key', async () => {
    const { adminPass } = (await create('a key of mine')).body.server;
    const rows = await api.stores.api.selectFrom('idempotency_keys').selectAll().execute();
    const text = rows.map(({ answer, ...row }) => JSON.stringify(row) + answer!.toString('latin1')).join();
    expect([text.includes(adminPass), text.includes('a key of mine')]).toEqual([false, false]);
  });
});

test.each([' ', 'é', 'x'.repeat(256)])('a key that is none is refused: %j', async (key) => {
  expect((await create(key)).status).toBe(400);
});

test('without a key nothing is remembered', async () => {
  const ask = () => api.as('alpha.member')('POST', '/servers', { body: { server: { name: 'x', flavorRef: 'f1', imageRef: imageId } } });
  await ask();
  await ask();
  expect([await servers(), await api.stores.api.selectFrom('idempotency_keys').selectAll().execute()]).toEqual([2, []]);
});
