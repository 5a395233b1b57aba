import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { onProject, startIdentityUnderTest, type Asked, type IdentityUnderTest } from '../identity-under-test.ts';

let identity: IdentityUnderTest;
let admin: string;
beforeAll(async () => void (identity = await startIdentityUnderTest()));
beforeEach(async () => void (admin = await identity.adminToken()));
afterAll(() => identity[Symbol.asyncDispose]());

type Method = Parameters<IdentityUnderTest['ask']>[0];
const ask = (method: Method, path: string, body?: unknown, token = admin): Promise<Asked> =>
  identity.ask(method, `/v3/${path}`, { token, ...(body === undefined ? {} : { body }) });
const made = async (path: string, key: string, body: unknown): Promise<string> =>
  String((await ask('POST', path, { [key]: body })).json[key].id);
let count = 0;
const unique = (what: string): string => `${what}-${++count}`;

describe.each<[string, string, (name: string) => Promise<object>, object, object]>([
  [
    'domain',
    'name',
    async (name) => ({ name }),
    { description: '', enabled: true, tags: [], options: {} },
    { description: 'changed', enabled: false, colour: 'red' },
  ],
  [
    'project',
    'name',
    async (name) => ({ name }),
    { domain_id: 'default', parent_id: 'default', is_domain: false, enabled: true, description: '' },
    { description: 'changed', tags: ['a'], colour: 'red' },
  ],
  [
    'user',
    'name',
    async (name) => ({ name, password: 'secret', email: 'a@b' }),
    { domain_id: 'default', enabled: true, email: 'a@b', password_expires_at: null },
    { name: 'changed', description: 'words' },
  ],
  ['group', 'name', async (name) => ({ name }), { domain_id: 'default', description: '' }, { description: 'changed' }],
  ['role', 'name', async (name) => ({ name }), { domain_id: null, description: '' }, { description: 'changed' }],
  [
    'service',
    'name',
    async (name) => ({ name, type: 'example' }),
    { type: 'example', enabled: true },
    { description: 'changed', enabled: false },
  ],
  [
    'region',
    'parent_region_id',
    async (name) => ({ parent_region_id: await made('regions', 'region', { id: name }) }),
    { description: '' },
    { description: 'changed' },
  ],
  [
    'endpoint',
    'service_id',
    async (name) => ({
      service_id: await made('services', 'service', { name, type: 'example' }),
      interface: 'public',
      url: 'http://example',
      region: 'RegionTwo',
    }),
    { url: 'http://example', region_id: 'RegionTwo', region: 'RegionTwo', enabled: true },
    { url: 'https://example/changed', enabled: false },
  ],
])('a %s', (one, filter, body, shown, change) => {
  const many = `${one}s`;

  test('is created, shown, found by a filter, updated and deleted', async () => {
    const wanted = await body(unique(one));
    const created = await ask('POST', many, { [one]: wanted });
    const resource = created.json[one];
    const links = { self: `http://localhost:80/v3/${many}/${resource.id}` };
    expect([created.status, resource]).toEqual([
      201,
      expect.objectContaining({ ...shown, ...(one === 'endpoint' ? {} : { [filter]: Reflect.get(wanted, filter) as unknown }), links }),
    ]);
    expect(JSON.stringify(resource)).not.toMatch(/secret|scrypt/);
    expect((await ask('GET', `${many}/${resource.id}`)).json[one]).toEqual(resource);
    const found = await ask('GET', `${many}?${filter}=${resource[filter]}`);
    expect(found.json[many]).toEqual([resource]);
    expect(found.json.links).toMatchObject({ next: null, previous: null });
    const updated = await ask('PATCH', `${many}/${resource.id}`, { [one]: change });
    expect([updated.status, updated.json[one]]).toEqual([200, { ...resource, ...change }]);
    expect([(await ask('DELETE', `${many}/${resource.id}`)).status, (await ask('GET', `${many}/${resource.id}`)).status]).toEqual([
      204, 404,
    ]);
  });

  test('cannot have the name of another, be nameless, or be moved', async () => {
    if (filter !== 'name' || one === 'service') return;
    const wanted = await body(unique(one));
    await ask('POST', many, { [one]: wanted });
    expect((await ask('POST', many, { [one]: wanted })).status).toBe(409);
    expect((await ask('POST', many, { [one]: { ...wanted, name: ' ' } })).status).toBe(400);
    expect((await ask('POST', many, { [one]: { ...wanted, name: 'x'.repeat(256) } })).status).toBe(400);
  });
});

