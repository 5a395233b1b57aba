import Type, { type Static, type TSchema } from 'typebox';
import type { Clock } from '../lib/clock.ts';
import { isKind, unavailable } from '../lib/errors.ts';
import type { HttpClient } from '../lib/http/client.ts';
import { validatorOf } from '../lib/http/validation.ts';
import type { Log } from '../lib/log.ts';
import type { Session } from './session.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly projectName: string;
  readonly userDomainName: string;
  readonly projectDomainName: string;
}

const Named = Type.Object({ id: Type.String(), name: Type.String() });
const InDomain = Type.Object({ id: Type.String(), name: Type.String(), domain: Type.Object({ id: Type.String() }) });
const Catalog = Type.Array(
  Type.Object({
    type: Type.String(),
    endpoints: Type.Array(
      Type.Object({ interface: Type.String(), region_id: Type.Optional(Type.Union([Type.String(), Type.Null()])), url: Type.String() }),
    ),
  }),
);
/** What we read of a token as Keystone describes it. */
export const TokenDocument = Type.Object({
  token: Type.Object({
    expires_at: Type.String(),
    user: InDomain,
    project: Type.Optional(InDomain),
    domain: Type.Optional(Named),
    system: Type.Optional(Type.Object({ all: Type.Optional(Type.Boolean()) })),
    roles: Type.Optional(Type.Array(Type.Object({ name: Type.String() }))),
    catalog: Type.Optional(Catalog),
  }),
});
export type TokenDocument = Static<typeof TokenDocument>;
export type Catalog = Static<typeof Catalog>;

/** The value, when it is what the identity service should have answered. */
export function understood<S extends TSchema>(schema: S, value: unknown): Static<S> {
  const issue = validatorOf(schema).check(value);
  if (issue !== null)
    throw unavailable('The identity service gave an answer that is not understood.', {
      cause: new Error(`${issue.path.join('.')}: ${issue.text}`),
    });
  return value as Static<S>;
}

/** The service's own log-in: one token, renewed before it ends, and the catalog that came with it. */
export interface IdentityLogin extends Session {
  catalog(): Promise<Catalog>;
  /** Asks for the catalog anew, unless that was just done. */
  refreshCatalog(): Promise<Catalog>;
  /** Tells that the identity service refused this token: the next one asked for is new. */
  refusedToken(token: string): void;
}

interface Held {
  readonly token: string;
  readonly renewAt: number;
  readonly endsAt: number;
  catalog: Catalog;
  catalogAt: number;
}

/** Not used in its last seconds, so that it does not end on the way. */
const spareMs = 10_000;
const catalogMs = 60_000;
const pauseMs = 1000;

export function createIdentityLogin(
  deps: { readonly http: HttpClient; readonly baseUrl: string; readonly clock: Clock; readonly log: Log },
  credentials: Credentials,
): IdentityLogin {
  const { http, baseUrl, clock, log } = deps;
  let held: Held | null = null;
  let renewal: Promise<Held> | null = null;
  let retryAt = 0;
  let refreshing: Promise<Catalog> | null = null;

  const logIn = async (): Promise<Held> => {
    const { username, password, projectName, userDomainName, projectDomainName } = credentials;
    const identity = { methods: ['password'], password: { user: { name: username, domain: { name: userDomainName }, password } } };
    const scope = { project: { name: projectName, domain: { name: projectDomainName } } };
    try {
      const { json, headers } = await http.json({ method: 'POST', url: `${baseUrl}/auth/tokens`, json: { auth: { identity, scope } } });
      const { token: document } = understood(TokenDocument, json);
      const token = headers['x-subject-token'];
      if (typeof token !== 'string') throw unavailable('The identity service gave no token.');
      const [now, endsAt] = [clock.now(), Date.parse(document.expires_at)];
      return {
        token,
        endsAt,
        renewAt: endsAt - Math.max(2 * spareMs, (endsAt - now) / 5),
        catalog: document.catalog ?? [],
        catalogAt: now,
      };
    } catch (error) {
      if (!isKind(error, 'unauthenticated', 'forbidden')) throw error;
      throw unavailable('The identity service refuses the account of this service.', { cause: error });
    }
  };

  const renew = (): Promise<Held> => {
    renewal ??= (async () => {
      try {
        return (held = await logIn());
      } catch (error) {
        log.warn({ err: error, username: credentials.username }, 'service log-in failed');
        throw error;
      } finally {
        retryAt = clock.now() + pauseMs;
        renewal = null;
      }
    })();
    return renewal;
  };

  const current = async (): Promise<Held> => {
    const now = clock.now();
    if (held !== null && now < held.endsAt - spareMs) {
      if (now >= held.renewAt && now >= retryAt) void renew().catch(() => undefined); // logged there; the old one still serves
      return held;
    }
    return renew();
  };

  const refreshCatalog = (): Promise<Catalog> => {
    refreshing ??= (async () => {
      try {
        const mine = await current();
        if (clock.now() - mine.catalogAt < pauseMs) return mine.catalog;
        const { json } = await http.json<{ catalog?: unknown }>({
          url: `${baseUrl}/auth/catalog`,
          headers: { 'x-auth-token': mine.token },
        });
        mine.catalog = understood(Catalog, json.catalog);
        mine.catalogAt = clock.now();
        return mine.catalog;
      } finally {
        refreshing = null;
      }
    })();
    return refreshing;
  };

  return {
    token: async () => (await current()).token,
    async catalog() {
      const mine = await current();
      if (clock.now() - mine.catalogAt > catalogMs)
        void refreshCatalog().catch((error: unknown) => log.warn({ err: error }, 'catalog could not be refreshed'));
      return mine.catalog;
    },
    refreshCatalog,
    refusedToken(token) {
      if (held?.token === token) held = null;
    },
  };
}
