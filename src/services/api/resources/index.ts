import type { AnyRoute } from '../../../lib/http/route.ts';
import type { ApiDeps } from '../deps.ts';
import { externalEventRoutes } from './external-events/routes.ts';
import { flavorActions } from './flavors/access.ts';
import { flavorRoutes } from './flavors/routes.ts';
import { keyPairRoutes } from './key-pairs/routes.ts';
import { serverActions } from './servers/actions.ts';
import { serverRoutes } from './servers/routes.ts';

/** Every route of the Compute API, by resource. */
export const routes: readonly AnyRoute<ApiDeps>[] = [...serverRoutes, ...flavorRoutes, ...keyPairRoutes, ...externalEventRoutes];

/** Every path that takes actions. */
export const actionRoutes = [serverActions, flavorActions] as const;
