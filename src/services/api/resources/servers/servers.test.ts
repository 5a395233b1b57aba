import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Image } from '../../../../clients/image.ts';
import type { Network } from '../../../../clients/network.ts';
import type { Instance, InstanceId } from '../../../../domain/instance.ts';
import { createServerGroup } from '../../../../store/server-groups.ts';
import { findInstance, inItsCell, markDeleted, updateInstance } from '../../../../store/instances.ts';
import { moveInstances } from '../../../../store/move-instances.ts';
import { requestSpecOf } from '../../../../store/mappings.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
let member: Ask;
beforeAll(async () => {
  api = await startApiUnderTest('[quota]\ninstances = 4\ncores = 6\nmetadata_items = 2\nserver_group_members = 2\n');
  [admin, member] = [api.as('ops.admin'), api.as('alpha.member')];
});
afterAll(() => api[Symbol.asyncDispose]());

describe('lists of servers', () => {
  let own: ApiUnderTest;
  let servers: Readonly<Record<'web' | 'db' | 'old' | 'gone' | 'foreign', Instance>>;
  beforeAll(async () => {
    own = await startApiUnderTest();
    const subnet = { id: 's', cidr: '10.0.0.0/24', version: 4 as const, gateway: null, dns: [], routes: [], dhcpServer: null };
    const vif = {
      portId: 'p',
      macAddress: 'm',
      networkId: 'n',
      networkLabel: 'private',
      mtu: null,
      vnicType: 'normal',
      vifType: 'bridge',
      vifDetails: {},
      profile: {},
      active: true,
      tag: null,
      deleteOnTermination: true,
    };
    servers = {
      web: await own.server({
        name: 'web-1',
        tags: ['blue', 'front'],
        networkInfo: [{ ...vif, subnets: [{ ...subnet, addresses: [{ address: '10.0.0.7', floating: [] }] }] }],
        reservationId: 'r-web',
      }),
      db: await own.server({
        name: 'db.main',
        tags: ['blue'],
        vmState: 'stopped',
        lockedBy: 'owner',
        host: 'host-2',
        node: 'host-2',
        keyName: 'mine',
        powerState: 4,
      }),
      old: await own.server({
        name: 'old',
        taskState: 'rebooting',
        userId: 'other',
        image: {
          id: 'image-1',
          name: null,
          diskFormat: 'raw',
          containerFormat: 'bare',
          minDisk: 0,
          minRam: 0,
          size: 1,
          checksum: null,
          properties: {},
        },
      }),
      gone: await own.server({ name: 'gone', vmState: 'deleted', deletedAt: '2026-01-01T00:00:00Z', terminatedAt: '2026-01-01T00:00:00Z' }),
      foreign: await own.server({ name: 'web-foreign', projectId: 'beta', userId: 'beta.member' }),
    };
  });
  afterAll(() => own[Symbol.asyncDispose]());

  const names = async (who: string, query: string, version = '2.1') => {
    const { status, body } = await own.as(who)('GET', `/servers${query}`, { version });
    const known = Object.fromEntries(Object.entries(servers).map(([name, { id }]) => [id, name]));
    return status === 200 ? (body.servers as { id: string }[]).map(({ id }) => known[id]) : status;
  };

  test.each<[string, string, unknown]>([
    ['', '2.1', ['old', 'db', 'web']],
    ['?name=web', '2.1', ['web']],
    ['?name=^d.*n$', '2.1', ['db']],
    ['?name=(', '2.1', 400],
    ['?name=', '2.1', 400],
    ['?status=active', '2.1', ['old', 'web']],
    ['?status=REBOOT', '2.1', ['old']],
    ['?status=SHUTOFF&status=REBOOT', '2.1', ['old', 'db']],
    ['?status=SLEEPING', '2.37', []],
    ['?status=SLEEPING', '2.38', 400],
    ['?status=DELETED', '2.1', 403],
    ['?image=image-1', '2.1', ['old']],
    ['?flavor=1', '2.1', ['old', 'db', 'web']],
    ['?flavor=none', '2.1', []],
    ['?ip=10.0.0', '2.1', ['web']],
    ['?ip6=10.0.0.9', '2.4', ['old', 'db', 'web']],
    ['?ip6=10.0.0.9', '2.5', []],
    ['?reservation_id=r-web', '2.1', ['web']],
    ['?tags=blue', '2.25', ['old', 'db', 'web']],
    ['?tags=blue,front', '2.26', ['web']],
    ['?tags-any=front,none', '2.26', ['web']],
    ['?not-tags=blue,front', '2.26', ['old', 'db']],
    ['?not-tags-any=blue', '2.26', ['old']],
    ['?locked=true', '2.72', ['old', 'db', 'web']],
    ['?locked=true', '2.73', ['db']],
    ['?locked=perhaps', '2.73', 400],
    ['?config_drive=False', '2.83', ['old', 'db', 'web']],
    ['?config_drive=1', '2.83', []],
    ['?key_name=mine', '2.82', ['old', 'db', 'web']],
    ['?key_name=mine', '2.83', ['db']],
    ['?user_id=other', '2.83', ['old']],
    ['?host=host-2', '2.83', ['old', 'db', 'web']],
    ['?power_state=4', '2.83', ['db']],
    ['?changes-since=2001-01-01T00:00:00Z', '2.1', ['gone', 'old', 'db', 'web']],
    ['?changes-since=2101-01-01', '2.1', []],
    ['?changes-since=soon', '2.1', 400],
    ['?changes-before=2001-01-01', '2.65', ['old', 'db', 'web']],
    ['?changes-before=2001-01-01', '2.66', []],
    ['?all_tenants=1', '2.1', 403],
    ['?all_tenants=0&project_id=beta', '2.1', ['old', 'db', 'web']],
    ['?all_tenants=perhaps', '2.1', 400],
    ['?colour=red', '2.74', ['old', 'db', 'web']],
    ['?colour=red', '2.75', 400],
    ['?sort_key=display_name&sort_dir=asc', '2.1', ['db', 'old', 'web']],
    ['?sort_key=vm_state&sort_key=display_name&sort_dir=desc&sort_dir=asc', '2.1', ['db', 'old', 'web']],
    ['?sort_dir=asc', '2.1', ['web', 'db', 'old']],
    ['?sort_dir=asc&sort_dir=asc', '2.1', 400],
    ['?sort_dir=up', '2.1', 400],
    ['?sort_key=host', '2.1', 403],
    ['?sort_key=vcpus', '2.74', ['old', 'db', 'web']],
    ['?sort_key=vcpus', '2.75', 400],
    ['?sort_key=constructor', '2.1', 400],
    ['?sort_key=locked&sort_dir=asc', '2.73', ['web', 'old', 'db']],
    ['?limit=2', '2.1', ['old', 'db']],
    ['?limit=0', '2.1', []],
    ['?limit=-1', '2.1', 400],
    ['?marker=none', '2.1', 400],
  ])('%s at %s gives a member %j', async (query, version, expected) => {
    const sorted = query === '?sort_key=locked&sort_dir=asc'; // both that are not locked are equal but for their ids
    const shown = await names('alpha.member', query, version);
    expect(sorted ? [(shown as string[]).slice(0, 2).toSorted().toReversed(), (shown as string[]).slice(2)].flat() : shown).toEqual(
      expected,
    );
  });

  test.each<[string, unknown]>([
    ['?all_tenants', ['foreign', 'old', 'db', 'web']],
    ['?all_tenants=true&project_id=beta', ['foreign']],
    ['?all_tenants=true&tenant_id=beta', ['foreign']],
    ['?all_tenants=true&host=host-2', ['db']],
    ['?all_tenants=true&uuid=none', []],
    ['?all_tenants=true&status=DELETED', ['gone']],
    ['?all_tenants=true&deleted=true', ['gone']],
    ['?all_tenants=true&sort_key=host&sort_dir=desc&limit=1', ['db']],
    ['', []],
  ])('%s gives an administrator %j', async (query, expected) => {
    expect(await names('ops.admin', query)).toEqual(expected);
  });

  test('are read page by page without gaps, whatever the order, over all cells', async () => {
    for (const sort of ['', 'sort_key=display_name&sort_dir=asc', 'sort_key=key_name&sort_dir=asc', 'sort_key=task_state&sort_dir=desc']) {
      const seen: unknown[] = [];
      let next: string | undefined = `/v2.1/servers?limit=1&${sort}`;
      while (next !== undefined) {
        const { body }: { body: { servers: { id: string }[]; servers_links?: { rel: string; href: string }[] } } = await own.as(
          'alpha.reader',
        )('GET', next);
        seen.push(...body.servers.map(({ id }) => id));
        next = body.servers_links?.[0]?.href.replace('http://localhost:80', '');
      }
      expect(seen.toSorted()).toEqual([servers.web.id, servers.db.id, servers.old.id].toSorted());
    }
  });

  test('do not take a server of another project for a marker', async () => {
    expect(await names('alpha.member', `?marker=${servers.foreign.id}`)).toBe(400);
    expect(await names('alpha.member', `?marker=${servers.db.id}`)).toEqual(['web']);
  });
});

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
    const image = {
      id: 'i1',
      name: 'i',
      diskFormat: 'raw',
      containerFormat: 'bare',
      minDisk: 0,
      minRam: 0,
      size: 1,
      checksum: null,
      properties: { os: 'x' },
    };
    const { id } = await api.server({ projectId: 'views', image });
    const at = async (version: string) => (await own('GET', `/servers/${id}`, { version })).body.server;
    expect((await at('2.46')).flavor).toEqual({ id: '1', links: [{ rel: 'bookmark', href: 'http://localhost:80/flavors/1' }] });
    expect((await at('2.47')).flavor).toEqual({ vcpus: 1, ram: 512, disk: 1, ephemeral: 0, swap: 0, original_name: '1', extra_specs: {} });
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

