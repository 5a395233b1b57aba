import { notFound, unauthenticated } from '../../../lib/errors.ts';
import { anyText, versionedQuery } from '../../../lib/http/query.ts';
import { Reply, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { readToken, type TokenClaims } from '../../../domain/token.ts';
import { catalogFor } from '../catalog.ts';
import { listLinks } from '../collection-routes.ts';
import { route, type IdentityDeps } from '../deps.ts';
import { isRevoked, revoke } from '../revocations.ts';
import { authenticate } from './authenticate.ts';
import { AuthBody } from './bodies.ts';
import { issueToken } from './issue-token.ts';
import { tokenDocument } from './token-document.ts';

const TokenQuery = versionedQuery({ nocatalog: { type: anyText }, allow_expired: { type: anyText } });
/** How long after its end a token may still be shown to a service that finishes what was begun with it. */
const expiredWindowMs = 48 * 3600_000;

interface Subject {
  readonly token: string;
  readonly claims: TokenClaims;
}

/** The token in `X-Subject-Token`: 404 when it is no good. */
async function subjectToken(deps: IdentityDeps, ctx: RequestContext, options: { readonly allowExpired: boolean }): Promise<Subject> {
  const token = ctx.headers['x-subject-token'];
  if (typeof token !== 'string') throw notFound('Could not find token.');
  const reading = readToken(token, deps.keys.publicKeys, deps.clock.now());
  const usable =
    reading.kind === 'valid' ||
    (reading.kind === 'expired' && options.allowExpired && deps.clock.now() < reading.claims.expiresAt + expiredWindowMs);
  if (!usable || (await isRevoked(deps.db, reading.claims))) throw notFound('Could not find token.');
  return { token, claims: reading.claims };
}

const isAsked = (flag: string | undefined): boolean => flag !== undefined && flag !== '0';

const validation = (method: 'GET' | 'HEAD'): AnyRoute<IdentityDeps> =>
  route({
    method,
    path: '/v3/auth/tokens',
    summary: 'Validate a token',
    policy: 'identity:validate_token',
    query: TokenQuery,
    load: ({ ctx, deps, query }) =>
      subjectToken(deps, ctx, {
        allowExpired: isAsked(query.allow_expired) && (ctx.caller.isAdmin || ctx.caller.roles.includes('service')),
      }),
    target: ({ claims }) => ({ user_id: claims.userId }),
    reply: { status: 200 },
    async handle({ deps, query, loaded: { token, claims } }) {
      const document = await tokenDocument(deps, claims, { catalog: !isAsked(query.nocatalog) });
      return new Reply(200, method === 'HEAD' ? undefined : { token: document }, { 'x-subject-token': token });
    },
  });

export const tokenRoutes: readonly AnyRoute<IdentityDeps>[] = [
  route({
    method: 'POST',
    path: '/v3/auth/tokens',
    summary: 'Authenticate',
    policy: 'public',
    query: TokenQuery,
    body: { key: 'auth', schema: AuthBody },
    reply: { status: 201 },
    async handle({ body, ctx, deps, query }) {
      const who = await authenticate(deps, body.identity, ctx.remoteAddress);
      const { token, claims } = await issueToken(deps, who, body.scope);
      return new Reply(
        201,
        { token: await tokenDocument(deps, claims, { catalog: !isAsked(query.nocatalog) }) },
        { 'x-subject-token': token },
      );
    },
  }),
  validation('GET'),
  validation('HEAD'),
  route({
    method: 'DELETE',
    path: '/v3/auth/tokens',
    summary: 'Revoke a token',
    policy: 'identity:revoke_token',
    load: ({ ctx, deps }) => subjectToken(deps, ctx, { allowExpired: false }),
    target: ({ claims }) => ({ user_id: claims.userId }),
    reply: { status: 204 },
    handle: ({ deps, loaded: { claims } }) => revoke(deps.db, deps.clock, [{ auditId: claims.auditIds[0] ?? '' }]),
  }),
  route({
    method: 'GET',
    path: '/v3/auth/catalog',
    summary: 'Show the catalog of the token',
    policy: 'authenticated',
    reply: { status: 200 },
    async handle({ ctx, deps }) {
      const { projectId, domainId, system } = ctx.caller;
      if (projectId === null && domainId === null && !system) throw unauthenticated('An unscoped token has no catalog.');
      return { catalog: await catalogFor(deps.db, projectId), links: listLinks(ctx) };
    },
  }),
];
