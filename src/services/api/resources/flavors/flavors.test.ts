import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
let member: Ask;
let stranger: Ask;
beforeAll(async () => {
  api = await startApiUnderTest();
  [admin, member, stranger] = [api.as('ops.admin'), api.as('alpha.member'), api.as('beta.member')];
});
afterAll(() => api[Symbol.asyncDispose]());

const wanted = { name: 'wide', id: 'wide', ram: 2048, vcpus: '4', disk: 20, 'OS-FLV-EXT-DATA:ephemeral': 5, swap: 512, rxtx_factor: '2.5' };

describe('a flavor', () => {
  test('is created by administrators, and shown as each microversion shows it', async () => {
    const created = await admin('POST', '/flavors', { body: { flavor: wanted } });
    const shown = {
      id: 'wide',
      name: 'wide',
      ram: 2048,
      vcpus: 4,
      disk: 20,
      swap: 512,
      'OS-FLV-EXT-DATA:ephemeral': 5,
      'os-flavor-access:is_public': true,
    };
    const old = { ...shown, rxtx_factor: 2.5, 'OS-FLV-DISABLED:disabled': false };
    const links = [
      { rel: 'self', href: 'http://localhost:80/v2.1/flavors/wide' },
      { rel: 'bookmark', href: 'http://localhost:80/flavors/wide' },
    ];
    expect(created).toMatchObject({ status: 200, body: { flavor: { ...old, links } } });
    const at = async (version: string) => (await member('GET', '/flavors/wide', { version })).body.flavor;
    expect(await at('2.54')).toEqual({ ...old, links });
    expect(await at('2.55')).toEqual({ ...old, links, description: null });
    expect(await at('2.61')).toEqual({ ...old, links, description: null, extra_specs: {} });
    expect(await at('2.102')).toEqual({ ...shown, links, description: null, extra_specs: {} });
  });

  test('gets a UUID when no id is asked for, and 0 of what is not asked for', async () => {
    const { status, body } = await admin('POST', '/flavors', { body: { flavor: { name: 'plain', ram: 1, vcpus: 1, disk: 0, id: null } } });
    expect({ status, flavor: body.flavor }).toMatchObject({
      status: 200,
      flavor: { id: expect.stringMatching(/^[0-9a-f-]{36}$/), swap: '', 'OS-FLV-EXT-DATA:ephemeral': 0, rxtx_factor: 1 },
    });
    expect((await admin('GET', `/flavors/${body.flavor.id}`, { version: '2.75' })).body.flavor.swap).toBe(0);
  });

  test.each([
    ['an id that is taken', { ...wanted, name: 'other' }, 409, 'Flavor with ID wide already exists.'],
    ['a name that is taken', { ...wanted, id: 'other' }, 409, 'Flavor with name wide already exists.'],
    ['an id with a slash', { ...wanted, id: 'a/b', name: 'x' }, 400, 'Invalid input for field/attribute id.'],
    ['no memory', { ...wanted, ram: 0 }, 400, 'Invalid input for field/attribute ram.'],
    ['more processors than a column holds', { ...wanted, vcpus: '2147483648' }, 400, 'Invalid input for field/attribute vcpus.'],
    ['a negative swap', { ...wanted, swap: -1 }, 400, 'Invalid input for field/attribute swap.'],
    ['no name', { ...wanted, name: undefined }, 400, "'name' is a required property"],
    ['a name with outer spaces', { ...wanted, name: ' x' }, 400, "An invalid 'name' value was provided."],
    ['a key nobody knows', { ...wanted, colour: 'red' }, 400, "Additional properties are not allowed ('colour' was unexpected)"],
    ['a factor of nothing', { ...wanted, rxtx_factor: 0 }, 400, 'Invalid input for field/attribute rxtx_factor.'],
    [
      'a description before its time',
      { ...wanted, description: 'x' },
      400,
      "Additional properties are not allowed ('description' was unexpected)",
    ],
  ])('is refused with %s', async (_what, flavor, status, message) => {
    const answer = await admin('POST', '/flavors', { body: { flavor } });
    expect({ status: answer.status, message: Object.values<{ message: string }>(answer.body)[0]?.message }).toEqual({
      status,
      message: expect.stringContaining(message),
    });
  });

  test('has no rxtx_factor since 2.102', async () => {
    expect((await admin('POST', '/flavors', { version: '2.102', body: { flavor: { ...wanted, id: 'late', name: 'late' } } })).status).toBe(
      400,
    );
  });

  test('can be described since 2.55, and nothing else of it changed', async () => {
    expect((await admin('PUT', '/flavors/wide', { version: '2.54', body: { flavor: { description: 'broad' } } })).status).toBe(404);
    expect((await admin('PUT', '/flavors/wide', { version: '2.55', body: { flavor: { ram: 1 } } })).status).toBe(400);
    expect(await admin('PUT', '/flavors/wide', { version: '2.55', body: { flavor: { description: 'broad' } } })).toMatchObject({
      status: 200,
      body: { flavor: { description: 'broad', id: 'wide' } },
    });
    expect((await admin('PUT', '/flavors/none', { version: '2.55', body: { flavor: { description: null } } })).status).toBe(404);
  });

  test('is deleted once', async () => {
    await api.flavor({ flavorId: 'brief', name: 'brief' });
    const statuses = [
      await admin('DELETE', '/flavors/brief'),
      await admin('DELETE', '/flavors/brief'),
      await member('GET', '/flavors/brief'),
    ].map(({ status }) => status);
    expect(statuses).toEqual([202, 404, 404]);
  });
});