describe('actions', () => {
  const act = (ask: Ask, id: string, action: object, version = '2.1') => ask('POST', `/servers/${id}/action`, { version, body: action });

  test.each([
    ['os-start', { vmState: 'active' }, "Cannot 'start' instance ID while it is in vm_state active"],
    ['os-stop', { vmState: 'stopped' }, "Cannot 'stop' instance ID while it is in vm_state stopped"],
    ['os-stop', { taskState: 'powering-off' }, "Cannot 'stop' instance ID while it is in task_state powering-off"],
    ['pause', { vmState: 'paused' }, "Cannot 'pause' instance ID while it is in vm_state paused"],
    ['resume', { vmState: 'active' }, "Cannot 'resume' instance ID while it is in vm_state active"],
    ['os-start', { vmState: 'stopped', lockedBy: 'owner' }, 'Instance ID is locked'],
  ] as const)('%s of a server that is %j: %s', async (action, state, message) => {
    const { id } = await api.server(state);
    expect(await act(member, id, { [action]: null })).toMatchObject({
      status: 409,
      body: { conflictingRequest: { code: 409, message: message.replace('ID', id) } },
    });
  });

  test('begin in one of two requests at once', async () => {
    const { id } = await api.server();
    const wakes = api.heard.wakes;
    const answers = await Promise.all([act(member, id, { 'os-stop': null }), act(member, id, { 'os-stop': null })]);
    expect([answers.map(({ status }) => status).toSorted(), api.heard.wakes - wakes]).toEqual([[202, 409], 1]);
    expect((await member('GET', `/servers/${id}`)).body.server).toMatchObject({
      'OS-EXT-STS:task_state': 'powering-off',
      status: 'ACTIVE',
    });
    expect((await member('GET', `/servers/${id}/os-instance-actions`)).body.instanceActions).toEqual([
      expect.objectContaining({ action: 'stop', user_id: 'alpha.member' }),
    ]);
  });

  test('are refused when they are none, several, or of a wrong form', async () => {
    const { id } = await api.server();
    const of = async (action: object) => {
      const { status, body } = await act(member, id, action);
      return [status, Object.values<{ message: string }>(body)[0]?.message];
    };
    expect([await of({ dance: null }), await of({}), await of({ 'os-start': null, 'os-stop': null })]).toEqual([
      [400, 'There is no such action: dance'],
      [400, 'Malformed request body'],
      [400, 'Malformed request body'],
    ]);
    expect((await of({ reboot: { type: 'WARM' } }))[0]).toBe(400);
    expect((await act(member, id, { lock: { locked_reason: '' } }, '2.73')).status).toBe(400);
  });

  test('of administrators pass a lock; a lock of theirs is not the owner’s to take off', async () => {
    const { id } = await api.server({ vmState: 'stopped' });
    const shown = async () => (await member('GET', `/servers/${id}`, { version: '2.73' })).body.server;
    expect((await act(member, id, { lock: { locked_reason: 'mine' } }, '2.73')).status).toBe(202);
    expect((await act(member, id, { lock: { locked_reason: 'again' } }, '2.73')).status).toBe(202);
    expect(await shown()).toMatchObject({ locked: true, locked_reason: 'mine' });
    expect((await act(admin, id, { lock: { locked_reason: 'ours' } }, '2.73')).status).toBe(202);
    expect(await shown()).toMatchObject({ locked: true, locked_reason: 'ours' });
    expect([
      (await member('DELETE', `/servers/${id}`)).status,
      (await act(member, id, { unlock: null })).status,
      (await act(admin, id, { 'os-start': null })).status,
      (await act(admin, id, { unlock: null })).status,
    ]).toEqual([409, 403, 202, 202]);
    expect(await shown()).toMatchObject({ locked: false, locked_reason: null });
    const history = (await member('GET', `/servers/${id}/os-instance-actions`)).body.instanceActions as { action: string }[];
    expect(history.map(({ action }) => action)).toEqual(['unlock', 'start', 'lock', 'lock']);
  });

  test('show the console as the host gives it, in as many lines as are asked for', async () => {
    const asked: (number | null)[] = [];
    await api.host('talker', {}, { consoleOutput: ({ lines }) => Promise.resolve({ text: `${asked.push(lines)}` }) });
    const { id } = await api.server({ host: 'talker' });
    const statuses = [
      await act(member, id, { 'os-getConsoleOutput': {} }),
      await act(member, id, { 'os-getConsoleOutput': { length: '5' } }),
      await act(member, id, { 'os-getConsoleOutput': { length: -2 } }),
    ].map(({ status }) => status);
    expect({ statuses, asked }).toEqual({ statuses: [200, 200, 400], asked: [null, 5] });
    const away = await api.server({ host: 'nowhere' });
    expect((await act(member, away.id, { 'os-getConsoleOutput': {} })).status).toBe(409);
  });
});

