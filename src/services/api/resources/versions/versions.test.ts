import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let member: Ask;
let nobody: Ask;
beforeAll(async () => {
  api = await startApiUnderTest();
  [member, nobody] = [api.as('abc.member'), api.as(null)];
});
afterAll(() => api[Symbol.asyncDispose]());

const described = { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' };
const about = {
  'v2.0': { id: 'v2.0', status: 'DEPRECATED', version: '', min_version: '', updated: '2025-07-04T12:00:00Z' },
  'v2.1': { id: 'v2.1', status: 'CURRENT', version: '2.104', min_version: '2.1', updated: '2013-07-23T11:33:21Z' },
};
const media = (number: string) => [{ base: 'application/json', type: `application/vnd.openstack.compute+json;version=${number}` }];
const self = (path: string) => ({ rel: 'self', href: `http://localhost:80/${path}` });
const documents = {
  '2.0': { version: { ...about['v2.0'], links: [self('v2/'), described], 'media-types': media('2') } },
  '2.1': { version: { ...about['v2.1'], links: [self('v2.1/'), described], 'media-types': media('2.1') } },
};

describe('version documents', () => {
  test.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const)('are told without a token, asked for with %s', async (method) => {
    const list = await nobody(method, '/', { headers: { 'openstack-api-version': 'compute 9.9' } });
    expect([list.status, list.body]).toEqual([
      200,
      {
        versions: [
          { ...about['v2.0'], links: [self('v2/')] },
          { ...about['v2.1'], links: [self('v2.1/')] },
        ],
      },
    ]);
    for (const [path, number] of [
      ['/v2.1', '2.1'],
      ['/v2.1/', '2.1'],
      ['/v2', '2.0'],
      ['/v2/', '2.0'],
    ] as const) {
      const { status, body, headers } = await nobody(method, path, { version: '2.5' });
      expect([path, status, body, headers['openstack-api-version']]).toEqual([
        path,
        200,
        documents[number],
        number === '2.1' ? 'compute 2.5' : undefined,
      ]);
    }
  });

  test('are also found by their id and under a project, with a token', async () => {
    const bodyAt = async (path: string) => (await member('GET', path)).body;
    expect(await bodyAt('/v2.1/versions/v2.0')).toEqual(documents['2.0']);
    expect(await bodyAt('/v2.1/versions/v2.1')).toEqual(documents['2.1']);
    expect(await bodyAt('/v2/versions/v2.1')).toEqual(documents['2.0']);
    expect(await bodyAt('/v2.1/abc/')).toEqual(documents['2.1']);
    expect(await bodyAt('/v2/abc/')).toEqual(documents['2.0']);
    expect([
      (await member('GET', '/v2.1/versions/v3')).status,
      (await nobody('GET', '/v2.1/abc/')).status,
      (await member('GET', '/v2.1/def/')).status,
    ]).toEqual([404, 401, 400]);
  });

  test('are offered for a path of no version', async () => {
    const { status, body } = await nobody('GET', '/v2.2/servers');
    expect([status, body]).toEqual([
      300,
      {
        choices: [
          { id: 'v2.0', status: 'DEPRECATED', links: [self('v2/v2.2/servers')], 'media-types': media('2') },
          { id: 'v2.1', status: 'CURRENT', links: [self('v2.1/v2.2/servers')], 'media-types': media('2.1') },
        ],
      },
    ]);
    expect((await member('GET', '/nothing')).status).toBe(404);
  });
});

describe('the mount of version 2.0', () => {
  const create = (mount: string, server: object) => member('POST', `${mount}/os-server-groups`, { body: { server_group: server } });

  test('neither reads nor tells microversions', async () => {
    for (const version of ['2.90', '9.9', 'nonsense']) {
      const { status, headers } = await member('GET', '/v2/os-server-groups', { version });
      expect([status, headers['openstack-api-version'], headers['x-openstack-nova-api-version'], headers['vary']]).toEqual([
        200,
        undefined,
        undefined,
        undefined,
      ]);
    }
    expect((await member('GET', '/v2/servers/x/tags', { version: '2.26' })).status).toBe(404);
  });

  test('drops keys it does not know, and only there', async () => {
    const body = { name: 'g', policies: ['affinity'], more: 1 };
    expect([(await create('/v2', body)).status, (await create('/v2.1', body)).status]).toEqual([200, 400]);
    const metadata = { 'no/slash': 'x' };
    const server = await api.server({ projectId: 'abc' });
    expect((await member('POST', `/v2/servers/${server.id}/metadata`, { body: { metadata } })).status).toBe(400);
  });

  test('tolerates spaces around the name of a server, and no user data', async () => {
    const server = await api.server({ projectId: 'abc' });
    const rename = (mount: string) =>
      member('PUT', `${mount}/servers/${server.id}`, { body: { server: { name: '  spaced  ', unknown: 1 } } });
    expect((await rename('/v2.1')).status).toBe(400);
    const { status, body } = await rename('/v2');
    expect([status, body.server.name, body.server.links[0].href]).toEqual([200, 'spaced', `http://localhost:80/v2/servers/${server.id}`]);
    const asked = { name: 's', flavorRef: 'none', imageRef: '', user_data: null };
    const messageAt = async (mount: string) =>
      (await member('POST', `${mount}/servers`, { body: { server: asked } })).body.badRequest.message as string;
    expect(await messageAt('/v2')).toBe('Flavor none could not be found.');
    expect(await messageAt('/v2.1')).toContain('Invalid input for field/attribute user_data.');
  });

  test('has one extension more', async () => {
    const aliasesAt = async (mount: string) =>
      (await member('GET', `${mount}/extensions`)).body.extensions.map(({ alias }: { readonly alias: string }) => alias) as string[];
    const [old, current] = [await aliasesAt('/v2'), await aliasesAt('/v2.1')];
    expect([old.length, old.filter((alias) => !current.includes(alias))]).toEqual([100, ['OS-EXT-VIF-NET']]);
    expect([
      (await member('GET', '/v2/extensions/OS-EXT-VIF-NET')).status,
      (await member('GET', '/v2.1/extensions/OS-EXT-VIF-NET')).status,
    ]).toEqual([200, 404]);
  });
});
