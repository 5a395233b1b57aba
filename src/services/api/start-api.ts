import type { IdentityClient } from '../../clients/identity.ts';
import { createPolicy } from '../../lib/policy/policy.ts';
import { createService, listen } from '../../lib/http/service.ts';
import { idempotencyStore, wasBegun } from '../../store/idempotency.ts';
import type { ApiDeps } from './deps.ts';
import { computeFaults } from './faults.ts';
import { computeMicroversions } from './microversions.ts';
import { policyRules } from './policy.ts';
import { actionRoutes, routes } from './resources/index.ts';
import { docsRoutes } from './resources/docs/routes.ts';
import { operatorRoutes } from './resources/operator/routes.ts';
import { placementRoutes } from './resources/placements/routes.ts';
import { atAnyMethod, choicesFor, projectVersionRoutes, versionRoutes } from './resources/versions/routes.ts';

export interface ApiOptions extends ApiDeps {
  readonly identity: IdentityClient;
  readonly host: string;
  readonly port: number;
  /** Rules of the operator's policy file. */
  readonly policyOverrides: Readonly<Record<string, string>>;
}

const ofProject = '/:projectId(^[0-9a-f-]+$)';

/** The HTTP application of the Compute API, not yet listening. */
export function createApi(options: ApiOptions) {
  const { settings } = options;
  return createService<ApiDeps>({
    name: 'compute',
    routes,
    actionRoutes,
    rootRoutes: [
      ...atAnyMethod(versionRoutes),
      ...projectVersionRoutes([`/v2.1${ofProject}`, `/v2${ofProject}`]),
      ...operatorRoutes,
      ...docsRoutes,
      ...placementRoutes,
    ],
    mounts: ['/v2.1', `/v2.1${ofProject}`, { prefix: '/v2', legacy: true }, { prefix: `/v2${ofProject}`, legacy: true }],
    microversions: computeMicroversions,
    faults: computeFaults(settings.keystone_authtoken.www_authenticate_uri || settings.keystone_authtoken.auth_url, choicesFor),
    policy: createPolicy(policyRules, options.policyOverrides),
    authenticate: (headers) => options.identity.authenticate(headers),
    onceOnly: { store: idempotencyStore(options.stores.api), wasCarriedOut: (requestId) => wasBegun(options.stores, requestId) },
    deps: options,
    log: options.log,
    maxBodyBytes: 114_688,
    refusesOtherKeys: true,
    authenticatesFirst: true,
    bodyTypes: ['application/json', 'application/vnd.openstack.compute+json', 'text/plain'],
    requestIdHeaders: ['x-openstack-request-id', 'x-compute-request-id'],
    ...(settings.api.compute_link_prefix === null ? {} : { linkPrefix: settings.api.compute_link_prefix }),
  });
}

/** Starts the Compute API. */
export async function startApi(options: ApiOptions): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const app = createApi(options);
  const port = await listen(app, options);
  return { port, stop: () => app.close() };
}
