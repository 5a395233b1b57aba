import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fastify } from 'fastify';
import { silentLog } from '../../lib/log.ts';
import { isKind } from '../../lib/errors.ts';
import { waitUntil } from '../../lib/retry.ts';
import { systemClock } from '../../lib/clock.ts';
import { bootstrap } from './bootstrap.ts';
import { adminPassword, novaPassword, onProject, startIdentityUnderTest, type IdentityUnderTest } from './identity-under-test.ts';
import type { IdentityClient } from '../../clients/identity.ts';
import { createIdentityClient, type IdentityClientOptions } from '../../clients/identity-http.ts';

let identity: IdentityUnderTest;
const clients: IdentityClient[] = [];
beforeAll(async () => void (identity = await startIdentityUnderTest()));
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(() => identity[Symbol.asyncDispose]());

function newClient(options: Partial<IdentityClientOptions> = {}): IdentityClient {
  const client = createIdentityClient({
    authUrl: identity.service.url,
    username: 'nova',
    password: novaPassword,
    projectName: 'service',
    userDomainName: 'Default',
    projectDomainName: 'Default',
    region: 'RegionOne',
    log: silentLog,
    clock: identity.clock,
    ...options,
  });
  clients.push(client);
  return client;
}
const refusal = (error: unknown): string => (isKind(error, 'unavailable') ? 'unavailable' : String(error));

describe('a token of our identity service', () => {
  test('tells who asks', async () => {
    const token = await identity.adminToken();
    expect(await newClient().authenticate({ 'x-auth-token': token })).toMatchObject({
      userName: 'admin',
      userDomainId: 'default',
      projectName: 'admin',
      projectDomainId: 'default',
      domainId: null,
      system: false,
      roles: ['admin', 'manager', 'member', 'reader'],
      isAdmin: true,
      serviceRoles: [],
      token,
    });
  });

  test('is nobody when absent, empty, forged, doubled, huge or strange', async () => {
    const client = newClient();
    const token = await identity.adminToken();
    const bad = [
      '',
      `${token}x`,
      token.slice(0, -1),
      `${token}, ${token}`,
      'x'.repeat(1_000_000),
      'kn1.…',
      `kn1.AAAAAAAAAAA.${token.split('.')[2]}.${token.split('.')[3]}`,
      'gAAAAAforeign',
    ];
    expect(await Promise.all([client.authenticate({}), ...bad.map((text) => client.authenticate({ 'x-auth-token': text }))])).toEqual(
      Array(bad.length + 1).fill(null),
    );
  });

  test('is refused a second after it was revoked, at the latest', async () => {
    const client = newClient();
    const [token, other] = [await identity.adminToken(), await identity.adminToken()];
    expect(await client.authenticate({ 'x-auth-token': token })).not.toBeNull();
    await identity.ask('DELETE', '/v3/auth/tokens', { token: other, subject: token });
    identity.clock.advance(1000);
    expect([
      await client.authenticate({ 'x-auth-token': token }),
      (await client.authenticate({ 'x-auth-token': other }))?.userName,
    ]).toEqual([null, 'admin']);
  });
});

test('an expired token is accepted only beside a valid token of a service', async () => {
  const client = newClient();
  const token = await identity.adminToken();
  expect(await client.authenticate({ 'x-auth-token': token })).not.toBeNull();
  identity.clock.advance(3601_000);
  const service = await client.serviceSession.token();
  const proxy = await identity.token('admin', adminPassword, onProject('demo'));
  const [alone, besideService, besideAdmin, besideNonsense] = await Promise.all([
    client.authenticate({ 'x-auth-token': token }),
    client.authenticate({ 'x-auth-token': token, 'x-service-token': service }),
    client.authenticate({ 'x-auth-token': token, 'x-service-token': proxy }),
    client.authenticate({ 'x-auth-token': proxy, 'x-service-token': 'nonsense' }),
  ]);
  expect([alone, besideService?.userName, besideService?.serviceRoles.includes('service'), besideAdmin, besideNonsense]).toEqual([
    null,
    'admin',
    true,
    null,
    null,
  ]);
});

