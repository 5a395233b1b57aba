import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  adminPassword,
  novaPassword,
  onProject,
  passwordLogin,
  startIdentityUnderTest,
  type IdentityUnderTest,
} from '../identity-under-test.ts';

let identity: IdentityUnderTest;
beforeAll(async () => void (identity = await startIdentityUnderTest()));
afterAll(() => identity[Symbol.asyncDispose]());

describe('a password log-in', () => {
  test('gives a token for a project with expanded roles and the catalog', async () => {
    const { status, headers, json } = await identity.ask('POST', '/v3/auth/tokens', {
      body: passwordLogin('admin', adminPassword, onProject('admin')),
    });
    expect(status).toBe(201);
    expect(headers).toMatchObject({ 'x-subject-token': expect.stringMatching(/^kn1\./), vary: 'X-Auth-Token' });
    const { token } = json;
    expect(token).toMatchObject({
      methods: ['password'],
      user: { name: 'admin', domain: { id: 'default', name: 'Default' }, password_expires_at: null },
      project: { name: 'admin', domain: { id: 'default', name: 'Default' } },
      is_domain: false,
    });
    expect(token.roles.map((role: { name: string }) => role.name)).toEqual(['admin', 'manager', 'member', 'reader']);
    expect(token.catalog.map((service: { type: string }) => service.type)).toEqual(['compute', 'identity', 'volumev3']);
    expect(token.catalog[2].endpoints[0].url).toBe(`http://127.0.0.1:8776/v3/${token.project.id}`);
    expect(Date.parse(token.expires_at) - Date.parse(token.issued_at)).toBe(3600_000);
  });

  test('answers the same to a wrong password, an unknown user, an unknown project and one without a role', async () => {
    const answers = await Promise.all([
      identity.ask('POST', '/v3/auth/tokens', { body: passwordLogin('admin', 'wrong', onProject('admin')) }),
      identity.ask('POST', '/v3/auth/tokens', { body: passwordLogin('nobody', 'wrong', onProject('admin')) }),
      identity.ask('POST', '/v3/auth/tokens', { body: passwordLogin('admin', adminPassword, onProject('nowhere')) }),
      identity.ask('POST', '/v3/auth/tokens', { body: passwordLogin('nova', novaPassword, onProject('demo')) }),
    ]);
    for (const { status, json } of answers) {
      expect({ status, json }).toEqual({
        status: 401,
        json: { error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' } },
      });
    }
  });
});
