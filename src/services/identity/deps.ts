import type { Clock } from '../../lib/clock.ts';
import { unauthenticated, type KilonovaError } from '../../lib/errors.ts';
import { routeFactory } from '../../lib/http/route.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { Passwords } from './password-hash.ts';
import type { IdentityRule } from './policy.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { IdentityDatabase } from './tables.ts';

/** What handlers of the identity service work with. */
export interface IdentityDeps {
  readonly db: IdentityDatabase;
  readonly keys: SigningKeys;
  readonly passwords: Passwords;
  readonly throttle: LoginThrottle;
  /** How long a token lives that is not made from another. */
  readonly tokenSeconds: number;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}

export const route = routeFactory<IdentityDeps, IdentityRule>();

/** A new id, hexadecimal as Keystone's are. */
export const newId = ({ ids }: Pick<IdentityDeps, 'ids'>): string => ids.uuid().replaceAll('-', '');

/** The one answer to every failed log-in, so that it does not tell who exists. */
export const refused = (): KilonovaError => unauthenticated('The request you have made requires authentication.');