test('the service logs in once for all who wait, and again before its token ends', async () => {
  const client = newClient();
  const first = await Promise.all(Array.from({ length: 50 }, () => client.serviceSession.token()));
  expect(new Set(first).size).toBe(1);
  identity.clock.advance(3550_000);
  expect(await client.serviceSession.token()).toBe(first[0]); // still good, while a new one is fetched
  const renewed = await waitUntil(async () => ((await client.serviceSession.token()) === first[0] ? null : client.serviceSession.token()), {
    clock: systemClock,
    timeoutMs: 5000,
    everyMs: 10,
    what: 'the renewal',
  });
  expect(await client.authenticate({ 'x-auth-token': renewed })).toMatchObject({ userName: 'nova', projectName: 'service' });
});

test('services are found in the catalog, and one that is not there is unavailable', async () => {
  const client = newClient();
  expect(await client.endpoints.url('compute')).toBe('http://127.0.0.1:8774/v2.1');
  expect(await client.endpoints.url('image').catch(refusal)).toBe('unavailable');
});

test('while the identity service is down, tokens already met go on and others are unavailable', async () => {
  await using other = await startIdentityUnderTest();
  const client = newClient({ authUrl: other.service.url, clock: other.clock });
  const [met, unmet] = [await other.adminToken(), await other.adminToken()];
  expect(await client.authenticate({ 'x-auth-token': met })).not.toBeNull();
  await other.service.app.close();
  other.clock.advance(60_000);
  expect(await client.authenticate({ 'x-auth-token': met })).toMatchObject({ userName: 'admin' });
  expect(await client.authenticate({ 'x-auth-token': unmet }).catch(refusal)).toBe('unavailable');
});

const document = (name: string): unknown => ({
  token: {
    expires_at: '2999-01-01T00:00:00.000000Z',
    user: { id: name, name, domain: { id: 'default', name: 'Default' } },
    project: { id: 'p1', name: 'blue', domain: { id: 'default', name: 'Default' } },
    roles: [{ id: 'r1', name: 'Member' }],
    catalog: [],
  },
});

