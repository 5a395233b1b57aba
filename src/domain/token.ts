import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';

/** What a token is good for. */
export type TokenScope =
  | { readonly kind: 'unscoped' }
  | { readonly kind: 'project'; readonly id: string; readonly name: string; readonly domainId: string }
  | { readonly kind: 'domain'; readonly id: string; readonly name: string }
  | { readonly kind: 'system' };

/** What a token of the identity service says of its bearer; whoever holds the public key can check it without asking. */
export interface TokenClaims {
  readonly userId: string;
  readonly userName: string;
  readonly userDomainId: string;
  readonly scope: TokenScope;
  /** Names of all roles on that scope, implied ones included, lower case. */
  readonly roles: readonly string[];
  readonly methods: readonly string[];
  /** The token's own audit id, then that of the first token of its chain where it was made from another. */
  readonly auditIds: readonly string[];
  /** Milliseconds since the epoch, as is the next. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly applicationCredential: { readonly id: string; readonly restricted: boolean } | null;
}

export interface SigningKey {
  /** As `keyIdOf` gives it. */
  readonly id: string;
  readonly privateKey: KeyObject;
}

export type TokenReading =
  | { readonly kind: 'valid' | 'expired'; readonly claims: TokenClaims }
  /** Ours by its form, and signed with a key we have not seen. */
  | { readonly kind: 'unknownKey'; readonly keyId: string }
  /** Not in our form: another identity service's. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'invalid' };

const prefix = 'kn1';
/** Longer than any token we make: names are at most 255 characters. */
const maxLength = 8192;
const form = /^kn1\.([\w-]{11})\.([\w-]+)\.([\w-]{86})$/;

/** The payload as it travels: short keys, because every request carries it. */
const Payload = Type.Object({
  u: Type.Tuple([Type.String(), Type.String(), Type.String()]),
  p: Type.Optional(Type.Tuple([Type.String(), Type.String(), Type.String()])),
  d: Type.Optional(Type.Tuple([Type.String(), Type.String()])),
  s: Type.Optional(Type.Literal(1)),
  r: Type.Array(Type.String()),
  m: Type.Array(Type.String()),
  a: Type.Array(Type.String(), { minItems: 1, maxItems: 2 }),
  i: Type.Integer(),
  e: Type.Integer(),
  /** An application credential, and whether it is unrestricted. */
  c: Type.Optional(Type.Tuple([Type.String(), Type.Union([Type.Literal(0), Type.Literal(1)])])),
});
const payload = Compile(Payload);

/** The name of a key: the beginning of its digest, so that it cannot be given to another. */
export function keyIdOf(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 8)
    .toString('base64url');
}

/** A token: `kn1.<key id>.<claims>.<signature>`. The algorithm is part of the prefix; nothing in a token chooses it. */
export function signToken(claims: TokenClaims, key: SigningKey): string {
  const signed = `${prefix}.${key.id}.${Buffer.from(JSON.stringify(toPayload(claims))).toString('base64url')}`;
  return `${signed}.${sign(null, Buffer.from(signed), key.privateKey).toString('base64url')}`;
}

/** Checks form, signature and expiry; `keys` are the public keys known here, by id. Revocation is another matter. */
export function readToken(token: string, keys: ReadonlyMap<string, KeyObject>, now: number): TokenReading {
  if (!token.startsWith(`${prefix}.`)) return { kind: 'foreign' };
  const match = token.length > maxLength ? null : form.exec(token);
  if (match === null) return { kind: 'invalid' };
  const [, keyId = '', body = '', signature = ''] = match;
  const key = keys.get(keyId);
  if (key === undefined) return { kind: 'unknownKey', keyId };
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.toString('base64url') !== signature) return { kind: 'invalid' }; // spare bits of the last letter: one token, one spelling
  if (!verify(null, Buffer.from(token.slice(0, -signature.length - 1)), key, bytes)) return { kind: 'invalid' };
  const claims = fromPayload(body);
  if (claims === null) return { kind: 'invalid' };
  return { kind: now < claims.expiresAt ? 'valid' : 'expired', claims };
}

function toPayload({
  userId,
  userName,
  userDomainId,
  scope,
  roles,
  methods,
  auditIds,
  issuedAt,
  expiresAt,
  applicationCredential,
}: TokenClaims): Static<typeof Payload> {
  return {
    u: [userId, userName, userDomainId],
    ...(scope.kind === 'project' ? { p: [scope.id, scope.name, scope.domainId] as [string, string, string] } : {}),
    ...(scope.kind === 'domain' ? { d: [scope.id, scope.name] as [string, string] } : {}),
    ...(scope.kind === 'system' ? { s: 1 as const } : {}),
    r: [...roles],
    m: [...methods],
    a: [...auditIds],
    i: issuedAt,
    e: expiresAt,
    ...(applicationCredential === null
      ? {}
      : { c: [applicationCredential.id, applicationCredential.restricted ? 0 : 1] as [string, 0 | 1] }),
  };
}

function fromPayload(body: string): TokenClaims | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(body, 'base64url').toString());
  } catch {
    return null;
  }
  if (!payload.Check(parsed)) return null;
  const { u, p, d, s, r, m, a, i, e, c } = parsed;
  const scope: TokenScope =
    p !== undefined
      ? { kind: 'project', id: p[0], name: p[1], domainId: p[2] }
      : d !== undefined
        ? { kind: 'domain', id: d[0], name: d[1] }
        : { kind: s === undefined ? 'unscoped' : 'system' };
  return {
    userId: u[0],
    userName: u[1],
    userDomainId: u[2],
    scope,
    roles: r,
    methods: m,
    auditIds: a,
    issuedAt: i,
    expiresAt: e,
    applicationCredential: c === undefined ? null : { id: c[0], restricted: c[1] === 0 },
  };
}
