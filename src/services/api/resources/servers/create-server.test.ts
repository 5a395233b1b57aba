import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sampleImage, sampleNetwork } from '../../../../../test/support/samples.ts';
import type { InstanceId } from '../../../../domain/instance.ts';
import { findInstance, inItsCell, markDeleted, updateInstance } from '../../../../store/instances.ts';
import { requestSpecOf } from '../../../../store/mappings.ts';
import { moveInstances } from '../../../../store/move-instances.ts';
import { createServerGroup } from '../../../../store/server-groups.ts';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';

let api: ApiUnderTest;
let admin: Ask;
beforeAll(async () => {
  api = await startApiUnderTest('[quota]\ninstances = 4\ncores = 6\nmetadata_items = 2\nserver_group_members = 2\n');
  admin = api.as('ops.admin');
});
afterAll(() => api[Symbol.asyncDispose]());

describe('creating a server', () => {
  const imageId = '22222222-2222-4222-8222-222222222222';
  const networkId = '33333333-3333-4333-8333-333333333333';
  const image = sampleImage({
    id: imageId,
    owner: null,
    diskFormat: 'raw',
    size: 1024,
    minRam: 128,
    minDisk: 1,
    createdAt: '',
    updatedAt: '',
  });
  const network = sampleNetwork({ id: networkId, name: 'private', projectId: 'maker', mtu: null, subnetIds: ['s'] });
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

  test('what resizes will take counts from when they are accepted, and two at once cannot slip past the quota', async () => {
    await api.flavor({ flavorId: 'four', name: 'four', vcpus: 4, memoryMb: 256 });
    const at = { projectId: 'maker', userId: 'maker.member', host: 'known', node: 'known' };
    const servers = [await api.server(at), await api.server(at), await api.server(at)];
    const had = servers.reduce((sum, { flavor }) => sum + flavor.vcpus, 0);
    const resize = ({ id }: { readonly id: string }) =>
      maker()('POST', `/servers/${id}/action`, { version: '2.37', body: { resize: { flavorRef: 'four' } } });
    const answers = await Promise.all(servers.map(resize));
    expect([had, ...answers.map(({ status }) => status).toSorted()]).toEqual([3, 202, 403, 403]);
    expect(answers.map(messageOf)).toContainEqual([403, 'Quota exceeded for cores: Requested 3, but already used 6 of 6 cores']);
    expect(messageOf(await create({}))).toEqual([403, 'Quota exceeded for cores: Requested 2, but already used 6 of 6 cores']);
    await api.stores.defaultCell.database.deleteFrom('sagas').execute();
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
