import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootstrap } from './bootstrap.ts';
import {
  adminPassword,
  novaPassword,
  onProject,
  passwordLogin,
  startIdentityUnderTest,
  type IdentityUnderTest,
} from './identity-under-test.ts';

let identity: IdentityUnderTest;
beforeAll(async () => void (identity = await startIdentityUnderTest()));
afterAll(() => identity[Symbol.asyncDispose]());

test('a second bootstrap changes what differs and leaves the rest', async () => {
  const snapshot = async (): Promise<Record<string, unknown>> => {
    const token = await identity.adminToken();
    const lists = await Promise.all(
      ['users', 'projects', 'roles', 'services', 'endpoints', 'role_assignments', 'role_inferences'].map((path) =>
        identity.ask('GET', `/v3/${path}`, { token }),
      ),
    );
    return Object.assign({}, ...lists.map(({ json: { links: _links, ...list } }) => list)) as Record<string, unknown>;
  };
  const before = await snapshot();
  const nova = await identity.token('nova', novaPassword, onProject('service'));
  const again = (changes: object = {}): Promise<void> =>
    bootstrap(identity.service.deps, {
      adminPassword,
      servicePasswords: { nova: novaPassword, 'metadata-proxy': 'proxy-secret' },
      region: 'RegionOne',
      endpoints: [{ type: 'compute', name: 'nova', url: 'http://127.0.0.1:8774/v2.1' }],
      projects: ['demo'],
      ...changes,
    });
  await Promise.all([again(), again()]);
  expect(await snapshot()).toEqual(before);
  expect((await identity.ask('GET', '/v3/auth/projects', { token: nova })).status).toBe(200);

  await again({
    servicePasswords: { nova: 'a-new-one' },
    endpoints: [{ type: 'compute', name: 'nova', url: 'http://127.0.0.1:1234/v2.1' }],
  });
  expect((await identity.ask('GET', '/v3/auth/projects', { token: nova })).status).toBe(401);
  expect((await identity.ask('POST', '/v3/auth/tokens', { body: passwordLogin('nova', novaPassword) })).status).toBe(401);
  const { json } = await identity.ask('POST', '/v3/auth/tokens', { body: passwordLogin('nova', 'a-new-one', onProject('service')) });
  const compute = json.token.catalog.find((service: { type: string }) => service.type === 'compute');
  expect(compute.endpoints.map(({ interface: kind, url, region }: Record<string, string>) => [kind, url, region])).toEqual([
    ['admin', 'http://127.0.0.1:1234/v2.1', 'RegionOne'],
    ['internal', 'http://127.0.0.1:1234/v2.1', 'RegionOne'],
    ['public', 'http://127.0.0.1:1234/v2.1', 'RegionOne'],
  ]);
  expect(json.token.roles.map(({ name }: { name: string }) => name)).toEqual(['admin', 'manager', 'member', 'reader', 'service']);
});
