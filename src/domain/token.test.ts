import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { keyIdOf, readToken, signToken, type TokenClaims } from './token.ts';

const pair = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');
const keyId = keyIdOf(pair.publicKey);
const key = { id: keyId, privateKey: pair.privateKey };
const keys = new Map([[keyId, pair.publicKey]]);

const claims: TokenClaims = {
  userId: 'a'.repeat(32),
  userName: 'Zoë',
  userDomainId: 'default',
  scope: { kind: 'project', id: 'b'.repeat(32), name: 'blue', domainId: 'default' },
  roles: ['admin', 'manager', 'member', 'reader'],
  methods: ['password'],
  auditIds: ['3T2dc1CGQxyJsHdDu1xkcw'],
  issuedAt: 1_000_000,
  expiresAt: 4_600_000,
  applicationCredential: null,
};
const token = signToken(claims, key);
const [, , body = '', signature = ''] = token.split('.');
const kindOf = (text: string, now = 2_000_000): string => readToken(text, keys, now).kind;
const signed = (payload: unknown, id = keyId): string => {
  const text = `kn1.${id}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`;
  return `${text}.${sign(null, Buffer.from(text), pair.privateKey).toString('base64url')}`;
};

describe('a token', () => {
  test.each<[string, Partial<TokenClaims>]>([
    ['on a project', {}],
    ['on a domain', { scope: { kind: 'domain', id: 'default', name: 'Default' } }],
    ['on the system', { scope: { kind: 'system' }, roles: [] }],
    ['on nothing', { scope: { kind: 'unscoped' }, auditIds: ['own', 'first'] }],
    ['of an application credential', { applicationCredential: { id: 'c'.repeat(32), restricted: true } }],
    ['of an unrestricted one', { applicationCredential: { id: 'c'.repeat(32), restricted: false } }],
  ])('%s says what was signed', (_what, part) => {
    expect(readToken(signToken({ ...claims, ...part }, key), keys, 2_000_000)).toEqual({ kind: 'valid', claims: { ...claims, ...part } });
  });

  test('fits into a header with room to spare', () => {
    expect(token.length).toBeLessThan(500);
  });

  test('is expired from its last moment on', () => {
    expect([kindOf(token, 4_599_999), kindOf(token, 4_600_000)]).toEqual(['valid', 'expired']);
  });

  test('is no good when any one letter of it is another', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';
    const accepted = Array.from(token).flatMap((letter, i) => {
      const changed = alphabet[(alphabet.indexOf(letter) + 1) % alphabet.length]!;
      return kindOf(token.slice(0, i) + changed + token.slice(i + 1)) === 'valid' ? [i] : [];
    });
    expect(accepted).toEqual([]);
  });

  test('has one spelling: none of the letters that decode to the same signature will do', () => {
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    expect(Array.from(last).filter((letter) => kindOf(token.slice(0, -1) + letter) === 'valid')).toEqual([token.at(-1)]);
  });

  test.each<[string, string, string]>([
    ['empty', '', 'foreign'],
    ['another service’s', 'gAAAAABk', 'foreign'],
    ['cut short', token.slice(0, -1), 'invalid'],
    ['with something behind', `${token}.x`, 'invalid'],
    ['with a line break', `${token}\n`, 'invalid'],
    ['without a signature', `kn1.${keyId}.${body}.`, 'invalid'],
    ['with a signature of zeros', `kn1.${keyId}.${body}.${'A'.repeat(86)}`, 'invalid'],
    ['signed with another key', signToken(claims, { id: keyId, privateKey: other.privateKey }), 'invalid'],
    ['naming a key we do not have', signToken(claims, { id: keyIdOf(other.publicKey), privateKey: other.privateKey }), 'unknownKey'],
    ['whose key is a path', token.replace(keyId, '../../x/../'), 'invalid'],
    ['a JWT that says alg none', 'eyJhbGciOiJub25lIn0.e30.', 'foreign'],
    ['a JWT in our clothes', `kn1.eyJhbGciOiJub25lIn0.${body}.`, 'invalid'],
    ['huge', `kn1.${keyId}.${'A'.repeat(1_000_000)}.${signature}`, 'invalid'],
  ])('%s is refused', (_what, text, kind) => {
    expect(kindOf(text)).toBe(kind);
  });

  test.each<[string, unknown]>([
    ['nothing', null],
    ['a list', []],
    ['claims without an end', { u: ['a', 'b', 'c'], r: [], m: [], a: ['x'], i: 1 }],
    ['roles that are not text', { u: ['a', 'b', 'c'], r: [1], m: [], a: ['x'], i: 1, e: 9e15 }],
  ])('that says %s is refused though its signature is good', (_what, payload) => {
    expect(kindOf(signed(payload))).toBe('invalid');
  });
});
