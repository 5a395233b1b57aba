import type { AnyRoute } from '../../../lib/http/route.ts';
import type { ApiDeps } from '../deps.ts';
import { aggregateActions, aggregateRoutes } from './aggregates/routes.ts';
import { availabilityZoneRoutes } from './availability-zones/routes.ts';
import { externalEventRoutes } from './external-events/routes.ts';
import { flavorActions } from './flavors/access.ts';
import { flavorRoutes } from './flavors/routes.ts';
import { hypervisorRoutes } from './hypervisors/routes.ts';
import { keyPairRoutes } from './key-pairs/routes.ts';
import { limitRoutes } from './limits/routes.ts';
import { quotaSetRoutes } from './quota-sets/routes.ts';
import { serverGroupRoutes } from './server-groups/routes.ts';
import { serverActions } from './servers/actions.ts';
import { serverRoutes } from './servers/routes.ts';
import { retiredRoutes } from './retired/routes.ts';
import { serviceRoutes } from './services/routes.ts';

/** Every route of the Compute API, by resource. */
export const routes: readonly AnyRoute<ApiDeps>[] = [
  ...serverRoutes,
  ...flavorRoutes,
  ...keyPairRoutes,
  ...serviceRoutes,
import { versionByIdRoutes } from './versions/routes.ts';
  ...hypervisorRoutes,
  ...aggregateRoutes,
  ...availabilityZoneRoutes,
  ...serverGroupRoutes,
  ...limitRoutes,
  ...quotaSetRoutes,
  ...externalEventRoutes,
];

/** Every path that takes actions. */
export const actionRoutes = [serverActions, flavorActions, aggregateActions] as const;
  ...versionByIdRoutes,
  ...retiredRoutes,