/** As much of a Keystone as answers about tokens; it counts what it is asked. */
async function foreignKeystone() {
  const app = fastify({ forceCloseConnections: true });
  const asked = { logIns: 0, validations: 0 };
  const tokens = new Set(['gAAAAAuser']);
  let own = '';
  app.post('/v3/auth/tokens', (_request, reply) =>
    reply
      .code(201)
      .header('x-subject-token', (own = `gAAAAAservice${++asked.logIns}`))
      .send(document('nova')),
  );
  app.get('/v3/auth/tokens', (request, reply) => {
    asked.validations++;
    if (request.headers['x-auth-token'] !== own)
      return reply.code(401).send({ error: { code: 401, message: 'no', title: 'Unauthorized' } });
    return tokens.has(String(request.headers['x-subject-token']))
      ? reply.send(document('ada'))
      : reply.code(404).send({ error: { code: 404, message: 'no', title: 'Not Found' } });
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { url: app.listeningOrigin, asked, forgetService: () => void (own = 'other'), [Symbol.asyncDispose]: () => app.close() };
}

describe('a Keystone that is not ours', () => {
  test('is asked once for each token, by however many requests, and its refusals are remembered too', async () => {
    await using keystone = await foreignKeystone();
    const client = newClient({ authUrl: keystone.url });
    const callers = await Promise.all(Array.from({ length: 50 }, () => client.authenticate({ 'x-auth-token': 'gAAAAAuser' })));
    expect(callers[49]).toMatchObject({ userName: 'ada', projectId: 'p1', roles: ['member'], isAdmin: false });
    expect([
      await client.authenticate({ 'x-auth-token': 'gAAAAAnobody' }),
      await client.authenticate({ 'x-auth-token': 'gAAAAAnobody' }),
    ]).toEqual([null, null]);
    expect(keystone.asked).toEqual({ logIns: 1, validations: 2 });
  });

  test('is logged in to again when it refuses the service’s token', async () => {
    await using keystone = await foreignKeystone();
    const client = newClient({ authUrl: `${keystone.url}/v3/` });
    await client.serviceSession.token();
    keystone.forgetService();
    expect(await client.authenticate({ 'x-auth-token': 'gAAAAAuser' })).toMatchObject({ userName: 'ada' });
    expect(keystone.asked).toEqual({ logIns: 2, validations: 2 });
  });

  test('may be away for a while for tokens that were good before', async () => {
    const keystone = await foreignKeystone();
    const client = newClient({ authUrl: keystone.url });
    await client.authenticate({ 'x-auth-token': 'gAAAAAuser' });
    await keystone[Symbol.asyncDispose]();
    identity.clock.advance(60_000);
    expect(await client.authenticate({ 'x-auth-token': 'gAAAAAuser' })).toMatchObject({ userName: 'ada' });
    expect(await client.authenticate({ 'x-auth-token': 'gAAAAAother' }).catch(refusal)).toBe('unavailable');
    identity.clock.advance(300_000);
    expect(await client.authenticate({ 'x-auth-token': 'gAAAAAuser' }).catch(refusal)).toBe('unavailable');
  });
});

test('a service that may not log in is told so as unavailable, never as the user’s fault', async () => {
  const client = newClient({ password: 'wrong' });
  expect(await client.serviceSession.token().catch(refusal)).toBe('unavailable');
  expect(await client.authenticate({ 'x-auth-token': await identity.adminToken() }).catch(refusal)).toBe('unavailable');
});

test('tells whether a project exists, as far as it may know', async () => {
  const client = newClient();
  const { projectId } = await identity.person();
  expect([
    await client.projectExists(projectId),
    await client.projectExists('no-such-project'),
    await client.projectExists('../users'),
  ]).toEqual([true, false, false]);
});

test('endpoints that move are found again', async () => {
  const client = newClient();
  await client.endpoints.url('compute');
  identity.clock.advance(1000);
  await bootstrap(identity.service.deps, {
    adminPassword,
    servicePasswords: { nova: novaPassword },
    region: 'RegionOne',
    endpoints: [{ type: 'image', name: 'glance', url: 'http://127.0.0.1:9292/' }],
  });
  expect(await client.endpoints.url('image')).toBe('http://127.0.0.1:9292');
});

test('limits of compute are read: those registered, and what a project has instead', async () => {
  const token = await identity.adminToken();
  const { projectId } = await identity.person();
  const ask = async (path: string, body: object) => (await identity.ask('POST', path, { token, body })).json;
  const listed = await identity.ask('GET', '/v3/services?type=compute', { token });
  const service_id: string =
    listed.json.services[0]?.id ?? (await ask('/v3/services', { service: { type: 'compute', name: 'nova' } })).service.id;
  const registered = (resource_name: string, default_limit: number, region_id: string | null) => ({
    service_id,
    resource_name,
    default_limit,
    region_id,
  });
  await ask('/v3/registered_limits', {
    registered_limits: [registered('servers', 5, null), registered('class:VCPU', 8, null), registered('class:VCPU', 9, 'RegionOne')],
  });
  await ask('/v3/limits', { limits: [{ service_id, resource_name: 'servers', resource_limit: 7, project_id: projectId }] });
  const client = newClient();
  const ofAll = { servers: 5, 'class:VCPU': 9 };
  expect(await client.limits({ endpointId: null, projectId })).toEqual({ registered: ofAll, ofProject: { servers: 7 } });
  expect(await client.limits({ endpointId: null, projectId: null })).toEqual({ registered: ofAll, ofProject: {} });
  const endpoint = (
    await ask('/v3/endpoints', { endpoint: { service_id, interface: 'public', url: 'http://compute', region_id: 'RegionOne' } })
  ).endpoint.id as string;
  expect((await client.limits({ endpointId: endpoint, projectId })).registered).toEqual(ofAll);
  await expect(client.limits({ endpointId: 'none', projectId })).rejects.toMatchObject({ kind: 'notFound' });
});
