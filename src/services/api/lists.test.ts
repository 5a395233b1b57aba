import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomIds } from '../../lib/ids.ts';
import { insertInstances } from '../../store/instances.ts';
import { mapInstances, requestSpecOf } from '../../store/mappings.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from './test-support/api-under-test.ts';
import { sampleInstanceImage } from '../../../test/support/samples.ts';

let api: ApiUnderTest;
let admin: Ask;
const many = 1000;

/** As many servers as a page holds, all like one that is there already. */
async function fillPage(): Promise<void> {
  const like = await api.server({ host: 'host-1', node: 'host-1', tags: ['a'], metadata: { a: 'b' } });
  const spec = (await requestSpecOf(api.stores, like.id))!;
  const { rowId: _row, createdAt: _created, updatedAt: _updated, epoch: _epoch, progress: _progress, ...rest } = like;
  const instances = Array.from({ length: many - 1 }, (_, index) => ({
    ...rest,
    id: randomIds.uuid() as typeof like.id,
    name: `server-${index}`,
  }));
  const { projectId, userId } = like;
  const cellId = api.stores.defaultCell.id;
  await mapInstances(
    api.stores.api,
    instances.map(({ id }) => ({ instanceId: id, projectId, userId, cellId, spec })),
  );
  await insertInstances(api.stores.defaultCell.database, instances);
}

beforeAll(async () => {
  api = await startApiUnderTest();
  admin = api.as('ops.admin');
  await api.host('host-1');
});
afterAll(() => api[Symbol.asyncDispose]());

/** How many things a list holds, and how many statements it took. */
async function costOf(path: string, version: string): Promise<{ readonly items: number; readonly statements: number }> {
  const before = api.statements.length;
  const { status, body } = await admin('GET', path, { version });
  expect(status).toBe(200);
  const [first] = Object.values(body as Record<string, unknown[]>);
  return { items: first!.length, statements: api.statements.length - before };
}

const ofServers: readonly (readonly [string, string])[] = ['2.1', '2.47', '2.104'].flatMap((version) => [
  ['/servers?all_tenants=1&limit=', version] as const,
  ['/servers/detail?all_tenants=1&limit=', version] as const,
]);

describe('a page of servers', () => {
  beforeAll(fillPage);

  test.each(ofServers)('takes as many statements with a thousand as with one: %s at %s', async (path, version) => {
    const [one, page] = [await costOf(`${path}1`, version), await costOf(`${path}${many}`, version)];
    expect([page.items, page.statements]).toEqual([many, one.statements]);
    expect(page.statements).toBeLessThanOrEqual(8);
  });

  test('is sorted by what the image says of its kernel', async () => {
    const image = (kernel: string) => sampleInstanceImage({ id: kernel, properties: { kernel_id: kernel } });
    const [b, a] = [
      await api.server({ projectId: 'sorted', image: image('b') }),
      await api.server({ projectId: 'sorted', image: image('a') }),
    ];
    const ids = async (query: string) =>
      (await admin('GET', `/servers?all_tenants=1&project_id=sorted&${query}`)).body.servers.map(({ id }: { readonly id: string }) => id);
    expect(await ids('sort_key=kernel_id&sort_dir=asc')).toEqual([a.id, b.id]);
    expect(await ids('sort_key=kernel_id&sort_dir=desc&limit=1')).toEqual([b.id]);
    expect(await ids(`sort_key=kernel_id&sort_dir=asc&marker=${a.id}`)).toEqual([b.id]);
    expect(await ids('kernel_id=^b$')).toEqual([b.id]);
  });
});

test('a page of any other list takes as many statements as a short one', async () => {
  const member = api.as('alpha.member');
  const fill: Readonly<Record<string, (index: number) => Promise<unknown>>> = {
    '/flavors/detail': (index) => api.flavor({ flavorId: `f${index}`, name: `f${index}` }),
    '/os-hypervisors/detail?': (index) => api.host(`more-${index}`),
    '/os-aggregates': (index) => admin('POST', '/os-aggregates', { body: { aggregate: { name: `a${index}` } } }),
    '/os-server-groups?all_projects=1': (index) =>
      member('POST', '/os-server-groups', { version: '2.64', body: { server_group: { name: `g${index}`, policy: 'affinity' } } }),
  };
  for (const [path, add] of Object.entries(fill)) {
    await add(0);
    const few = await costOf(path, '2.52');
    for (let index = 1; index < 8; index++) await add(index);
    const more = await costOf(path, '2.52');
    expect([path, more.items > few.items, more.statements]).toEqual([path, true, few.statements]);
  }
});

describe('a regular expression', () => {
  /** Matches nothing, after trying everything. */
  const endless = String.raw`^(x+)(x+)(x+)(x+)(x+)(x+)\1\2\3\4\5\6\1\2\3\4\5\6xy?$`;
  beforeAll(async () => {
    await api.server({ name: 'x'.repeat(60), projectId: 'slow' });
    await api.flavor({ flavorId: 'slow', name: 'x'.repeat(60) });
  });

  test.each(['/servers?all_tenants=1&name=', '/flavors?name='])(
    'that never ends is ended, and keeps nobody else waiting: %s',
    async (path) => {
      const asked = Promise.all(
        Array.from({ length: 4 }, () => admin('GET', `${path}${encodeURIComponent(endless)}`, { version: '2.102' })),
      );
      expect((await admin('GET', '/servers?limit=1', { version: '2.102' })).status).toBe(200);
      expect((await asked).map(({ status, body }) => [status, body.badRequest?.message])).toEqual(
        Array.from({ length: 4 }, () => [400, 'A regular expression in a filter takes too long to match.']),
      );
    },
  );

  test.each(['', '(', 'x'.repeat(256), '[[:none:]]'])('that is none is refused: %j', async (pattern) => {
    for (const path of ['/servers?name=', '/flavors?name='])
      expect((await admin('GET', `${path}${encodeURIComponent(pattern)}`, { version: '2.102' })).status).toBe(400);
  });
});

test('what was never a filter is an error for those who may filter by everything, and nothing for others', async () => {
  const statusOf = async (who: string, name: string, version: string) =>
    (await api.as(who)('GET', `/servers?${name}=x`, { version })).status;
  for (const name of ['_sa_instance_state', 'system_metadata', 'services']) {
    expect([await statusOf('ops.admin', name, '2.1'), await statusOf('ops.admin', name, '2.104')]).toEqual([400, 400]);
    expect([await statusOf('alpha.member', name, '2.1'), await statusOf('alpha.member', name, '2.104')]).toEqual([200, 200]);
  }
  expect((await admin('GET', '/servers?_x=1')).body.badRequest.message).toBe('Invalid filter field: _x.');
});
