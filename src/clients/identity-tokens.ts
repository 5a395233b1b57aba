import { createPublicKey, type KeyObject } from 'node:crypto';
import Type from 'typebox';
import type { Clock } from '../lib/clock.ts';
import { errorOfStatus, type HttpClient } from '../lib/http/client.ts';
import type { Caller } from '../lib/http/caller.ts';
import { isKind, unavailable } from '../lib/errors.ts';
import { callerOf } from '../domain/token-caller.ts';
import { keyIdOf, readToken, type TokenClaims } from '../domain/token.ts';
import { TokenDocument, understood, type IdentityLogin } from './identity-login.ts';
import type { RevocationFeed } from './identity-revocations.ts';

/** Verifies one token. */
export interface TokenVerifier {
  /** Whose it is; null when it is no good. An expired one is good for two more days where that is allowed. */
  verify(token: string, options: { readonly allowExpired: boolean }): Promise<Caller | null>;
}

const Keys = Type.Object({ keys: Type.Array(Type.Object({ id: Type.String(), public_key: Type.String() })) });

const cacheSize = 10_000;
const expiredWindowMs = 48 * 3600_000;
/** How long another identity service's answer holds, and how long when that service does not answer. */
const foreignMs = 30_000;
const foreignStaleMs = 300_000;
const refusalMs = 10_000;
const keyPauseMs = 1000;

/** A map that forgets what was not used for longest. */
function lru<V>(max: number): { get(key: string): V | undefined; set(key: string, value: V): void } {
  const map = new Map<string, V>();
  return {
    get(key) {
      const value = map.get(key);
      if (value === undefined) return undefined;
      map.delete(key);
      map.set(key, value);
      return value;
    },
    set(key, value) {
      map.delete(key);
      map.set(key, value);
      const oldest = map.keys().next().value;
      if (map.size > max && oldest !== undefined) map.delete(oldest);
    },
  };
}

export function createTokenVerifier(deps: {
  readonly http: HttpClient;
  readonly baseUrl: string;
  readonly login: IdentityLogin;
  readonly revocations: RevocationFeed;
  readonly clock: Clock;
}): TokenVerifier {
  const { http, baseUrl, login, revocations, clock } = deps;
  const signed = lru<{ readonly claims: TokenClaims; readonly caller: Caller; met: boolean }>(cacheSize);
  const foreign = lru<{ readonly caller: Caller | null; readonly at: number }>(cacheSize);
  const asking = new Map<string, Promise<Caller | null>>();
  let keys: ReadonlyMap<string, KeyObject> | null = null;
  let keysAt = -Infinity;
  let fetchingKeys: Promise<void> | null = null;

  /** Fetches the public keys; an identity service that is not ours has none. */
  const fetchKeys = (): Promise<void> => {
    fetchingKeys ??= (async () => {
      try {
        const { json } = await http.json({ url: `${baseUrl}/kilonova/keys`, timeoutMs: 5000 });
        const all = understood(Keys, json).keys.map(({ public_key }) => createPublicKey(public_key));
        keys = new Map(all.map((key) => [keyIdOf(key), key]));
        keysAt = clock.now();
      } catch (error) {
        if (!isKind(error, 'notFound', 'unauthenticated', 'forbidden')) throw error;
        keys = new Map();
        keysAt = clock.now();
      } finally {
        fetchingKeys = null;
      }
    })();
    return fetchingKeys;
  };

  const verifySigned = async (token: string, allowExpired: boolean): Promise<Caller | null> => {
    let entry = signed.get(token);
    if (entry === undefined) {
      let reading = readToken(token, keys ?? new Map(), clock.now());
      if (reading.kind === 'unknownKey' && (keys === null || clock.now() - keysAt >= keyPauseMs)) {
        await fetchKeys();
        reading = readToken(token, keys ?? new Map(), clock.now());
      }
      if (reading.kind !== 'valid' && reading.kind !== 'expired') return null;
      entry = { claims: reading.claims, caller: callerOf(reading.claims, token), met: false };
    }
    const { claims, caller } = entry;
    if (clock.now() >= claims.expiresAt + (allowExpired ? expiredWindowMs : 0)) return null;
    if (await revocations.isRevoked(claims, entry.met)) return null;
    entry.met = true;
    signed.set(token, entry);
    return caller;
  };

  const verifyForeign = async (token: string, allowExpired: boolean): Promise<Caller | null> => {
    if (keys === null) await fetchKeys();
    if ((keys?.size ?? 0) > 0) return null; // our identity service makes no such token
    const key = `${allowExpired ? 'expired ' : ''}${token}`;
    const known = foreign.get(key);
    const age = clock.now() - (known?.at ?? -Infinity);
    const stillGood = (limit: number): boolean =>
      known !== undefined && age < limit && (known.caller === null || allowExpired || clock.now() < known.caller.expiresAt);
    if (known !== undefined && stillGood(known.caller === null ? refusalMs : foreignMs)) return known.caller;
    const question = asking.get(key) ?? askAbout(token, allowExpired).finally(() => asking.delete(key));
    asking.set(key, question);
    try {
      const caller = await question;
      foreign.set(key, { caller, at: clock.now() });
      return caller;
    } catch (error) {
      if (known?.caller != null && stillGood(foreignStaleMs)) return known.caller;
      throw error;
    }
  };

  const askAbout = async (token: string, allowExpired: boolean, again = true): Promise<Caller | null> => {
    const own = await login.token();
    const url = `${baseUrl}/auth/tokens?nocatalog=1${allowExpired ? '&allow_expired=1' : ''}`;
    const { status, body } = await http.raw({ url, headers: { 'x-auth-token': own, 'x-subject-token': token }, timeoutMs: 10_000 });
    const text = await body.text();
    if (status === 200) return callerFrom(understood(TokenDocument, JSON.parse(text)), token);
    if (status === 404) return null;
    if (status === 401 && again) {
      login.refusedToken(own);
      return askAbout(token, allowExpired, false);
    }
    throw unavailable('The identity service does not verify tokens for this service.', { cause: errorOfStatus('identity', status, text) });
  };

  return {
    verify: (token, { allowExpired }) =>
      token.startsWith('kn1.') ? verifySigned(token, allowExpired) : verifyForeign(token, allowExpired),
  };
}

function callerFrom({ token: document }: TokenDocument, token: string): Caller {
  const { user, project, domain, system, roles = [] } = document;
  const names = roles.map(({ name }) => name.toLowerCase());
  return {
    userId: user.id,
    userName: user.name,
    userDomainId: user.domain.id,
    projectId: project?.id ?? null,
    projectName: project?.name ?? null,
    projectDomainId: project?.domain.id ?? null,
    domainId: domain?.id ?? null,
    system: system !== undefined,
    roles: names,
    isAdmin: names.includes('admin'),
    serviceRoles: [],
    token,
    expiresAt: Date.parse(document.expires_at),
  };
}
