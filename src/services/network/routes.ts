import type { AnyRoute } from '../../lib/http/route.ts';
import type { NetworkDeps } from './deps.ts';
import { quotaRoutes } from './quota/routes.ts';
import { agentRoutes } from './resources/agents/routes.ts';
import { autoAllocatedTopologyRoutes } from './resources/auto-allocated-topology.ts';
import { extensionRoutes } from './resources/extensions.ts';
import { floatingIps } from './resources/floating-ips/collection.ts';
import { floatingIpRoutes } from './resources/floating-ips/routes.ts';
import { ipAvailabilityRoutes } from './resources/ip-availabilities.ts';
import { networks } from './resources/networks/collection.ts';
import { networkRoutes as routesOfNetworks } from './resources/networks/routes.ts';
import { bindingRoutes } from './resources/ports/binding-routes.ts';
import { ports } from './resources/ports/collection.ts';
import { portRoutes } from './resources/ports/routes.ts';
import { rbacPolicyRoutes } from './resources/rbac-policies.ts';
import { routers } from './resources/routers/collection.ts';
import { routerRoutes } from './resources/routers/routes.ts';
import { securityGroups } from './resources/security-groups/collection.ts';
import { securityGroupRoutes } from './resources/security-groups/routes.ts';
import { smallCollectionRoutes } from './resources/small-collections.ts';
import { subnets } from './resources/subnets/collection.ts';
import { subnetRoutes } from './resources/subnets/routes.ts';
import { tagRoutes } from './resources/tags.ts';
import { versionRoutes } from './resources/versions.ts';
import { wishRoutes } from './wish/routes.ts';

/** Everything the network service answers to. */
export const networkRoutes: readonly AnyRoute<NetworkDeps>[] = [
  ...versionRoutes,
  ...routesOfNetworks,
  ...subnetRoutes,
  ...portRoutes,
  ...bindingRoutes,
  ...routerRoutes,
  ...floatingIpRoutes,
  ...securityGroupRoutes,
  ...rbacPolicyRoutes,
  ...quotaRoutes,
  ...agentRoutes,
  ...extensionRoutes,
  ...smallCollectionRoutes,
  ...ipAvailabilityRoutes,
  ...autoAllocatedTopologyRoutes,
  ...tagRoutes(networks),
  ...tagRoutes(subnets),
  ...tagRoutes(ports),
  ...tagRoutes(routers),
  ...tagRoutes(floatingIps),
  ...tagRoutes(securityGroups),
  ...wishRoutes,
];