describe('projects', () => {
  test('stand below one another, and neither vanish nor are disabled from under those below', async () => {
    const above = await made('projects', 'project', { name: unique('above') });
    const below = await made('projects', 'project', { name: unique('below'), parent_id: above });
    expect((await ask('GET', `projects?parent_id=${above}`)).json.projects.map(({ id }: { id: string }) => id)).toEqual([below]);
    expect((await ask('DELETE', `projects/${above}`)).status).toBe(403);
    expect((await ask('PATCH', `projects/${above}`, { project: { enabled: false } })).status).toBe(403);
    expect((await ask('PATCH', `projects/${below}`, { project: { parent_id: null } })).status).toBe(403);
  });

  test('that are immutable stay so until the mark is taken away', async () => {
    const id = await made('projects', 'project', { name: unique('rock'), options: { immutable: true } });
    expect((await ask('PATCH', `projects/${id}`, { project: { description: 'soft' } })).status).toBe(403);
    expect((await ask('DELETE', `projects/${id}`)).status).toBe(403);
    expect((await ask('PATCH', `projects/${id}`, { project: { options: { immutable: false } } })).status).toBe(200);
    expect((await ask('DELETE', `projects/${id}`)).status).toBe(204);
  });

  test('carry tags, one by one or all at once', async () => {
    const id = await made('projects', 'project', { name: unique('tagged'), tags: ['a'] });
    const steps = [
      await ask('PUT', `projects/${id}/tags/b`),
      await ask('PUT', `projects/${id}/tags/${'x'.repeat(256)}`),
      await ask('GET', `projects/${id}/tags/b`),
      await ask('DELETE', `projects/${id}/tags/a`),
      await ask('GET', `projects/${id}/tags/a`),
    ];
    expect(steps.map(({ status }) => status)).toEqual([201, 400, 204, 204, 404]);
    expect((await ask('GET', `projects/${id}/tags`)).json.tags).toEqual(['b']);
    expect((await ask('PUT', `projects/${id}/tags`, { tags: ['c', 'd'] })).json.tags).toEqual(['c', 'd']);
    expect((await ask('GET', 'projects?tags=c,d')).json.projects.map((project: { id: string }) => project.id)).toEqual([id]);
    expect([(await ask('DELETE', `projects/${id}/tags`)).status, (await ask('GET', `projects/${id}`)).json.project.tags]).toEqual([
      204,
      [],
    ]);
  });

  test('are listed to each user who has a role there, however that came', async () => {
    const person = await identity.person();
    const { userId, projectId } = person;
    const [group, viaGroup, above] = [
      await made('groups', 'group', { name: unique('group') }),
      await made('projects', 'project', { name: unique('via-group') }),
      await made('projects', 'project', { name: unique('above') }),
    ];
    const inherited = await made('projects', 'project', { name: unique('inherited'), parent_id: above });
    const reader = await identity.roleId('reader');
    await ask('PUT', `groups/${group}/users/${userId}`);
    await ask('PUT', `projects/${viaGroup}/groups/${group}/roles/${reader}`);
    await ask('PUT', `OS-INHERIT/projects/${above}/users/${userId}/roles/${reader}/inherited_to_projects`);
    const own = await person.token();
    const ids = async (path: string): Promise<string[]> =>
      (await ask('GET', path, undefined, own)).json.projects.map(({ id }: { id: string }) => id).toSorted();
    const expected = [projectId, viaGroup, inherited].toSorted();
    expect([await ids(`users/${userId}/projects`), await ids('auth/projects')]).toEqual([expected, expected]);
    expect((await ask('GET', `users/${userId}/groups`, undefined, own)).json.groups.map(({ id }: { id: string }) => id)).toEqual([group]);
    expect((await ask('GET', 'auth/system', undefined, own)).json.system).toEqual([]);
  });
});

