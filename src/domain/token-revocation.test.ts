import { describe, expect, test } from 'vitest';
import { createRevocationList, fromWireEvent, keysOf, toWireEvent, type RevocationEvent } from './token-revocation.ts';
import type { TokenClaims } from './token.ts';

const onProject: TokenClaims = {
  userId: 'u1',
  userName: 'ada',
  userDomainId: 'd1',
  scope: { kind: 'project', id: 'p1', name: 'blue', domainId: 'd2' },
  roles: ['member', 'reader'],
  methods: ['password'],
  auditIds: ['own', 'first'],
  issuedAt: 1000,
  expiresAt: 9000,
  applicationCredential: { id: 'ac1', restricted: true },
};
const onDomain: TokenClaims = {
  ...onProject,
  scope: { kind: 'domain', id: 'd2', name: 'D2' },
  applicationCredential: null,
  auditIds: ['another'],
};
const onSystem: TokenClaims = { ...onDomain, scope: { kind: 'system' } };

const revokedBy = (event: Omit<RevocationEvent, 'issuedBefore'>, claims: TokenClaims, issuedBefore = 1000): boolean => {
  const list = createRevocationList();
  list.add({ ...event, issuedBefore });
  return list.isRevoked(keysOf(claims), claims.issuedAt);
};

describe('a revocation', () => {
  test.each<[string, Omit<RevocationEvent, 'issuedBefore'>, readonly [boolean, boolean, boolean]]>([
    ['of a user', { userId: 'u1' }, [true, true, true]],
    ['of another user', { userId: 'u2' }, [false, false, false]],
    ['of the user’s domain', { domainId: 'd1' }, [true, true, true]],
    ['of the domain of the scope', { domainId: 'd2' }, [true, true, false]],
    ['of a project', { projectId: 'p1' }, [true, false, false]],
    ['of a user on a project', { userId: 'u1', projectId: 'p1' }, [true, false, false]],
    ['of a user on another project', { userId: 'u1', projectId: 'p2' }, [false, false, false]],
    ['of a user on a domain', { userId: 'u1', domainId: 'd2' }, [false, true, false]],
    ['of a user on the system', { userId: 'u1', system: true }, [false, false, true]],
    ['of a role', { roleName: 'Member' }, [true, true, true]],
    ['of one token', { auditId: 'own' }, [true, false, false]],
    ['of the first token of the chain, alone', { auditId: 'first' }, [false, false, false]],
    ['of the chain', { auditChainId: 'first' }, [true, false, false]],
    ['of an application credential', { applicationCredentialId: 'ac1' }, [true, false, false]],
  ])('%s ends the tokens it is about', (_what, event, expected) => {
    expect([onProject, onDomain, onSystem].map((claims) => revokedBy(event, claims))).toEqual(expected);
    expect(revokedBy(event, onProject, 999)).toBe(false);
  });

  test('reads as it was written', () => {
    const event = { userId: 'u1', projectId: 'p1', issuedBefore: 1_700_000_000_123 };
    expect(fromWireEvent(toWireEvent(event))).toEqual(event);
    expect(fromWireEvent(toWireEvent({ userId: 'u1', system: true, issuedBefore: 5 }))).toEqual({
      userId: 'u1',
      system: true,
      issuedBefore: 5,
    });
  });

  test('is not undone by an older one, and is forgotten on request', () => {
    const list = createRevocationList();
    list.add({ userId: 'u1', issuedBefore: 1000 });
    list.add({ userId: 'u1', issuedBefore: 500 });
    expect(list.isRevoked(keysOf(onDomain), 1000)).toBe(true);
    list.forgetBefore(1001);
    expect([list.size, list.isRevoked(keysOf(onDomain), 1000)]).toEqual([0, false]);
  });
});
