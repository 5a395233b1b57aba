import type { Caller } from '../lib/http/caller.ts';
import type { TokenClaims } from './token.ts';

/** Who asks, as a token that has been verified says. */
export function callerOf(claims: TokenClaims, token: string, serviceRoles: readonly string[] = []): Caller {
  const { scope } = claims;
  const project = scope.kind === 'project' ? scope : null;
  return {
    userId: claims.userId,
    userName: claims.userName,
    userDomainId: claims.userDomainId,
    projectId: project?.id ?? null,
    projectName: project?.name ?? null,
    projectDomainId: project?.domainId ?? null,
    domainId: scope.kind === 'domain' ? scope.id : null,
    system: scope.kind === 'system',
    roles: claims.roles,
    isAdmin: claims.roles.includes('admin'),
    serviceRoles,
    token,
    expiresAt: claims.expiresAt,
  };
}
