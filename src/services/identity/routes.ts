import type { AnyRoute } from '../../lib/http/route.ts';
import type { IdentityDeps } from './deps.ts';
import { applicationCredentialRoutes } from './resources/application-credentials.ts';
import { domainRoutes } from './resources/domains.ts';
import { endpointRoutes } from './resources/endpoints.ts';
import { grantRoutes } from './resources/grants.ts';
import { groupRoutes } from './resources/groups.ts';
import { impliedRoleRoutes } from './resources/implied-roles.ts';
import { limitRoutes } from './resources/limits.ts';
import { projectTagRoutes } from './resources/project-tags.ts';
import { projectRoutes } from './resources/projects.ts';
import { regionRoutes } from './resources/regions.ts';
import { registeredLimitRoutes } from './resources/registered-limits.ts';
import { roleAssignmentRoutes } from './resources/role-assignments.ts';
import { roleRoutes } from './resources/roles.ts';
import { serviceRoutes } from './resources/services.ts';
import { userRoutes } from './resources/users.ts';
import { revocationRoutes } from './revocation-routes.ts';
import { tokenRoutes } from './tokens/routes.ts';
import { scopeRoutes } from './tokens/scope-routes.ts';
import { versionRoutes } from './version-routes.ts';

/** Everything the identity service answers. */
export const identityRoutes: readonly AnyRoute<IdentityDeps>[] = [
  ...versionRoutes,
  ...tokenRoutes,
  ...scopeRoutes,
  ...revocationRoutes,
  ...domainRoutes,
  ...projectRoutes,
  ...projectTagRoutes,
  ...userRoutes,
  ...groupRoutes,
  ...roleRoutes,
  ...impliedRoleRoutes,
  ...grantRoutes,
  ...roleAssignmentRoutes,
  ...applicationCredentialRoutes,
  ...serviceRoutes,
  ...endpointRoutes,
  ...regionRoutes,
  ...registeredLimitRoutes,
  ...limitRoutes,
];