describe('roles', () => {
  test.each([
    ['project', 'user'],
    ['project', 'group'],
    ['domain', 'user'],
    ['domain', 'group'],
    ['system', 'user'],
    ['system', 'group'],
  ])('on a %s are given to a %s, checked, listed and taken', async (target, actor) => {
    const who = await made(`${actor}s`, actor, { name: unique(actor) });
    const on = target === 'system' ? 'system' : `${target}s/${await made(`${target}s`, target, { name: unique(target) })}`;
    const role = await identity.roleId('member');
    const path = `${on}/${actor}s/${who}/roles`;
    const steps = [
      await ask('HEAD', `${path}/${role}`),
      await ask('PUT', `${path}/${role}`),
      await ask('PUT', `${path}/${role}`),
      await ask('HEAD', `${path}/${role}`),
      await ask('GET', `${path}/${role}`),
    ];
    expect(steps.map(({ status }) => status)).toEqual([404, 204, 204, 204, 204]);
    expect((await ask('GET', path)).json.roles.map(({ name }: { name: string }) => name)).toEqual(['member']);
    const { role_assignments: assignments } = (await ask('GET', `role_assignments?${actor}.id=${who}&include_names`)).json;
    expect(assignments).toMatchObject([
      {
        role: { id: role, name: 'member' },
        [actor]: { id: who, domain: { name: 'Default' } },
        links: { assignment: `http://localhost:80/v3/${path}/${role}` },
      },
    ]);
    expect([await ask('DELETE', `${path}/${role}`), await ask('DELETE', `${path}/${role}`)].map(({ status }) => status)).toEqual([
      204, 404,
    ]);
    expect((await ask('PUT', `${path}/no-such-role`)).status).toBe(404);
  });

  test('imply others, never admin, and the effective assignments show it', async () => {
    const { userId, projectId } = await identity.person({ roles: [] });
    const gardener = await made('roles', 'role', { name: unique('gardener') });
    const [reader, adminRole] = [await identity.roleId('reader'), await identity.roleId('admin')];
    expect((await ask('PUT', `roles/${gardener}/implies/${adminRole}`)).status).toBe(403);
    expect((await ask('PUT', `roles/${gardener}/implies/${reader}`)).status).toBe(201);
    expect((await ask('HEAD', `roles/${gardener}/implies/${reader}`)).status).toBe(204);
    expect((await ask('GET', `roles/${gardener}/implies`)).json.role_inference.implies).toMatchObject([{ id: reader, name: 'reader' }]);
    expect(
      (await ask('GET', 'role_inferences')).json.role_inferences.map((one: { prior_role: { name: string } }) => one.prior_role.name),
    ).toEqual(expect.arrayContaining(['admin', 'manager', 'member']));
    await ask('PUT', `projects/${projectId}/users/${userId}/roles/${gardener}`);
    const effective = (await ask('GET', `role_assignments?user.id=${userId}&effective`)).json.role_assignments;
    expect(effective.map((one: { role: { id: string } }) => one.role.id).toSorted()).toEqual([gardener, reader].toSorted());
    expect((await ask('DELETE', `roles/${gardener}/implies/${reader}`)).status).toBe(204);
    expect((await ask('DELETE', `roles/${adminRole}`)).status).toBe(403);
  });

  test('of a domain’s manager reach over that domain, and no farther than manager', async () => {
    const domain = await made('domains', 'domain', { name: unique('domain') });
    const boss = await made('users', 'user', { name: unique('boss'), password: 'boss-password', domain_id: domain });
    await ask('PUT', `domains/${domain}/users/${boss}/roles/${await identity.roleId('manager')}`);
    const login = await identity.ask('POST', '/v3/auth/tokens', {
      body: {
        auth: {
          identity: { methods: ['password'], password: { user: { id: boss, password: 'boss-password' } } },
          scope: { domain: { id: domain } },
        },
      },
    });
    const token = String(login.headers['x-subject-token']);
    const worker = await ask('POST', 'users', { user: { name: unique('worker') } }, token);
    const project = await ask('POST', 'projects', { project: { name: unique('project') } }, token);
    expect([worker.json.user.domain_id, project.json.project.domain_id]).toEqual([domain, domain]);
    const grant = async (role: string, on: string, user: string): Promise<number> =>
      (await ask('PUT', `projects/${on}/users/${user}/roles/${await identity.roleId(role)}`, undefined, token)).status;
    const stranger = await identity.person();
    const [mine, ours] = [worker.json.user.id, project.json.project.id] as const;
    expect([
      await grant('member', ours, mine),
      await grant('admin', ours, mine),
      await grant('member', stranger.projectId, mine),
      await grant('member', ours, stranger.userId),
    ]).toEqual([204, 403, 403, 403]);
    expect((await ask('POST', 'users', { user: { name: unique('intruder'), domain_id: 'default' } }, token)).status).toBe(403);
    expect((await ask('PATCH', `users/${stranger.userId}`, { user: { password: 'taken over' } }, token)).status).toBe(403);
    expect((await ask('GET', 'users', undefined, token)).json.users.map(({ domain_id }: { domain_id: string }) => domain_id)).toEqual([
      domain,
      domain,
    ]);
    expect((await ask('GET', 'users?domain_id=default', undefined, token)).status).toBe(403);
  });
});

