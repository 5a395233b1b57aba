/** Who asks, as a verified token says. Ids are OpenStack's hexadecimal ones. */
export interface Caller {
  readonly userId: string;
  readonly userName: string;
  readonly userDomainId: string;
  /** Null for a token that is not scoped to a project. */
  readonly projectId: string | null;
  readonly projectName: string | null;
  readonly projectDomainId: string | null;
  /** The domain a token is scoped to, when it is. */
  readonly domainId: string | null;
  readonly system: boolean;
  /** All roles, implied ones included, lower case. */
  readonly roles: readonly string[];
  readonly isAdmin: boolean;
  /** Roles of a valid `X-Service-Token` beside the user's token; empty without one. */
  readonly serviceRoles: readonly string[];
  /** The token as it came, to ask other services in the caller's name. */
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}
