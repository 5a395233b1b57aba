import type { AnyRoute } from '../../lib/http/route.ts';
import type { NetworkDeps } from './deps.ts';
import { networkRoutes as networks } from './resources/networks/routes.ts';
import { portRoutes } from './resources/ports/routes.ts';
import { securityGroupRoutes } from './resources/security-groups/routes.ts';
import { subnetRoutes } from './resources/subnets/routes.ts';
import { versionRoutes } from './resources/versions.ts';
import { wishRoutes } from './wish/routes.ts';

/** Everything the network service answers to. */
export const networkRoutes: readonly AnyRoute<NetworkDeps>[] = [
  ...versionRoutes,
  ...networks,
  ...subnetRoutes,
  ...portRoutes,
  ...securityGroupRoutes,
  ...wishRoutes,
];