/** Logs in with an application credential. */
const logIn = async (credential: object, scope?: unknown): Promise<Asked> =>
  identity.ask('POST', '/v3/auth/tokens', {
    body: {
      auth: {
        identity: { methods: ['application_credential'], application_credential: credential },
        ...(scope === undefined ? {} : { scope }),
      },
    },
  });

describe('application credentials', () => {
  test('delegate some roles on one project, and nothing else', async () => {
    const person = await identity.person({ roles: ['member'] });
    const token = await person.token();
    const path = `users/${person.userId}/application_credentials`;
    const { status, json } = await ask('POST', path, { application_credential: { name: 'robot', roles: [{ name: 'reader' }] } }, token);
    const { id, secret } = json.application_credential;
    expect([status, json.application_credential]).toMatchObject([
      201,
      { name: 'robot', project_id: person.projectId, unrestricted: false, expires_at: null, roles: [{ name: 'reader' }] },
    ]);
    expect((await ask('GET', `${path}/${id}`, undefined, token)).json.application_credential).not.toHaveProperty('secret');
    const robot = await logIn({ id, secret });
    expect(robot.json.token).toMatchObject({
      methods: ['application_credential'],
      project: { id: person.projectId },
      application_credential: { id, name: 'robot', restricted: true },
    });
    expect(robot.json.token.roles.map(({ name }: { name: string }) => name)).toEqual(['reader']);
    expect((await logIn({ name: 'robot', secret, user: { name: person.userName, domain: { id: 'default' } } })).status).toBe(201);
    const own = String(robot.headers['x-subject-token']);
    const elsewhere = await identity.person();
    expect(
      [
        await logIn({ id, secret: 'wrong' }),
        await logIn({ id, secret }, onProject('admin')),
        await logIn({ id, secret }, { system: { all: true } }),
        await identity.ask('POST', '/v3/auth/tokens', {
          body: { auth: { identity: { methods: ['token'], token: { id: own } }, scope: { project: { id: person.projectId } } } },
        }),
        await ask('POST', path, { application_credential: { name: 'offspring' } }, own),
        await ask('DELETE', `${path}/${id}`, undefined, own),
        await ask('POST', path, { application_credential: { name: 'greedy', roles: [{ name: 'admin' }] } }, token),
        await ask('POST', path, { application_credential: { name: 'other', project_id: elsewhere.projectId } }, token),
        await ask('POST', `users/${elsewhere.userId}/application_credentials`, { application_credential: { name: 'theirs' } }, token),
        await ask('GET', `users/${elsewhere.userId}/application_credentials`, undefined, token),
        await ask('POST', path, { application_credential: { name: 'late', expires_at: '2001-01-01T00:00:00' } }, token),
        await ask(
          'POST',
          path,
          { application_credential: { name: 'ruled', access_rules: [{ path: '/', method: 'GET', service: 'compute' }] } },
          token,
        ),
        await ask('POST', path, { application_credential: { name: 'robot' } }, token),
        await ask('GET', `${path}/nothing`, undefined, token),
      ].map((answer) => answer.status),
    ).toEqual([401, 401, 401, 403, 403, 403, 400, 403, 403, 403, 400, 400, 409, 404]);
    expect((await ask('DELETE', `${path}/${id}`, undefined, token)).status).toBe(204);
    expect([(await ask('GET', 'auth/projects', undefined, own)).status, (await logIn({ id, secret })).status]).toEqual([401, 401]);
  });

  test('end with their time, and hold no role their user has lost', async () => {
    const person = await identity.person({ roles: ['member'] });
    const token = await person.token();
    const path = `users/${person.userId}/application_credentials`;
    const until = new Date(identity.clock.now() + 600_000).toISOString();
    const short = (await ask('POST', path, { application_credential: { name: 'short', secret: 'chosen', expires_at: until } }, token)).json
      .application_credential;
    const long = (await ask('POST', path, { application_credential: { name: 'long' } }, token)).json.application_credential;
    expect(Date.parse((await logIn({ id: short.id, secret: 'chosen' })).json.token.expires_at)).toBe(Date.parse(until));
    identity.clock.advance(601_000);
    expect((await logIn({ id: short.id, secret: 'chosen' })).status).toBe(401);
    admin = await identity.adminToken();
    await ask('DELETE', `projects/${person.projectId}/users/${person.userId}/roles/${await identity.roleId('member')}`);
    expect((await logIn({ id: long.id, secret: long.secret })).status).toBe(401);
  });
});

