import type { Clock } from '../lib/clock.ts';
import { isKind, unavailable } from '../lib/errors.ts';
import type { HttpClient } from '../lib/http/client.ts';
import type { Log } from '../lib/log.ts';
import { createRevocationList, fromWireEvent, keysOf, type WireRevocationEvent } from '../domain/token-revocation.ts';
import type { TokenClaims } from '../domain/token.ts';
import type { IdentityLogin } from './identity-login.ts';

/** What the identity service has revoked. It is asked only while tokens are used. */
export interface RevocationFeed {
  /**
   * Whether a token is revoked, by what was known a second ago at the earliest. While the identity service does not answer, tokens
   * already met go on by what was known last, and others are refused as `unavailable`.
   */
  isRevoked(claims: TokenClaims, met: boolean): Promise<boolean>;
}

const askAfterMs = 500;
const waitAfterMs = 1000;
const timeoutMs = 2000;
const maxPauseMs = 10_000;
/** Asked again each time, because events are written by several processes and appear out of order. */
const overlapMs = 10_000;
const keptMs = 4 * 24 * 3600_000;

export function createRevocationFeed(deps: {
  readonly http: HttpClient;
  readonly baseUrl: string;
  readonly login: IdentityLogin;
  readonly clock: Clock;
  readonly log: Log;
}): RevocationFeed {
  const { http, baseUrl, login, clock, log } = deps;
  const list = createRevocationList();
  const keys = new WeakMap<TokenClaims, readonly string[]>();
  let askedAt = -Infinity;
  let newest = 0;
  let failures = 0;
  let retryAt = 0;
  let asking: Promise<boolean> | null = null;

  const fetchEvents = async (again: boolean): Promise<readonly WireRevocationEvent[]> => {
    const token = await login.token();
    const since = newest === 0 ? '' : `?since=${new Date(newest - overlapMs).toISOString()}`;
    try {
      const { json } = await http.json<{ events: readonly WireRevocationEvent[] }>({
        url: `${baseUrl}/OS-REVOKE/events${since}`,
        headers: { 'x-auth-token': token },
        timeoutMs,
      });
      return json.events;
    } catch (error) {
      if (!again || !isKind(error, 'unauthenticated')) throw error;
      login.refusedToken(token);
      return fetchEvents(false);
    }
  };

  /** True when it was answered. */
  const ask = (): Promise<boolean> => {
    asking ??= (async () => {
      const began = clock.now();
      try {
        for (const event of (await fetchEvents(true)).map(fromWireEvent)) {
          list.add(event);
          newest = Math.max(newest, event.issuedBefore);
        }
        if (list.size > 10_000) list.forgetBefore(began - keptMs);
        askedAt = began;
        failures = 0;
        return true;
      } catch (error) {
        failures++;
        retryAt = clock.now() + Math.min(maxPauseMs, 500 * 2 ** failures);
        log.warn({ err: error, failures }, 'revocations could not be read');
        return false;
      } finally {
        asking = null;
      }
    })();
    return asking;
  };

  const freshen = async (met: boolean): Promise<void> => {
    const age = clock.now() - askedAt;
    if (age < askAfterMs) return;
    const mayAsk = asking !== null || clock.now() >= retryAt;
    const answer = mayAsk ? ask() : Promise.resolve(false);
    if (age < waitAfterMs) return;
    if (!(await answer) && !met) throw unavailable('The identity service does not answer.', { details: { service: 'identity' } });
  };

  return {
    async isRevoked(claims, met) {
      await freshen(met);
      const known = keys.get(claims) ?? keysOf(claims);
      keys.set(claims, known);
      return list.isRevoked(known, claims.issuedAt);
    },
  };
}
