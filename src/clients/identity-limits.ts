import { notFound } from '../lib/errors.ts';
import type { HttpClient } from '../lib/http/client.ts';
import type { IdentityClient } from './identity.ts';

interface Deps {
  readonly http: HttpClient;
  readonly baseUrl: string;
  readonly login: { token(): Promise<string> };
  readonly region: string;
}

interface Registered {
  readonly resource_name: string;
  readonly default_limit: number;
  readonly region_id: string | null;
}
interface OfProject {
  readonly resource_name: string;
  readonly resource_limit: number;
  readonly region_id: string | null;
}
interface Service {
  readonly serviceId: string;
  readonly regionId: string;
}

/** Reads unified limits in the service's own name; which service they are for is found out once. */
export function createLimitReader({ http, baseUrl, login, region }: Deps): IdentityClient['limits'] {
  const known = new Map<string | null, Service>();
  const ask = async <T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> => {
    const parameters = new URLSearchParams(query).toString();
    const url = `${baseUrl}${path}${parameters === '' ? '' : `?${parameters}`}`;
    return (await http.json<T>({ url, headers: { 'x-auth-token': await login.token() } })).json;
  };

  async function serviceOf(endpointId: string | null): Promise<Service> {
    const found = known.get(endpointId);
    if (found !== undefined) return found;
    let service: Service;
    if (endpointId === null) {
      const { services } = await ask<{ readonly services: readonly { readonly id: string }[] }>('/services', { type: 'compute' });
      if (services[0] === undefined) throw notFound('The identity service knows no compute service, so it has no limits for one.');
      service = { serviceId: services[0].id, regionId: region };
    } else {
      const { endpoint } = await ask<{ readonly endpoint: { readonly service_id: string; readonly region_id: string | null } }>(
        `/endpoints/${encodeURIComponent(endpointId)}`,
      );
      service = { serviceId: endpoint.service_id, regionId: endpoint.region_id ?? region };
    }
    known.set(endpointId, service);
    return service;
  }

  return async ({ endpointId, projectId }) => {
    const { serviceId, regionId } = await serviceOf(endpointId);
    /** Those of the region, before those of all regions. */
    const byName = <L extends { readonly resource_name: string; readonly region_id: string | null }>(
      limits: readonly L[],
      limitOf: (limit: L) => number,
    ): Record<string, number> => {
      const ours = limits.filter((limit) => limit.region_id === null || limit.region_id === regionId);
      const sorted = ours.toSorted((a, b) => Number(a.region_id !== null) - Number(b.region_id !== null));
      return Object.fromEntries(sorted.map((limit) => [limit.resource_name, limitOf(limit)]));
    };
    const [{ registered_limits: registered }, { limits }] = await Promise.all([
      ask<{ readonly registered_limits: readonly Registered[] }>('/registered_limits', { service_id: serviceId }),
      projectId === null
        ? { limits: [] }
        : ask<{ readonly limits: readonly OfProject[] }>('/limits', { service_id: serviceId, project_id: projectId }),
    ]);
    return {
      registered: byName(registered, ({ default_limit: limit }) => limit),
      ofProject: byName(limits, ({ resource_limit: limit }) => limit),
    };
  };
}
