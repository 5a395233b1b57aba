import type { IdentityExecutor } from './tables.ts';

export interface CatalogEntry {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly endpoints: readonly CatalogEndpoint[];
}
export interface CatalogEndpoint {
  readonly id: string;
  readonly interface: string;
  readonly region: string | null;
  readonly region_id: string | null;
  readonly url: string;
}

/** Every enabled service with its enabled endpoints; URLs that name a project are filled in, or left out where the token has none. */
export async function catalogFor(db: IdentityExecutor, projectId: string | null): Promise<CatalogEntry[]> {
  const rows = await db
    .selectFrom('services')
    .innerJoin('endpoints', 'endpoints.service_id', 'services.id')
    .select([
      'services.id',
      'services.type',
      'services.name',
      'endpoints.id as endpoint_id',
      'endpoints.interface',
      'endpoints.region_id',
      'endpoints.url',
    ])
    .where('services.enabled', '=', true)
    .where('endpoints.enabled', '=', true)
    .orderBy('services.type')
    .orderBy('services.id')
    .orderBy('endpoints.interface')
    .execute();
  return [...Map.groupBy(rows, ({ id }) => id).values()].flatMap((group) => {
    const { id, type, name } = group[0]!;
    const endpoints = group.flatMap(({ endpoint_id, interface: kind, region_id, url }) => {
      const filled = fillIn(url, projectId);
      return filled === null ? [] : [{ id: endpoint_id, interface: kind, region: region_id, region_id, url: filled }];
    });
    return endpoints.length === 0 ? [] : [{ id, type, name, endpoints }];
  });
}

const placeholder = /[$%]\((?:project_id|tenant_id)\)s/g;

function fillIn(url: string, projectId: string | null): string | null {
  if (projectId !== null) return url.replaceAll(placeholder, () => projectId);
  return url.search(placeholder) < 0 ? url : null;
}
