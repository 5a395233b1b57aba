import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from '../lib/http/caller.ts';
import type { Endpoints, Session } from './session.ts';

/** Verifies tokens for the other services, and gets tokens for them. */
export interface IdentityClient {
  /**
   * Who asks, from `X-Auth-Token` and `X-Service-Token`: null when there is no token or it is expired, revoked or forged.
   * Signed tokens of our own identity service are checked here, without a request; others by asking (and remembered for a while).
   */
  authenticate(headers: IncomingHttpHeaders): Promise<Caller | null>;
  /** The service's own session; its token is renewed before it expires. */
  readonly serviceSession: Session;
  /** A session in a caller's name. */
  sessionOf(caller: Caller): Session;
  readonly endpoints: Endpoints;
  /** Whether such a project exists; null when this may not be asked. */
  projectExists(projectId: string): Promise<boolean | null>;
  /**
   * The limits of one service (unified limits), by the names of their resources: those registered for everybody, and what a project has
   * instead. The service is that of an endpoint, or the first one of type compute where none is named.
   */
  limits(of: { readonly endpointId: string | null; readonly projectId: string | null }): Promise<{
    readonly registered: Readonly<Record<string, number>>;
    readonly ofProject: Readonly<Record<string, number>>;
  }>;
  close(): Promise<void>;
}
