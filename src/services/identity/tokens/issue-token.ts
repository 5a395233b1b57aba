import { signToken, type TokenClaims, type TokenScope } from '../../../domain/token.ts';
import { refused, type IdentityDeps } from '../deps.ts';
import { delegatedRoles, effectiveRoles, type RoleTarget } from '../effective-roles.ts';
import { findDomain, findProject, findUser } from '../find-named.ts';
import { holdRevocations, isRevoked } from '../revocations.ts';
import type { Authenticated } from './authenticate.ts';
import type { ScopeBody } from './bodies.ts';

export interface IssuedToken {
  readonly token: string;
  readonly claims: TokenClaims;
}

/** Makes a token for somebody authenticated, on the scope they ask for; refused where they have no role on it. */
export const issueToken = (deps: IdentityDeps, who: Authenticated, asked: ScopeBody | undefined): Promise<IssuedToken> =>
  deps.db.transaction().execute(async (tx) => {
    await holdRevocations(tx);
    const inTransaction = { ...deps, db: tx };
    await refuseOutdated(inTransaction, who);
    return issueNow(inTransaction, who, asked);
  });

/** What was proved may have changed since: the user, the password, the token that was shown. */
async function refuseOutdated(deps: IdentityDeps, { user, parent }: Authenticated): Promise<void> {
  const now = await findUser(deps.db, { id: user.id });
  if (now === null || !now.enabled || !now.domain_enabled || now.password_hash !== user.password_hash) throw refused();
  if (parent !== null && (await isRevoked(deps.db, parent))) throw refused();
}

async function issueNow(deps: IdentityDeps, who: Authenticated, asked: ScopeBody | undefined): Promise<IssuedToken> {
  const issuedAt = deps.clock.now();
  const { scope, roles } =
    who.applicationCredential === null
      ? await scopeFor(deps, who, asked)
      : await delegatedScope(deps, who, who.applicationCredential, asked);
  const own = Buffer.from(deps.ids.uuid().replaceAll('-', ''), 'hex').toString('base64url');
  const { user, parent, applicationCredential: credential } = who;
  const claims: TokenClaims = {
    userId: user.id,
    userName: user.name,
    userDomainId: user.domain_id,
    scope,
    roles,
    methods: who.methods,
    auditIds: parent === null ? [own] : [own, parent.auditIds.at(-1) ?? own],
    issuedAt,
    expiresAt: Math.min(
      issuedAt + deps.tokenSeconds * 1000,
      parent?.expiresAt ?? Infinity,
      credential?.expires_at == null ? Infinity : Date.parse(credential.expires_at),
    ),
    applicationCredential: credential === null ? null : { id: credential.id, restricted: !credential.unrestricted },
  };
  return { token: signToken(claims, deps.keys.current), claims };
}

interface Scoped {
  readonly scope: TokenScope;
  readonly roles: readonly string[];
}

const unscoped: Scoped = { scope: { kind: 'unscoped' }, roles: [] };

async function scopeFor(deps: IdentityDeps, { user }: Authenticated, asked: ScopeBody | undefined): Promise<Scoped> {
  if (asked === undefined)
    return user.default_project_id === null ? unscoped : ((await projectScope(deps, user.id, { id: user.default_project_id })) ?? unscoped);
  if (asked === 'unscoped') return unscoped;
  const { project, domain, system, unscoped: none, 'OS-TRUST:trust': trust } = asked;
  if ([project, domain, system, none, trust].filter((one) => one !== undefined).length !== 1) throw refused();
  if (none !== undefined) return unscoped;
  const scoped =
    project !== undefined
      ? await projectScope(deps, user.id, project)
      : domain !== undefined
        ? await domainScope(deps, user.id, domain)
        : system?.all === true
          ? await systemScope(deps, user.id)
          : null;
  if (scoped === null) throw refused();
  return scoped;
}

async function projectScope(deps: IdentityDeps, userId: string, ref: Parameters<typeof findProject>[1]): Promise<Scoped | null> {
  const project = await findProject(deps.db, ref);
  if (project === null || !project.enabled || !project.domain_enabled) return null;
  return withRoles(
    deps,
    userId,
    { type: 'project', id: project.id },
    { kind: 'project', id: project.id, name: project.name, domainId: project.domain_id },
  );
}

async function domainScope(deps: IdentityDeps, userId: string, ref: Parameters<typeof findDomain>[1]): Promise<Scoped | null> {
  const domain = await findDomain(deps.db, ref);
  if (domain === null || !domain.enabled) return null;
  return withRoles(deps, userId, { type: 'domain', id: domain.id }, { kind: 'domain', id: domain.id, name: domain.name });
}

const systemScope = (deps: IdentityDeps, userId: string): Promise<Scoped | null> =>
  withRoles(deps, userId, { type: 'system' }, { kind: 'system' });

async function withRoles(deps: IdentityDeps, userId: string, target: RoleTarget, scope: TokenScope): Promise<Scoped | null> {
  const roles = await effectiveRoles(deps.db, userId, target);
  return roles.length === 0 ? null : { scope, roles: roles.map(({ name }) => name.toLowerCase()) };
}

/** An application credential has the project it was made for, and of its roles those its user still has there. */
async function delegatedScope(
  deps: IdentityDeps,
  { user }: Authenticated,
  credential: { readonly id: string; readonly project_id: string },
  asked: ScopeBody | undefined,
): Promise<Scoped> {
  if (asked !== undefined && !(typeof asked === 'object' && asked.project?.id === credential.project_id)) throw refused();
  const scoped = await projectScope(deps, user.id, { id: credential.project_id });
  const delegated = new Set((await delegatedRoles(deps.db, credential.id)).map(({ name }) => name.toLowerCase()));
  const roles = scoped?.roles.filter((role) => delegated.has(role)) ?? [];
  if (scoped === null || roles.length === 0) throw refused();
  return { scope: scoped.scope, roles };
}
