import type { ActionRoute, AnyRoute } from '../../../lib/http/route.ts';
import type { LocatedInstance } from '../../../store/instances.ts';
import type { ApiDeps } from '../deps.ts';
import { externalEventRoutes } from './external-events/routes.ts';
import { serverActions } from './servers/actions.ts';
import { serverRoutes } from './servers/routes.ts';

/** Every route of the Compute API, by resource. */
export const routes: readonly AnyRoute<ApiDeps>[] = [...serverRoutes, ...externalEventRoutes];

/** Every path that takes actions. */
export const actionRoutes: readonly ActionRoute<ApiDeps, LocatedInstance>[] = [serverActions];
