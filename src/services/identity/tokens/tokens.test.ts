import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  adminPassword,
  novaPassword,
  onProject,
  passwordLogin,
  startIdentityUnderTest,
  type Asked,
  type IdentityUnderTest,
} from '../identity-under-test.ts';
import { systemClock } from '../../../lib/clock.ts';
import { waitUntil } from '../../../lib/retry.ts';
import { revoke } from '../revocations.ts';

let identity: IdentityUnderTest;
beforeAll(async () => void (identity = await startIdentityUnderTest()));
afterAll(() => identity[Symbol.asyncDispose]());

const logIn = (body: unknown): Promise<Asked> => identity.ask('POST', '/v3/auth/tokens', { body });
const withToken = (token: string, scope?: unknown): unknown => ({
  auth: { identity: { methods: ['token'], token: { id: token } }, ...(scope === undefined ? {} : { scope }) },
});
const names = (roles: readonly { readonly name: string }[]): string[] => roles.map(({ name }) => name);
const refusal = { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' };

describe('a password log-in', () => {
  test('gives a token for a project with expanded roles and the catalog', async () => {
    const { status, headers, json } = await logIn(passwordLogin('admin', adminPassword, onProject('admin')));
    expect(status).toBe(201);
    expect(headers).toMatchObject({ 'x-subject-token': expect.stringMatching(/^kn1\./), vary: 'X-Auth-Token' });
    const { token } = json;
    expect(token).toMatchObject({
      methods: ['password'],
      user: { name: 'admin', domain: { id: 'default', name: 'Default' }, password_expires_at: null },
      project: { name: 'admin', domain: { id: 'default', name: 'Default' } },
      is_domain: false,
    });
    expect(names(token.roles)).toEqual(['admin', 'manager', 'member', 'reader']);
    expect(token.catalog.map((service: { type: string }) => service.type)).toEqual(['compute', 'identity', 'volumev3']);
    expect(token.catalog[2].endpoints[0].url).toBe(`http://127.0.0.1:8776/v3/${token.project.id}`);
    expect(Date.parse(token.expires_at) - Date.parse(token.issued_at)).toBe(3600_000);
    expect(token.expires_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  test('names users and projects by id as well', async () => {
    const { userId, projectId, password } = await identity.person();
    const { json } = await logIn({
      auth: { identity: { methods: ['password'], password: { user: { id: userId, password } } }, scope: { project: { id: projectId } } },
    });
    expect([json.token.user.id, json.token.project.id, names(json.token.roles)]).toEqual([userId, projectId, ['member', 'reader']]);
  });

  test('gives the scope that is asked for: the system, a domain, none, or the default project', async () => {
    const { userId, userName, password, projectId } = await identity.person();
    const admin = await identity.adminToken();
    const bare = await logIn(passwordLogin(userName, password));
    await identity.ask('PUT', `/v3/domains/default/users/${userId}/roles/${await identity.roleId('manager')}`, { token: admin });
    await identity.ask('PATCH', `/v3/users/${userId}`, { token: admin, body: { user: { default_project_id: projectId } } });
    const byDefault = await logIn(passwordLogin(userName, password));
    const onDomain = await logIn(passwordLogin(userName, password, { domain: { name: 'Default' } }));
    const unscoped = await logIn(passwordLogin(userName, password, 'unscoped'));
    const onSystem = await logIn(passwordLogin('admin', adminPassword, { system: { all: true } }));
    expect(bare.json.token).not.toHaveProperty('project');
    expect(bare.json.token).not.toHaveProperty('catalog');
    expect(byDefault.json.token.project.id).toBe(projectId);
    expect([onDomain.json.token.domain, names(onDomain.json.token.roles)]).toEqual([
      { id: 'default', name: 'Default' },
      ['manager', 'member', 'reader'],
    ]);
    expect(unscoped.json.token).not.toHaveProperty('roles');
    expect(onSystem.json.token.system).toEqual({ all: true });
  });

  test('answers the same to everything that fails', async () => {
    const { userName, password, userId } = await identity.person();
    const { userName: disabled, password: theirs, userId: disabledId } = await identity.person();
    await identity.ask('PATCH', `/v3/users/${disabledId}`, { token: await identity.adminToken(), body: { user: { enabled: false } } });
    const answers = await Promise.all([
      logIn(passwordLogin(userName, 'wrong')),
      logIn(passwordLogin('nobody', 'wrong')),
      logIn(passwordLogin(disabled, theirs)),
      logIn(passwordLogin(userName, password, onProject('nowhere'))),
      logIn(passwordLogin(userName, password, onProject('admin'))),
      logIn(passwordLogin(userName, password, { domain: { id: 'default' } })),
      logIn(passwordLogin(userName, password, { system: { all: true } })),
      logIn(passwordLogin('nova', novaPassword, onProject('demo'))),
      logIn({ auth: { identity: { methods: ['password'] } } }),
      logIn({ auth: { identity: { methods: ['totp'] } } }),
      logIn({
        auth: {
          identity: {
            methods: ['password', 'token'],
            password: { user: { id: userId, password } },
            token: { id: await identity.adminToken() },
          },
        },
      }),
      logIn(withToken('kn1.x.y.z')),
    ]);
    expect(answers.map(({ status, json }) => ({ status, json }))).toEqual(answers.map(() => ({ status: 401, json: { error: refusal } })));
  });

  test('is refused for a while after too many failures, known user or not, and nobody else with it', async () => {
    const [victim, bystander] = [await identity.person(), await identity.person()];
    for (const name of [victim.userName, 'no-such-person']) for (let i = 0; i < 5; i++) await logIn(passwordLogin(name, 'wrong'));
    const locked = await logIn(passwordLogin(victim.userName, victim.password));
    expect([locked.status, locked.json.error]).toEqual([401, refusal]);
    expect((await logIn(passwordLogin(bystander.userName, bystander.password))).status).toBe(201);
    identity.clock.advance(61_000);
    expect((await logIn(passwordLogin(victim.userName, victim.password))).status).toBe(201);
  });

  test.each<[string, number, object]>([
    ['a body that is no object', 400, { raw: '[]' }],
    ['a body without auth', 400, { body: {} }],
    ['a hundred thousand methods', 413, { body: { auth: { identity: { methods: Array(100_000).fill('password') } } } }],
    ['fifty methods', 400, { body: { auth: { identity: { methods: Array(50).fill('password') } } } }],
    ['a megabyte of password', 413, { body: passwordLogin('admin', 'x'.repeat(1_000_000)) }],
    ['a long password', 400, { body: passwordLogin('admin', 'x'.repeat(4097)) }],
    [
      'a password that is an object',
      400,
      {
        body: {
          auth: { identity: { methods: ['password'], password: { user: { name: 'admin', domain: { id: 'default' }, password: {} } } } },
        },
      },
    ],
    ['deep JSON', 400, { raw: '{"auth":'.repeat(5000) }],
    [
      'two scopes',
      401,
      { body: passwordLogin('admin', adminPassword, { project: { name: 'admin', domain: { id: 'default' } }, system: { all: true } }) },
    ],
    ['a trust', 401, { body: passwordLogin('admin', adminPassword, { 'OS-TRUST:trust': { id: 'x' } }) }],
    ['a null byte in a name', 400, { body: passwordLogin('ad\0min', adminPassword) }],
  ])('with %s is refused with %i in Keystone’s envelope', async (_what, status, options) => {
    const answer = await identity.ask('POST', '/v3/auth/tokens', options);
    expect([answer.status, answer.json.error.code]).toEqual([status, status]);
  });
});

describe('a token made from a token', () => {
  test('ends when the first one does, however often it is made anew, and belongs to its chain', async () => {
    const person = await identity.person();
    let token = await identity.token(person.userName, person.password);
    const original = await identity.ask('GET', '/v3/auth/tokens', { token, subject: token });
    for (let i = 0; i < 20; i++) {
      identity.clock.advance(1000);
      token = String((await logIn(withToken(token, { project: { id: person.projectId } }))).headers['x-subject-token']);
    }
    const last = await identity.ask('GET', '/v3/auth/tokens', { token, subject: token });
    expect(last.json.token).toMatchObject({ expires_at: original.json.token.expires_at, methods: ['password', 'token'] });
    expect(last.json.token.audit_ids[1]).toBe(original.json.token.audit_ids[0]);
  });

  test('is not given for one that has ended', async () => {
    const person = await identity.person();
    const token = await person.token();
    identity.clock.advance(3600_000);
    expect((await logIn(withToken(token))).status).toBe(401);
  });
});

describe('GET /v3/auth/tokens', () => {
  test('shows a token to its user, to services and to administrators, and to nobody else', async () => {
    const [ada, bob] = [await identity.person(), await identity.person()];
    const subject = await ada.token();
    const nova = await identity.token('nova', novaPassword, onProject('service'));
    const proxy = await identity.token('metadata-proxy', 'proxy-secret', onProject('service'));
    const statuses = await Promise.all(
      [subject, nova, proxy, await identity.adminToken(), await bob.token()].map(
        async (token) => (await identity.ask('GET', '/v3/auth/tokens', { token, subject })).status,
      ),
    );
    expect(statuses).toEqual([200, 200, 200, 200, 403]);
  });

  test('answers with the token in its header, with no body to HEAD and no catalog when not wanted', async () => {
    const token = await identity.adminToken();
    const [head, brief] = await Promise.all([
      identity.ask('HEAD', '/v3/auth/tokens', { token, subject: token }),
      identity.ask('GET', '/v3/auth/tokens?nocatalog', { token, subject: token }),
    ]);
    expect([head.status, head.json, head.headers['x-subject-token']]).toEqual([200, undefined, token]);
    expect(brief.json.token).not.toHaveProperty('catalog');
  });

  test('does not find what is no token, and shows an expired one to services alone', async () => {
    const person = await identity.person();
    const old = await person.token();
    identity.clock.advance(3601_000);
    const service = await identity.token('nova', novaPassword, onProject('service'));
    const own = await person.token();
    const statuses = await Promise.all([
      identity.ask('GET', '/v3/auth/tokens', { token: service, subject: 'nonsense' }),
      identity.ask('GET', '/v3/auth/tokens', { token: service }),
      identity.ask('GET', '/v3/auth/tokens', { token: service, subject: old }),
      identity.ask('GET', '/v3/auth/tokens?allow_expired=1', { token: service, subject: old }),
      identity.ask('GET', '/v3/auth/tokens?allow_expired=1', { token: own, subject: old }),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([404, 404, 404, 200, 404]);
  });
});

describe('what ends a token at once', () => {
  interface Ending {
    readonly person: Awaited<ReturnType<IdentityUnderTest['person']>>;
    readonly token: string;
    readonly admin: string;
  }
  const patch =
    (path: string, key: string, change: unknown) =>
    ({ admin }: Ending) =>
      identity.ask('PATCH', path, { token: admin, body: { [key]: change } });
  const endings: Readonly<Record<string, (ending: Ending) => Promise<unknown>>> = {
    'its own deletion': ({ token }) => identity.ask('DELETE', '/v3/auth/tokens', { token, subject: token }),
    'its deletion by an administrator': ({ token, admin }) => identity.ask('DELETE', '/v3/auth/tokens', { token: admin, subject: token }),
    'the end of its user': ({ person, admin }) => identity.ask('DELETE', `/v3/users/${person.userId}`, { token: admin }),
    'its user being disabled': (ending) => patch(`/v3/users/${ending.person.userId}`, 'user', { enabled: false })(ending),
    'a new password set by an administrator': (ending) =>
      patch(`/v3/users/${ending.person.userId}`, 'user', { password: 'another' })(ending),
    'a new password set by its user': ({ person }) =>
      identity.ask('POST', `/v3/users/${person.userId}/password`, {
        body: { user: { original_password: person.password, password: 'another' } },
      }),
    'the loss of a role': async ({ person, admin }) =>
      identity.ask('DELETE', `/v3/projects/${person.projectId}/users/${person.userId}/roles/${await identity.roleId('member')}`, {
        token: admin,
      }),
    'its project being disabled': (ending) => patch(`/v3/projects/${ending.person.projectId}`, 'project', { enabled: false })(ending),
    'the end of its project': ({ person, admin }) => identity.ask('DELETE', `/v3/projects/${person.projectId}`, { token: admin }),
  };
  test.each(Object.keys(endings))('%s', async (what) => {
    const person = await identity.person();
    const bystander = await identity.person();
    const [token, theirs, admin] = [await person.token(), await bystander.token(), await identity.adminToken()];
    const status = async (with_: string): Promise<number> => (await identity.ask('GET', '/v3/auth/projects', { token: with_ })).status;
    expect([await status(token), await status(theirs)]).toEqual([200, 200]);
    await endings[what]?.({ person, token, admin });
    expect([await status(token), await status(theirs)]).toEqual([401, 200]);
  });

  test('leaving a group, the end of a role, and the end of a domain', async () => {
    const admin = await identity.adminToken();
    const make = async (path: string, key: string, body: unknown): Promise<string> =>
      String((await identity.ask('POST', path, { token: admin, body: { [key]: body } })).json[key].id);
    const domain = await make('/v3/domains', 'domain', { name: 'elsewhere' });
    const role = await make('/v3/roles', 'role', { name: 'gardener' });
    const user = await make('/v3/users', 'user', { name: 'eve', password: 'eve-password', domain_id: domain });
    const group = await make('/v3/groups', 'group', { name: 'gardeners', domain_id: domain });
    const project = await make('/v3/projects', 'project', { name: 'garden', domain_id: domain });
    const enter = async (): Promise<string> =>
      String(
        (
          await logIn({
            auth: {
              identity: { methods: ['password'], password: { user: { id: user, password: 'eve-password' } } },
              scope: { project: { id: project } },
            },
          })
        ).headers['x-subject-token'],
      );
    const after = async (act: () => Promise<unknown>): Promise<number> => {
      await identity.ask('PUT', `/v3/groups/${group}/users/${user}`, { token: admin });
      const token = await enter();
      expect((await identity.ask('GET', '/v3/auth/projects', { token })).status).toBe(200);
      await act();
      return (await identity.ask('GET', '/v3/auth/projects', { token })).status;
    };
    await identity.ask('PUT', `/v3/projects/${project}/groups/${group}/roles/${role}`, { token: admin });
    await identity.ask('PUT', `/v3/projects/${project}/users/${user}/roles/${await identity.roleId('reader')}`, { token: admin });
    expect([
      await after(() => identity.ask('DELETE', `/v3/groups/${group}/users/${user}`, { token: admin })),
      await after(() => identity.ask('DELETE', `/v3/projects/${project}/groups/${group}/roles/${role}`, { token: admin })),
      await after(() => identity.ask('PATCH', `/v3/domains/${domain}`, { token: admin, body: { domain: { enabled: false } } })),
    ]).toEqual([401, 401, 401]);
  });
});

test('a log-in beside a revocation waits for it, so that no token keeps what is being taken away', async () => {
  const person = await identity.person();
  const { db, clock } = identity.service.deps;
  await person.token(); // from here on the password is remembered, and the log-in goes straight to its roles
  const login = await db.transaction().execute(async (tx) => {
    await tx.deleteFrom('role_assignments').where('actor_id', '=', person.userId).execute();
    await revoke(tx, clock, [{ userId: person.userId, projectId: person.projectId }]);
    const started = logIn(passwordLogin(person.userName, person.password, onProject(person.projectName)));
    await waitUntil(
      async () => {
        const { rows } = await sql<{
          count: number;
        }>`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`.execute(
          db,
        );
        return (rows[0]?.count ?? 0) > 0 ? true : null;
      },
      { clock: systemClock, timeoutMs: 10_000, everyMs: 5, what: 'the wait of the log-in' },
    );
    return { started };
  });
  expect((await login.started).status).toBe(401);
});

test('a token counts only as one X-Auth-Token header: not in the query, not doubled, not under claims of its bearer', async () => {
  const admin = await identity.adminToken();
  const reader = await (await identity.person({ roles: ['reader'] })).token();
  const status = async (headers: Record<string, string | string[]>, url = '/v3/users'): Promise<number> =>
    (await identity.service.app.inject({ method: 'GET', url, headers })).statusCode;
  expect(
    await Promise.all([
      status({}),
      status({ 'x-auth-token': '' }),
      status({}, `/v3/users?x-auth-token=${admin}&token=${admin}`),
      status({ 'x-auth-token': `${admin}, ${admin}` }),
      status({ x_auth_token: admin }),
      status({ 'x-auth-token': 'ü'.repeat(5000) }),
      status({
        'x-auth-token': reader,
        'x-roles': 'admin',
        'x-user-id': 'admin',
        'x-is-admin-project': 'true',
        'x-identity-status': 'Confirmed',
      }),
      status({ 'x-auth-token': admin }),
    ]),
  ).toEqual([401, 401, 401, 401, 401, 401, 403, 200]);
});