describe('lists of flavors', () => {
  let own: ApiUnderTest;
  const ids = async (who: string, path: string, version = '2.1') => {
    const { status, body } = await own.as(who)('GET', path, { version });
    return status === 200 ? (body.flavors as { id: string }[]).map(({ id }) => id) : status;
  };
  beforeAll(async () => {
    own = await startApiUnderTest('[api]\nmax_limit = 3\n');
    for (const [flavorId, memoryMb, rootGb] of [
      ['b', 200, 1],
      ['a', 300, 2],
      ['c', 100, 3],
    ] as const)
      await own.flavor({ flavorId, name: `name-${flavorId}`, memoryMb, rootGb });
    await own.flavor({ flavorId: 'secret', name: 'secret', isPublic: false });
    expect((await own.as('ops.admin')('POST', '/flavors/secret/action', { body: { addTenantAccess: { tenant: 'alpha' } } })).status).toBe(
      200,
    );
  });
  afterAll(() => own[Symbol.asyncDispose]());

  test.each([
    ['/flavors', ['a', 'b', 'c']],
    ['/flavors/detail?limit=2', ['a', 'b']],
    ['/flavors?limit=2&marker=b', ['c', 'secret']],
    ['/flavors?marker=secret', []],
    ['/flavors?limit=0', []],
    ['/flavors?sort_key=memory_mb', ['c', 'b', 'a']],
    ['/flavors?sort_key=memory_mb&sort_dir=desc&marker=a&limit=1', ['b']],
    ['/flavors?sort_key=updated_at&marker=b&limit=1', ['a']],
    ['/flavors?minRam=200', ['a', 'b', 'secret']],
    ['/flavors?minDisk=3', ['c']],
    ['/flavors?is_public=false', ['a', 'b', 'c']],
    ['/flavors?marker=none', 400],
    ['/flavors?limit=-1', 400],
    ['/flavors?minRam=lots', 400],
    ['/flavors?sort_key=colour', 400],
    ['/flavors?sort_dir=up', 400],
    ['/flavors?colour=red', ['a', 'b', 'c']],
  ])('%s gives %j to a member of a project with access', async (path, expected) => {
    expect(await ids('alpha.member', path)).toEqual(expected);
  });

  test.each([
    ['/flavors?is_public=none&marker=a', ['b', 'c', 'secret']],
    ['/flavors?is_public=no', ['secret']],
    ['/flavors', ['a', 'b', 'c']],
    ['/flavors?marker=b', ['c']],
    ['/flavors?is_public=perhaps', 400],
  ])('%s gives %j to an administrator', async (path, expected) => {
    expect(await ids('ops.admin', path)).toEqual(expected);
  });

  test('refuse unknown parameters since 2.75, and filter by name since 2.102', async () => {
    expect([
      await ids('alpha.member', '/flavors?colour=red', '2.75'),
      await ids('alpha.member', '/flavors?name=.*-B$', '2.102'),
      await ids('alpha.member', '/flavors?name=(', '2.102'),
    ]).toEqual([400, ['b'], 400]);
  });

  test('link to the next page while pages are full', async () => {
    const { body } = await own.as('alpha.member')('GET', '/flavors?limit=2&minRam=1');
    expect(body.flavors_links).toEqual([{ rel: 'next', href: 'http://localhost:80/v2.1/flavors?limit=2&minRam=1&marker=b' }]);
    expect((await own.as('alpha.member')('GET', '/flavors?marker=b')).body.flavors_links).toBeUndefined();
  });
});

