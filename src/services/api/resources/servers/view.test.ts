import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleInstanceImage } from '../../../../../test/support/samples.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
let member: Ask;
beforeAll(async () => {
  api = await startApiUnderTest();
  [admin, member] = [api.as('ops.admin'), api.as('alpha.member')];
});
afterAll(() => api[Symbol.asyncDispose]());

describe('a server', () => {
  const keysAt = async (ask: Ask, path: string, version: string) => {
    const { body } = await ask('GET', path, { version });
    return new Set(Object.keys(body.server ?? body.servers[0]));
  };
  const since: Readonly<Record<string, readonly string[]>> = {
    '2.9': ['locked'],
    '2.19': ['description'],
    '2.26': ['tags'],
    '2.63': ['trusted_image_certificates'],
    '2.71': ['server_groups'],
    '2.73': ['locked_reason'],
    '2.90': ['OS-EXT-SRV-ATTR:hostname'],
    '2.96': ['pinned_availability_zone'],
    '2.100': ['scheduler_hints'],
  };
  const forAdmins: Readonly<Record<string, readonly string[]>> = {
    ...since,
    '2.90': [],
    '2.16': ['host_status'],
    '2.3': ['hostname', 'kernel_id', 'ramdisk_id', 'launch_index', 'reservation_id', 'root_device_name', 'user_data'].map(
      (key) => `OS-EXT-SRV-ATTR:${key}`,
    ),
  };
  const before = (version: string): string => `2.${Number(version.slice(2)) - 1}`;

  test.each(Object.entries(since))('shows its owner since %s: %j', async (version, keys) => {
    const { id } = await api.server();
    const [older, newer] = [await keysAt(member, `/servers/${id}`, before(version)), await keysAt(member, `/servers/${id}`, version)];
    expect([...newer].filter((key) => !older.has(key)).toSorted()).toEqual([...keys].toSorted());
    expect([...older].filter((key) => !newer.has(key))).toEqual([]);
  });

  test.each(Object.entries(forAdmins))('shows administrators since %s: %j', async (version, keys) => {
    const { id } = await api.server();
    const [older, newer] = [await keysAt(admin, `/servers/${id}`, before(version)), await keysAt(admin, `/servers/${id}`, version)];
    expect([...newer].filter((key) => !older.has(key)).toSorted()).toEqual([...keys].toSorted());
  });

  test('has its flavor embedded since 2.47, its image’s properties since 2.98, and no server_groups in lists', async () => {
    const own = api.as('views.member');
    const image = sampleInstanceImage({ id: 'i1', name: 'i', diskFormat: 'raw', properties: { os: 'x' } });
    const { id } = await api.server({ projectId: 'views', image });
    const at = async (version: string) => (await own('GET', `/servers/${id}`, { version })).body.server;
    expect((await at('2.46')).flavor).toEqual({ id: '1', links: [{ rel: 'bookmark', href: 'http://localhost:80/flavors/1' }] });
    expect((await at('2.47')).flavor).toEqual({
      vcpus: 1,
      ram: 512,
      disk: 1,
      ephemeral: 0,
      swap: 0,
      original_name: 'm1.tiny',
      extra_specs: {},
    });
    expect([(await at('2.97')).image, (await at('2.98')).image]).toEqual([
      { id: 'i1', links: [{ rel: 'bookmark', href: 'http://localhost:80/images/i1' }] },
      { id: 'i1', links: [{ rel: 'bookmark', href: 'http://localhost:80/images/i1' }], properties: { os: 'x' } },
    ]);
    expect((await keysAt(own, '/servers/detail', '2.104')).has('server_groups')).toBe(false);
    expect((await own('GET', '/servers', { version: '2.104' })).body.servers).toEqual([
      { id, name: expect.any(String), links: (await at('2.1')).links },
    ]);
  });

  test('of another project is not found, whatever is asked of it', async () => {
    const { id } = await api.server();
    const stranger = api.as('beta.member');
    const answers = await Promise.all([
      stranger('GET', `/servers/${id}`),
      stranger('PUT', `/servers/${id}`, { body: { server: { name: 'x' } } }),
      stranger('DELETE', `/servers/${id}`),
      stranger('POST', `/servers/${id}/action`, { body: { 'os-stop': null } }),
      stranger('GET', `/servers/${crypto.randomUUID()}`),
      stranger('GET', '/servers/none'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404]);
    expect(answers[0].body).toEqual({ itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } });
  });

  test('is renamed and described by its members', async () => {
    const { id } = await api.server();
    const { status, body } = await member('PUT', `/servers/${id}`, {
      version: '2.94',
      body: {
        server: { name: 'new', description: 'mine', hostname: 'new.example.org', accessIPv4: '192.0.2.7', 'OS-DCF:diskConfig': 'AUTO' },
      },
    });
    expect({ status, server: body.server }).toMatchObject({
      status: 200,
      server: {
        name: 'new',
        description: 'mine',
        'OS-EXT-SRV-ATTR:hostname': 'new.example.org',
        accessIPv4: '192.0.2.7',
        'OS-DCF:diskConfig': 'AUTO',
      },
    });
    const put = async (server: object, version: string) => (await member('PUT', `/servers/${id}`, { version, body: { server } })).status;
    expect([
      await put({ description: 'x' }, '2.18'),
      await put({ hostname: 'a.b' }, '2.93'),
      await put({ name: '' }, '2.1'),
      await put({ accessIPv4: '1.2.3' }, '2.1'),
      await put({ accessIPv6: '::::1' }, '2.1'),
      await put({}, '2.1'),
    ]).toEqual([400, 400, 400, 400, 400, 200]);
    const { body: shown } = await member('PUT', `/servers/${id}`, {
      body: { server: { accessIPv6: '0000:0000:0000:0000:0000:babe:220.12.22.2' } },
    });
    expect(shown.server.accessIPv6).toBe('::babe:dc0c:1602');
  });
});