describe('creating a server', () => {
  const imageId = '22222222-2222-4222-8222-222222222222';
  const networkId = '33333333-3333-4333-8333-333333333333';
  const image: Image = {
    id: imageId,
    name: 'tiny',
    status: 'active',
    visibility: 'public',
    owner: null,
    protected: false,
    diskFormat: 'raw',
    containerFormat: 'bare',
    size: 1024,
    virtualSize: null,
    checksum: null,
    hash: null,
    minRam: 128,
    minDisk: 1,
    createdAt: '',
    updatedAt: '',
    tags: [],
    properties: {},
  };
  const network: Network = {
    id: networkId,
    name: 'private',
    projectId: 'maker',
    shared: false,
    external: false,
    adminStateUp: true,
    portSecurityEnabled: true,
    mtu: null,
    subnetIds: ['s'],
  };
  const maker = () => api.as('maker.member');
  const wanted = { name: 'x', flavorRef: 'small', imageRef: imageId, networks: 'none' };
  const create = (server: object, version = '2.37', who = maker(), others: object = {}) =>
    who('POST', '/servers', { version, body: { server: { ...wanted, ...server }, ...others } });
  const messageOf = ({ status, body }: Awaited<ReturnType<Ask>>) => [
    status,
    status === 202 ? null : Object.values<{ message: string }>(body)[0]?.message,
  ];

  beforeAll(async () => {
    await api.flavor({ flavorId: 'small', name: 'small', vcpus: 2, memoryMb: 256 });
    await api.flavor({ flavorId: 'poor', name: 'poor', memoryMb: 64 });
    await api.flavor({ flavorId: 'flat', name: 'flat', rootGb: 0 });
    await api.flavor({ flavorId: 'secret', name: 'secret', isPublic: false });
    api.neighbours.images.set(imageId, image);
    api.neighbours.images.set('raw', { ...image, id: 'raw', status: 'queued' });
    api.neighbours.images.set(networkId, { ...image, id: networkId, minDisk: 20 });
    api.neighbours.networks.push(
      network,
      { ...network, id: uuidOf(4), name: 'bare', subnetIds: [] },
      { ...network, id: uuidOf(5), name: 'outside', projectId: 'other', external: true },
    );
    await api.host('known');
  });
  beforeEach(async () => {
    for (const { database } of api.stores.cells()) await database.deleteFrom('instances').where('project_id', '=', 'maker').execute();
  });

  test('takes files for the config drive until 2.56, as many and as large as the limits say', async () => {
    const file = (path: string, text = 'hello') => ({ path, contents: Buffer.from(text).toString('base64') });
    const made = await create({ personality: [file('/etc/motd')] }, '2.56');
    expect((await findInstance(api.stores, made.body.server.id))?.instance.files).toEqual([{ path: '/etc/motd', content: 'aGVsbG8=' }]);
    const six = Array.from({ length: 6 }, (_, index) => file(`/etc/${index}`));
    expect([
      messageOf(await create({ personality: six })),
      messageOf(await create({ personality: [file(`/${'x'.repeat(255)}`)] })),
      messageOf(await create({ personality: [file('/x', 'x'.repeat(10_241))] })),
      (await create({ personality: [{ path: '/x', contents: '%' }] })).status,
      (await create({ personality: [file('/x')] }, '2.57')).status,
    ]).toEqual([
      [403, 'Personality file limit exceeded'],
      [403, 'Personality file path exceeds maximum 255'],
      [403, 'Personality file content exceeds maximum 10240'],
      400,
      400,
    ]);
  });

  test('is accepted with all that carries it through written down', async () => {
    const wakes = api.heard.wakes;
    const { status, body, headers } = await create({ name: 'web', metadata: { a: 'b' }, 'OS-DCF:diskConfig': 'AUTO' });
    const { id } = body.server;
    expect({ status, body, location: headers['location'] }).toEqual({
      status: 202,
      body: {
        server: {
          id,
          links: expect.any(Array),
          'OS-DCF:diskConfig': 'AUTO',
          security_groups: [{ name: 'default' }],
          adminPass: expect.stringMatching(/^\w{12}$/),
        },
      },
      location: `http://localhost:80/v2.1/servers/${id}`,
    });
    const { server } = (await maker()('GET', `/servers/${id}`, { version: '2.104' })).body;
    expect(server).toMatchObject({
      name: 'web',
      status: 'BUILD',
      'OS-EXT-STS:task_state': 'scheduling',
      metadata: { a: 'b' },
      description: null,
      addresses: {},
      user_id: 'maker.member',
      tenant_id: 'maker',
    });
    const sagas = await api.stores.cell0.database.selectFrom('sagas').select(['name', 'params']).execute();
    expect([
      sagas.find(({ params }) => (params as { instanceIds: string[] }).instanceIds.includes(id))?.name,
      api.heard.wakes - wakes,
    ]).toEqual(['place-instances', 1]);
    expect((await maker()('GET', `/servers/${id}/os-instance-actions`)).body.instanceActions).toEqual([
      expect.objectContaining({ action: 'create' }),
    ]);
  });

  test('of several numbers their names, and answers the reservation where that is asked for', async () => {
    const { body } = await create({ name: 'web', min_count: 2, max_count: '2', return_reservation_id: true });
    expect(body).toEqual({ reservation_id: expect.stringMatching(/^r-[0-9a-z]{8}$/) });
    const { servers } = (await maker()('GET', `/servers?reservation_id=${body.reservation_id}&sort_key=display_name&sort_dir=asc`)).body;
    expect(servers.map(({ name }: { name: string }) => name)).toEqual(['web-1', 'web-2']);
  });

  test.each<[string, object, number, string]>([
    ['an unknown flavor', { flavorRef: 'none' }, 400, 'Flavor none could not be found.'],
    ['a flavor of others', { flavorRef: 'http://x/flavors/secret' }, 400, 'Flavor secret could not be found.'],
    ['an unknown image', { imageRef: uuidOf(9) }, 400, 'Can not find requested image'],
    ['no image', { imageRef: '' }, 400, 'Missing imageRef attribute'],
    ['an unknown key', { key_name: 'none' }, 400, 'Invalid key_name provided.'],
    ['an unknown network', { networks: [{ uuid: uuidOf(9) }] }, 400, `Network ${uuidOf(9)} could not be found.`],
    [
      'a network without subnets',
      { networks: [{ uuid: uuidOf(4) }] },
      400,
      `Network ${uuidOf(4)} requires a subnet in order to boot instances on.`,
    ],
    [
      'an outside network',
      { networks: [{ uuid: uuidOf(5) }] },
      403,
      `It is not allowed to create an interface on external network ${uuidOf(5)}`,
    ],
    ['an unknown port', { networks: [{ port: uuidOf(9) }] }, 400, `Port ${uuidOf(9)} could not be found.`],
    ['an unknown zone', { availability_zone: 'mars' }, 400, 'The requested availability zone is not available'],
    [
      'a host in the zone',
      { availability_zone: 'nova:known' },
      403,
      "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed.",
    ],
    [
      'an unknown group of security',
      { security_groups: [{ name: 'none' }], networks: [{ uuid: networkId }] },
      400,
      'Security group none not found for project maker.',
    ],
    ['a flavor with too little memory', { flavorRef: 'poor' }, 400, "Flavor's memory is too small for requested image."],
    [
      'a flavor with too little disk',
      { imageRef: networkId },
      400,
      "Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, minimum size is 21474836480 bytes.",
    ],
    ['a flavor without disk', { flavorRef: 'flat' }, 403, 'Only volume-backed servers are allowed for flavors with zero disk.'],
    ['more at least than at most', { min_count: 2, max_count: 1 }, 400, 'min_count must be <= max_count'],
    ['too much metadata', { metadata: { a: '1', b: '2', c: '3' } }, 403, 'Maximum number of metadata items exceeds 2'],
    [
      'a name with outer spaces',
      { name: ' x' },
      400,
      "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.",
    ],
    ['a key nobody knows', { colour: 'red' }, 400, 'Invalid input for field/attribute server. Value: '],
    ['networks of no kind', { networks: 'some' }, 400, 'Invalid input for field/attribute networks.'],
  ])('is refused with %s', async (_what, server, status, message) => {
    const [actual, text] = messageOf(await create(server));
    expect([actual, text]).toEqual([status, expect.stringContaining(message)]);
    expect((await maker()('GET', '/servers')).body.servers).toEqual([]);
  });

  test.each<[string, object, string]>([
    ['a host before its time', { host: 'known' }, '2.73'],
    ['a hostname before its time', { hostname: 'web' }, '2.89'],
    ['a full hostname before its time', { hostname: 'web.example.org' }, '2.93'],
    ['a description before its time', { description: 'x', networks: undefined }, '2.18'],
    ['tags before their time', { tags: ['x'] }, '2.51'],
    ['too many tags', { tags: Array.from({ length: 51 }, (_, index) => `${index}`) }, '2.52'],
    ['no networks where some must be named', { networks: undefined }, '2.37'],
    ['a hostname for two', { hostname: 'web', max_count: 2 }, '2.90'],
  ])('is refused with %s', async (_what, server, version) => {
    expect((await create(server, version)).status).toBe(400);
  });

  test('on a host that is named is for administrators, and the host must be known', async () => {
    const ops = api.as('maker.admin');
    expect([
      (await create({ host: 'known' }, '2.74')).status,
      messageOf(await create({ host: 'none' }, '2.74', ops)),
      messageOf(await create({ availability_zone: 'nova:none' }, '2.74', ops)),
      messageOf(await create({ hypervisor_hostname: 'none' }, '2.74', ops)),
      (await create({ host: 'known', availability_zone: 'nova:known' }, '2.74', ops)).status,
      (await create({ host: 'known', hypervisor_hostname: 'known' }, '2.74', ops)).status,
      (await create({ availability_zone: 'nova:known:known' }, '2.74', ops)).status,
    ]).toEqual([
      403,
      [400, 'Compute host none could not be found.'],
      [400, 'Compute host none could not be found.'],
      [400, 'Compute host none could not be found.'],
      400,
      202,
      202,
    ]);
  });

  test('takes the only network there is, and refuses to choose among several', async () => {
    expect((await create({ networks: undefined }, '2.36')).status).toBe(202);
    api.neighbours.networks.push({ ...network, id: uuidOf(6), name: 'second' });
    expect(messageOf(await create({ networks: undefined }, '2.36'))).toEqual([
      409,
      'Multiple possible networks found, use a Network ID to be more specific.',
    ]);
    api.neighbours.networks.pop();
    api.neighbours.portQuota = { limit: 1, used: 1 };
    expect(messageOf(await create({ networks: 'auto' }))).toEqual([403, 'Maximum number of ports exceeded']);
    api.neighbours.portQuota = null;
  });

  test('has a network made for a project without one, where there is a way out', async () => {
    const kept = api.neighbours.networks.splice(0);
    const refused = messageOf(await create({ networks: 'auto' }));
    api.neighbours.networks.push({ ...network, id: uuidOf(7), projectId: 'ops', shared: false, external: true });
    const made = await create({ networks: 'auto' });
    api.neighbours.networks.splice(0, 1, ...kept);
    expect(refused).toEqual([400, 'Unable to automatically allocate a network for project maker']);
    expect([made.status, (await requestSpecOf(api.stores, made.body.server.id))?.requestedNetworks]).toEqual([202, 'auto']);
    await maker()('DELETE', `/servers/${made.body.server.id}`);
  });

  test('is changed where it is, also when it is placed between being found and being changed', async () => {
    const { id } = (await create({})).body.server;
    const found = (await findInstance(api.stores, id))!;
    const to = api.stores.defaultCell.id;
    await moveInstances(api.stores, { ids: [id], to, also: () => Promise.resolve() });
    const rename = () => inItsCell(api.stores, found, (database) => updateInstance(database, id, { name: 'moved' }));
    expect((await rename())?.name).toBe('moved');
    await markDeleted(api.stores.cell(to), id);
    expect(await rename()).toBe(null);
  });

  test('stays within the quota of the project, and says what is over', async () => {
    expect(messageOf(await create({ min_count: 4 }))).toEqual([
      403,
      'Quota exceeded for cores: Requested 8, but already used 0 of 6 cores',
    ]);
    expect(messageOf(await create({ min_count: 5 }))).toEqual([
      403,
      'Quota exceeded for instances, cores: Requested 5, 10, but already used 0, 0 of 4, 6 instances, cores',
    ]);
    expect((await create({ min_count: 1, max_count: 9 })).status).toBe(202);
    expect((await maker()('GET', '/servers')).body.servers).toHaveLength(3); // as many as there is room for
    expect(messageOf(await create({}))).toEqual([403, 'Quota exceeded for cores: Requested 2, but already used 6 of 6 cores']);
  });

  test('cannot slip past the quota by asking at once', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => create({})));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 202, 202, 403, 403]);
  });

  test('stays within the quota of a user who has one', async () => {
    const put = (quota_set: object) => admin('PUT', '/os-quota-sets/maker?user_id=maker.member', { body: { quota_set } });
    await put({ instances: 1 });
    expect([(await create({})).status, messageOf(await create({})), (await create({}, '2.37', api.as('maker.manager'))).status]).toEqual([
      202,
      [403, 'Quota exceeded for instances: Requested 1, but already used 1 of 1 instances'],
      202,
    ]);
    await admin('DELETE', '/os-quota-sets/maker?user_id=maker.member');
  });

  test('puts it into the server group of its hint, as long as there is room', async () => {
    const group = await createServerGroup(
      api.stores.api,
      { id: crypto.randomUUID(), name: 'g', projectId: 'maker', userId: 'x', policy: 'affinity', rules: {} },
      -1,
    );
    const into = (id: string, server: object = {}) => create(server, '2.71', maker(), { 'os:scheduler_hints': { group: id } });
    const { body } = await into(group!.id);
    expect((await maker()('GET', `/servers/${body.server.id as InstanceId}`, { version: '2.71' })).body.server.server_groups).toEqual([
      group!.id,
    ]);
    expect((await maker()('GET', `/os-server-groups/${group!.id}`)).body.server_group.members).toEqual([body.server.id]);
    expect(messageOf(await into(group!.id, { min_count: 2 }))).toEqual([403, 'Quota exceeded, too many servers in group']);
    expect(messageOf(await into(uuidOf(9)))).toEqual([400, `Instance group ${uuidOf(9)} could not be found.`]);
    const foreign = await createServerGroup(
      api.stores.api,
      { id: crypto.randomUUID(), name: 'g', projectId: 'beta', userId: 'x', policy: 'affinity', rules: {} },
      -1,
    );
    expect((await into(foreign!.id)).status).toBe(400);
  });

  test('is deleted again by its owner, also twice', async () => {
    const { body } = await create({});
    const path = `/servers/${body.server.id}`;
    expect([
      (await maker()('DELETE', path)).status,
      (await maker()('DELETE', path)).status,
      (await maker()('GET', path)).body.server['OS-EXT-STS:task_state'],
    ]).toEqual([204, 204, 'deleting']);
  });
});

function uuidOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}