describe('access to a private flavor', () => {
  beforeAll(() => api.flavor({ flavorId: 'closed', name: 'closed', isPublic: false }));

  test('is given and taken by administrators', async () => {
    const access = (key: string) => admin('POST', '/flavors/closed/action', { body: { [key]: { tenant: 'alpha' } } });
    expect((await member('GET', '/flavors/closed')).status).toBe(404);
    expect(await access('addTenantAccess')).toMatchObject({
      status: 200,
      body: { flavor_access: [{ flavor_id: 'closed', tenant_id: 'alpha' }] },
    });
    expect((await access('addTenantAccess')).status).toBe(409);
    expect([(await member('GET', '/flavors/closed')).status, (await stranger('GET', '/flavors/closed')).status]).toEqual([200, 404]);
    expect((await admin('GET', '/flavors/closed/os-flavor-access')).body).toEqual({
      flavor_access: [{ flavor_id: 'closed', tenant_id: 'alpha' }],
    });
    expect(await access('removeTenantAccess')).toMatchObject({ status: 200, body: { flavor_access: [] } });
    expect((await access('removeTenantAccess')).status).toBe(404);
  });

  test('is not for public flavors since 2.7, nor for projects that do not exist', async () => {
    const give = (flavor: string, version: string) =>
      admin('POST', `/flavors/${flavor}/action`, { version, body: { addTenantAccess: { tenant: 'alpha' } } });
    expect([
      (await give('wide', '2.6')).status,
      (await give('wide', '2.7')).status,
      (await admin('GET', '/flavors/wide/os-flavor-access')).status,
    ]).toEqual([200, 409, 404]);
    api.neighbours.projects = new Set(['beta']);
    expect((await give('closed', '2.1')).status).toBe(400);
    api.neighbours.projects = null;
  });
});

describe('extra specs', () => {
  const path = '/flavors/wide/os-extra_specs';

  test('are merged, shown and removed one by one', async () => {
    expect((await admin('POST', path, { body: { extra_specs: { 'hw:numa_nodes': 2, colour: 'red' } } })).body).toEqual({
      extra_specs: { 'hw:numa_nodes': '2', colour: 'red' },
    });
    expect((await admin('PUT', `${path}/colour`, { body: { colour: 'blue' } })).body).toEqual({ colour: 'blue' });
    expect((await member('GET', path)).body).toEqual({ extra_specs: { 'hw:numa_nodes': '2', colour: 'blue' } });
    expect((await member('GET', `${path}/colour`)).body).toEqual({ colour: 'blue' });
    expect([
      (await admin('DELETE', `${path}/colour`)).status,
      (await admin('DELETE', `${path}/colour`)).status,
      (await member('GET', `${path}/toString`)).status,
    ]).toEqual([200, 404, 404]);
    expect((await member('GET', '/flavors/wide', { version: '2.61' })).body.flavor.extra_specs).toEqual({ 'hw:numa_nodes': '2' });
  });

  test.each([
    ['another key than the path', 'PUT', `${path}/a`, { b: '1' }],
    ['two keys', 'PUT', `${path}/a`, { a: '1', b: '2' }],
    ['a key with a slash', 'POST', path, { extra_specs: { 'a/b': '1' } }],
    ['a value that is no text', 'POST', path, { extra_specs: { a: { b: 1 } } }],
  ] as const)('are refused with %s', async (_what, method, at, body) => {
    expect((await admin(method, at, { body })).status).toBe(400);
  });

  test.each([
    ['hw:cpu_policy', 'dedicated', 200],
    ['hw:cpu_policy', 'exclusive', 400],
    ['hw:colour', 'red', 400],
    ['hw:numa_mem.1', '512', 200],
    ['hw:numa_nodes', '0', 400],
    ['resources:CUSTOM_GPU', '1', 200],
    ['resources_NET:VGPU', 'one', 400],
    ['resources:GPU', '1', 400],
    ['trait:CUSTOM_FAST', 'forbidden', 200],
    ['trait:HW_CPU_FAST', 'required', 400],
    ['trait:HW_CPU_X86_AVX', 'required', 200],
    ['trait1:HW_CPU_X86_AVX', 'preferred', 400],
    ['quota:disk_read_bytes_sec', '-1', 400],
    ['capabilities:cpu_info:arch', 'x86_64', 200],
    ['hide_hypervisor_id', 'perhaps', 400],
    ['mine:anything', 'goes', 200],
    ['anything', 'goes', 200],
    ['constructor:x', 'goes', 200],
  ])('%s = %s is %i since 2.86', async (key, value, status) => {
    await api.flavor({ flavorId: 'judged', name: 'judged' }).catch(() => undefined);
    const put = (version: string) => admin('PUT', `/flavors/judged/os-extra_specs/${key}`, { version, body: { [key]: value } });
    expect([(await put('2.85')).status, (await put('2.86')).status]).toEqual([200, status]);
  });
});