test('limits override registered ones, are seen by their project, and hold their registered one', async () => {
  const person = await identity.person();
  const service = await made('services', 'service', { type: 'compute-limits', name: 'nova' });
  const registered = (
    await ask('POST', 'registered_limits', { registered_limits: [{ service_id: service, resource_name: 'servers', default_limit: 10 }] })
  ).json.registered_limits[0];
  expect(registered).toMatchObject({
    service_id: service,
    region_id: null,
    resource_name: 'servers',
    default_limit: 10,
    description: null,
  });
  const wanted = { service_id: service, resource_name: 'servers', resource_limit: 3, project_id: person.projectId };
  const limit = (await ask('POST', 'limits', { limits: [wanted] })).json.limits[0];
  expect(limit).toMatchObject({ ...wanted, domain_id: null });
  expect([
    (await ask('POST', 'limits', { limits: [wanted] })).status,
    (await ask('DELETE', `registered_limits/${registered.id}`)).status,
  ]).toEqual([409, 403]);
  expect((await ask('PATCH', `limits/${limit.id}`, { limit: { resource_limit: 4 } })).json.limit.resource_limit).toBe(4);
  const stranger = await identity.person();
  expect((await ask('GET', 'limits', undefined, await person.token())).json.limits).toMatchObject([{ id: limit.id, resource_limit: 4 }]);
  expect((await ask('GET', 'limits', undefined, await stranger.token())).json.limits).toEqual([]);
  expect((await ask('GET', `limits/${limit.id}`, undefined, await stranger.token())).status).toBe(403);
  expect((await ask('GET', 'limits/model')).json.model.name).toBe('flat');
  expect([(await ask('DELETE', `limits/${limit.id}`)).status, (await ask('DELETE', `registered_limits/${registered.id}`)).status]).toEqual([
    204, 204,
  ]);
});
