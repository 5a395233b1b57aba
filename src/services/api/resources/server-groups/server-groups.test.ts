import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
let member: Ask;
beforeAll(async () => {
  api = await startApiUnderTest('[quota]\nserver_groups = 3\n');
  [admin, member] = [api.as('ops.admin'), api.as('alpha.member')];
});
afterAll(() => api[Symbol.asyncDispose]());

const create = (ask: Ask, server_group: object, version = '2.64') => ask('POST', '/os-server-groups', { version, body: { server_group } });

describe('a server group', () => {
  test('is shown as each microversion shows it', async () => {
    const { status, body } = await create(member, { name: 'apart', policy: 'anti-affinity', rules: { max_server_per_host: '3' } });
    const { id } = body.server_group;
    const newest = {
      id,
      name: 'apart',
      policy: 'anti-affinity',
      rules: { max_server_per_host: 3 },
      members: [],
      project_id: 'alpha',
      user_id: 'alpha.member',
    };
    expect({ status, group: body.server_group }).toEqual({ status: 200, group: newest });
    const at = async (version: string) => (await member('GET', `/os-server-groups/${id}`, { version })).body.server_group;
    expect(await at('2.64')).toEqual(newest);
    expect(await at('2.63')).toEqual({
      id,
      name: 'apart',
      policies: ['anti-affinity'],
      metadata: {},
      members: [],
      project_id: 'alpha',
      user_id: 'alpha.member',
    });
    expect(await at('2.12')).toEqual({ id, name: 'apart', policies: ['anti-affinity'], metadata: {}, members: [] });
    expect((await member('DELETE', `/os-server-groups/${id}`)).status).toBe(204);
  });

  test.each([
    [{ name: 'x', policies: ['affinity'] }, '2.1', 200],
    [{ name: 'x', policies: ['soft-affinity'] }, '2.14', 400],
    [{ name: 'x', policies: ['soft-affinity'] }, '2.15', 200],
    [{ name: 'x', policies: ['affinity', 'anti-affinity'] }, '2.63', 400],
    [{ name: 'x', policies: [] }, '2.63', 400],
    [{ name: 'x', policy: 'affinity' }, '2.63', 400],
    [{ name: 'x', policies: ['affinity'] }, '2.64', 400],
    [{ name: 'x', policy: 'affinity', rules: { max_server_per_host: 2 } }, '2.64', 400],
    [{ name: 'x', policy: 'anti-affinity', rules: { max_server_per_host: 0 } }, '2.64', 400],
    [{ name: 'x', policy: 'anti-affinity', rules: { other: 1 } }, '2.64', 400],
    [{ name: 'x', policy: 'legacy' }, '2.64', 400],
    [{ policy: 'affinity' }, '2.64', 400],
    [{ name: '', policy: 'affinity' }, '2.64', 400],
  ])('asked for as %j at %s: %i', async (group, version, status) => {
    const answer = await create(api.as('shapes.member'), group, version);
    expect(answer.status).toBe(status);
    if (status === 200) await api.as('shapes.member')('DELETE', `/os-server-groups/${answer.body.server_group.id}`);
  });

  test('belongs to its project', async () => {
    const { id } = (await create(api.as('owner.member'), { name: 'mine', policy: 'affinity' })).body.server_group;
    const path = `/os-server-groups/${id}`;
    expect([
      (await member('GET', path)).status,
      (await member('DELETE', path)).status,
      (await api.as('owner.reader')('DELETE', path)).status,
      (await admin('GET', path)).status,
    ]).toEqual([404, 404, 403, 200]);
    expect([
      (await member('GET', '/os-server-groups/none')).status,
      (await admin('DELETE', path)).status,
      (await admin('DELETE', path)).status,
    ]).toEqual([404, 204, 404]);
  });

  test('is one of as many as the quota allows, also when they are asked for at once', async () => {
    const crowd = api.as('crowd.member');
    const answers = await Promise.all(Array.from({ length: 5 }, (_, index) => create(crowd, { name: `g${index}`, policy: 'affinity' })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 403, 403]);
    expect(answers.find(({ status }) => status === 403)?.body).toEqual({
      forbidden: { code: 403, message: 'Quota exceeded, too many server groups.' },
    });
  });
});

test('lists of server groups are the project’s own, paged by offset; all for administrators who ask', async () => {
  for (const name of ['one', 'two', 'three']) await create(api.as('lists.member'), { name, policy: 'affinity' });
  const names = async (who: string, query: string, version = '2.64') => {
    const { status, body } = await api.as(who)('GET', `/os-server-groups${query}`, { version });
    return status === 200 ? (body.server_groups as { name: string }[]).map(({ name }) => name) : status;
  };
  expect([
    await names('lists.reader', ''),
    await names('lists.reader', '?limit=2'),
    await names('lists.reader', '?offset=1&limit=1'),
    await names('lists.reader', '?limit=0'),
    await names('lists.reader', '?limit=-1'),
    await names('nobody.reader', '?all_projects=true'),
    await names('lists.reader', '?colour=red'),
    await names('lists.reader', '?colour=red', '2.75'),
    await names('ops.admin', ''),
  ]).toEqual([['one', 'two', 'three'], ['one', 'two'], ['two'], ['one', 'two', 'three'], 400, [], ['one', 'two', 'three'], 400, []]);
  expect(await names('ops.admin', '?all_projects')).toEqual(expect.arrayContaining(['one', 'two', 'three', 'g0']));
});
