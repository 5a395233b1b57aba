import type { AnyRoute } from '../../lib/http/route.ts';
import type { IdentityDeps } from './deps.ts';
import { revocationRoutes } from './revocation-routes.ts';
import { tokenRoutes } from './tokens/routes.ts';
import { versionRoutes } from './version-routes.ts';

/** Everything the identity service answers. */
export const identityRoutes: readonly AnyRoute<IdentityDeps>[] = [...versionRoutes, ...tokenRoutes, ...revocationRoutes];
