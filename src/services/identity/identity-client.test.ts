import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../lib/log.ts';
import { isKind } from '../../lib/errors.ts';
import { waitUntil } from '../../lib/retry.ts';
import { systemClock } from '../../lib/clock.ts';
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

  test('is refused within two seconds of being revoked', async () => {
    const client = newClient({ clock: systemClock });
    const token = await identity.adminToken();
    expect(await client.authenticate({ 'x-auth-token': token })).not.toBeNull();
    await identity.ask('DELETE', '/v3/auth/tokens', { token: await identity.adminToken(), subject: token });
    const gone = waitUntil(async () => ((await client.authenticate({ 'x-auth-token': token })) === null ? true : null), {
      clock: systemClock,
      timeoutMs: 2000,
      everyMs: 100,
      what: 'the refusal',
    });
    expect(await gone).toBe(true);
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
