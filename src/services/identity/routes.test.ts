import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startIdentityUnderTest, type IdentityUnderTest } from './identity-under-test.ts';
import { identityRules } from './policy.ts';
import { identityRoutes } from './routes.ts';

let identity: IdentityUnderTest;
let tokens: Readonly<Record<'member' | 'reader' | 'manager' | 'admin', string>>;
beforeAll(async () => {
  identity = await startIdentityUnderTest();
  const of = async (role: string): Promise<string> => (await identity.person({ roles: [role] })).token();
  tokens = { member: await of('member'), reader: await of('reader'), manager: await of('manager'), admin: await identity.adminToken() };
});
afterAll(() => identity[Symbol.asyncDispose]());

/** Bodies that fit, by the key they stand under: what is refused here is refused for who asks. */
const bodies: Readonly<Record<string, unknown>> = {
  tags: ['x'],
  user: { name: 'x', original_password: 'x', password: 'y' },
  service: { type: 'x' },
  endpoint: { service_id: 'x', interface: 'public', url: 'http://x' },
  registered_limits: [{ service_id: 'x', resource_name: 'x', default_limit: 1 }],
  registered_limit: { default_limit: 1 },
  limits: [{ service_id: 'x', resource_name: 'x', resource_limit: 1, project_id: 'x' }],
  limit: { resource_limit: 1 },
};
/** What a person with a role on some project may ask of things that are not theirs. */
const forEverybody = new Set([
  ...['/v3/regions', '/v3/regions/:id', '/v3/registered_limits', '/v3/registered_limits/:id', '/v3/limits'].map((path) => `GET ${path}`),
  'GET /v3/auth/tokens',
  'HEAD /v3/auth/tokens',
  'DELETE /v3/auth/tokens',
]);

const guarded = identityRoutes.filter(({ policy }) => policy !== 'public' && policy !== 'authenticated');

function ask({ method, path, body }: (typeof identityRoutes)[number], token?: string): ReturnType<IdentityUnderTest['ask']> {
  const key = typeof body === 'object' ? body.key : undefined;
  return identity.ask(method, path.replaceAll(/:\w+/g, 'x'), {
    ...(token === undefined ? {} : { token }),
    ...(key === undefined ? {} : { body: { [key]: bodies[key] ?? { name: 'x' } } }),
  });
}

describe('every route', () => {
  test.each(identityRoutes.filter(({ policy }) => policy !== 'public').map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s asks for a token',
    async (_name, route) => {
      expect((await ask(route)).status).toBe(401);
    },
  );

  test.each(
    guarded
      .filter(({ method, path }) => !forEverybody.has(`${method} ${path}`))
      .map((route) => [`${route.method} ${route.path}`, route] as const),
  )('%s refuses those with a role on a project only', async (_name, route) => {
    const mayManage = route.policy === 'identity:list_roles' || route.policy === 'identity:get_role';
    const statuses = await Promise.all(
      [tokens.reader, tokens.member, tokens.manager].map(async (token) => (await ask(route, token)).status),
    );
    expect(statuses.map((status) => (mayManage && status !== 403 ? 'allowed' : status))).toEqual([403, 403, mayManage ? 'allowed' : 403]);
  });

  test.each(guarded.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s does not fail for an administrator',
    async (_name, route) => {
      const owner = route.policy === 'identity:create_application_credential';
      const { status } = await ask(route, tokens.admin);
      expect(owner ? status === 403 : status < 500 && status !== 401 && status !== 403).toBe(true);
    },
  );
});

test('every rule guards something', () => {
  const used = new Set([...identityRoutes.map(({ policy }) => policy), 'identity:list_all_limits']);
  expect(Object.keys(identityRules).filter((rule) => !used.has(rule))).toEqual([]);
});

test('what is not served is not found, in Keystone’s envelope', async () => {
  const { status, json } = await identity.ask('GET', '/v3/nothing', { token: tokens.admin });
  expect({ status, json }).toEqual({
    status: 404,
    json: { error: { code: 404, message: 'The resource could not be found.', title: 'Not Found' } },
  });
});

test('versions are told without a token', async () => {
  const [root, v3, slash, keys] = await Promise.all(['/', '/v3', '/v3/', '/v3/kilonova/keys'].map((path) => identity.ask('GET', path)));
  expect(root).toMatchObject({ status: 300, json: { versions: { values: [{ id: 'v3.14', status: 'stable' }] } } });
  expect(v3).toMatchObject({ status: 200, json: { version: { id: 'v3.14', links: [{ rel: 'self', href: 'http://localhost:80/v3/' }] } } });
  expect(slash?.json).toEqual(v3?.json);
  expect(keys?.json).toEqual({ keys: [{ id: expect.any(String), public_key: expect.stringMatching(/^-----BEGIN PUBLIC KEY-----/) }] });
});
