import type { TokenClaims } from './token.ts';

/** Which tokens are revoked: those that match everything given here and were issued at or before `issuedBefore`. */
export interface RevocationEvent {
  /** One token. */
  readonly auditId?: string;
  /** A token and all made from it. */
  readonly auditChainId?: string;
  readonly applicationCredentialId?: string;
  readonly roleName?: string;
  readonly userId?: string;
  /** Alone: all tokens of the project. With a user: those of the user on it. */
  readonly projectId?: string;
  /** Alone: all tokens of its users and on its projects. With a user: those of the user scoped to the domain. */
  readonly domainId?: string;
  /** With a user: those scoped to the system. */
  readonly system?: boolean;
  /** Milliseconds since the epoch. */
  readonly issuedBefore: number;
}

/** The one key an event is found by; a token is revoked when one of its own keys is. */
export function revocationKey(event: RevocationEvent): string {
  const { auditId, auditChainId, applicationCredentialId, roleName, userId, projectId, domainId, system } = event;
  if (auditId !== undefined) return `audit:${auditId}`;
  if (auditChainId !== undefined) return `chain:${auditChainId}`;
  if (applicationCredentialId !== undefined) return `appcred:${applicationCredentialId}`;
  if (roleName !== undefined) return `role:${roleName.toLowerCase()}`;
  const user = userId === undefined ? '' : `user:${userId}`;
  if (system === true) return `${user} system`;
  if (projectId !== undefined) return `${user} project:${projectId}`;
  if (domainId !== undefined) return `${user} domain:${domainId}`;
  return user;
}

/** Every key under which an event would revoke this token. */
export function keysOf(claims: TokenClaims): readonly string[] {
  const { userId, userDomainId, scope, roles, auditIds, applicationCredential } = claims;
  const events: Omit<RevocationEvent, 'issuedBefore'>[] = [{ userId }, { domainId: userDomainId }, { auditChainId: auditIds.at(-1) ?? '' }];
  for (const auditId of auditIds.slice(0, 1)) events.push({ auditId });
  for (const roleName of roles) events.push({ roleName });
  if (applicationCredential !== null) events.push({ applicationCredentialId: applicationCredential.id });
  if (scope.kind === 'project') events.push({ projectId: scope.id }, { userId, projectId: scope.id }, { domainId: scope.domainId });
  if (scope.kind === 'domain') events.push({ domainId: scope.id }, { userId, domainId: scope.id });
  if (scope.kind === 'system') events.push({ userId, system: true });
  return [...new Set(events.map((event) => revocationKey({ ...event, issuedBefore: 0 })))];
}

/** What is revoked, as far as it is known here. */
export interface RevocationList {
  add(event: RevocationEvent): void;
  /** Whether a token with these keys (`keysOf`), issued then, is revoked. */
  isRevoked(keys: readonly string[], issuedAt: number): boolean;
  /** Forgets events that only match tokens issued before `time`. */
  forgetBefore(time: number): void;
  readonly size: number;
}

export function createRevocationList(): RevocationList {
  const latest = new Map<string, number>();
  return {
    add(event) {
      const key = revocationKey(event);
      latest.set(key, Math.max(latest.get(key) ?? 0, event.issuedBefore));
    },
    isRevoked: (keys, issuedAt) => keys.some((key) => issuedAt <= (latest.get(key) ?? -1)),
    forgetBefore(time) {
      for (const [key, issuedBefore] of latest) if (issuedBefore < time) latest.delete(key);
    },
    get size() {
      return latest.size;
    },
  };
}

/** An event as the identity service's feed writes it (Keystone's names, and three of ours). */
export interface WireRevocationEvent {
  readonly audit_id?: string;
  readonly audit_chain_id?: string;
  readonly application_credential_id?: string;
  readonly role_name?: string;
  readonly user_id?: string;
  readonly project_id?: string;
  readonly domain_id?: string;
  readonly system?: boolean;
  readonly issued_before: string;
}

const wireNames = {
  auditId: 'audit_id',
  auditChainId: 'audit_chain_id',
  applicationCredentialId: 'application_credential_id',
  roleName: 'role_name',
  userId: 'user_id',
  projectId: 'project_id',
  domainId: 'domain_id',
  system: 'system',
} as const satisfies Record<Exclude<keyof RevocationEvent, 'issuedBefore'>, keyof WireRevocationEvent>;

export function toWireEvent(event: RevocationEvent): WireRevocationEvent {
  const named = Object.entries(wireNames).flatMap(([ours, theirs]) => {
    const value = event[ours as keyof typeof wireNames];
    return value === undefined ? [] : [[theirs, value] as const];
  });
  return { ...Object.fromEntries(named), issued_before: new Date(event.issuedBefore).toISOString() };
}

export function fromWireEvent(wire: WireRevocationEvent): RevocationEvent {
  const named = Object.entries(wireNames).flatMap(([ours, theirs]) =>
    wire[theirs] === undefined || wire[theirs] === null ? [] : [[ours, wire[theirs]] as const],
  );
  return { ...Object.fromEntries(named), issuedBefore: Date.parse(wire.issued_before) };
}
