import type { Clock } from '../lib/clock.ts';
import { isKind, unavailable } from '../lib/errors.ts';
import { createHttpClient } from '../lib/http/client.ts';
import type { Log } from '../lib/log.ts';
import type { IdentityClient } from './identity.ts';
import { createIdentityLogin, type Catalog, type Credentials } from './identity-login.ts';
import { createRevocationFeed } from './identity-revocations.ts';
import { createLimitReader } from './identity-limits.ts';
import { createTokenVerifier } from './identity-tokens.ts';

export interface IdentityClientOptions extends Credentials {
  /** With or without `/v3`. */
  readonly authUrl: string;
  readonly region: string;
  /** Which endpoints of the catalog are used. Default: internal, and public where there is none. */
  readonly interface?: 'internal' | 'public' | 'admin';
  readonly log: Log;
  readonly clock: Clock;
}

/** A token as a header may carry it; longer or stranger ones are nobody's. */
const tokenForm = /^[\w.~+/=-]{1,8192}$/;

/** Verifies tokens and finds services with our own identity service or a Keystone. */
export function createIdentityClient(options: IdentityClientOptions): IdentityClient {
  const { region, log, clock } = options;
  const http = createHttpClient({ service: 'identity' });
  const baseUrl = options.authUrl.replace(/\/+$/, '').replace(/(\/v3)?$/, '/v3');
  const login = createIdentityLogin({ http, baseUrl, clock, log }, options);
  const revocations = createRevocationFeed({ http, baseUrl, login, clock, log });
  const tokens = createTokenVerifier({ http, baseUrl, login, revocations, clock });
  const interfaces = [options.interface ?? 'internal', 'public'];

  return {
    async authenticate(headers) {
      const [token, serviceToken] = [headers['x-auth-token'], headers['x-service-token']];
      if (typeof token !== 'string' || !tokenForm.test(token)) return null;
      if (serviceToken === undefined) return tokens.verify(token, { allowExpired: false });
      if (typeof serviceToken !== 'string' || !tokenForm.test(serviceToken)) return null;
      const service = await tokens.verify(serviceToken, { allowExpired: false });
      if (service === null) return null;
      const caller = await tokens.verify(token, { allowExpired: service.roles.includes('service') });
      return caller === null ? null : { ...caller, serviceRoles: service.roles };
    },
    serviceSession: { token: () => login.token() },
    sessionOf: (caller) => ({ token: async () => caller.token }),
    endpoints: {
      async url(serviceType) {
        const url =
          endpointIn(await login.catalog(), serviceType, region, interfaces) ??
          endpointIn(await login.refreshCatalog(), serviceType, region, interfaces);
        if (url === null)
          throw unavailable(`The catalog has no ${serviceType} service in region ${region}.`, {
            code: 'not-in-catalog',
            details: { service: serviceType },
          });
        return url;
      },
    },
    async projectExists(projectId) {
      try {
        await http.json({ url: `${baseUrl}/projects/${encodeURIComponent(projectId)}`, headers: { 'x-auth-token': await login.token() } });
        return true;
      } catch (error) {
        if (isKind(error, 'notFound')) return false;
        if (isKind(error, 'forbidden')) return null;
        throw error;
      }
    },
    limits: createLimitReader({ http, baseUrl, login, region }),
    close: () => http.close(),
  };
}

/** Names under which catalogs list the same service. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  volumev3: ['block-storage', 'block-store', 'volume'],
  'shared-file-system': ['sharev2', 'share'],
};

function endpointIn(catalog: Catalog, serviceType: string, region: string, interfaces: readonly string[]): string | null {
  for (const type of [serviceType, ...(aliases[serviceType] ?? [])]) {
    const endpoints = catalog
      .filter((service) => service.type === type)
      .flatMap((service) => service.endpoints.filter(({ region_id }) => region_id === region));
    for (const kind of interfaces) {
      const found = endpoints.find((endpoint) => endpoint.interface === kind);
      if (found !== undefined) return found.url.replace(/\/+$/, '');
    }
  }
  return null;
}
