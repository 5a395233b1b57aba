import type { Selectable } from 'kysely';
import type { InstanceFlavor } from '../domain/instance.ts';
import { conflict } from '../lib/errors.ts';
import { isDuplicate } from '../lib/sql/database.ts';
import type { ApiDatabase } from './stores.ts';
import type { ApiTables } from './tables.ts';

/** A flavor as operators keep it. */
export interface Flavor extends InstanceFlavor {
  readonly rowId: number;
  readonly description: string | null;
  readonly createdAt: string;
  readonly updatedAt: string | null;
}

const toFlavor = (row: Selectable<ApiTables['flavors']>): Flavor => ({
  rowId: row.id,
  flavorId: row.flavor_id,
  name: row.name,
  vcpus: row.vcpus,
  memoryMb: row.memory_mb,
  rootGb: row.root_gb,
  ephemeralGb: row.ephemeral_gb,
  swapMb: row.swap_mb,
  rxtxFactor: row.rxtx_factor,
  disabled: row.disabled,
  isPublic: row.is_public,
  extraSpecs: row.extra_specs,
  description: row.description,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Whom a flavor must be visible to: everything for an administrator, else public ones and those the project was given. */
export interface FlavorViewer {
  readonly projectId: string | null;
  readonly isAdmin: boolean;
}

/** A flavor by its public id, or null where the viewer may not see it. */
export async function findFlavor(api: ApiDatabase, flavorId: string, viewer: FlavorViewer): Promise<Flavor | null> {
  const row = await api
    .selectFrom('flavors')
    .selectAll()
    .where('flavor_id', '=', flavorId)
    .$if(!viewer.isAdmin, (query) => query.where((eb) => eb.or([eb('is_public', '=', true), visibleTo(eb, viewer.projectId)])))
    .executeTakeFirst();
  return row === undefined ? null : toFlavor(row);
}

// oxlint-disable-next-line typescript/no-explicit-any -- Kysely's builder type of this one query
const visibleTo = (eb: any, projectId: string | null) =>
  eb.exists(eb.selectFrom('flavor_projects').select('project_id').whereRef('flavor_projects.flavor_id', '=', 'flavors.id').where('flavor_projects.project_id', '=', projectId ?? ''));

export interface FlavorQuery {
  /** True and false choose by visibility; null takes both (administrators only). */
  readonly isPublic: boolean | null;
  readonly minRam: number | null;
  readonly minDisk: number | null;
  readonly sort: { readonly column: 'flavor_id' | 'name' | 'vcpus' | 'memory_mb' | 'root_gb' | 'ephemeral_gb' | 'swap_mb' | 'rxtx_factor' | 'created_at' | 'updated_at' | 'disabled' | 'is_public' | 'id'; readonly direction: 'asc' | 'desc' };
  readonly limit: number | null;
  readonly after: string | null;
}

/** One page of flavors, in one statement. Null when the marker is none. */
export async function listFlavors(api: ApiDatabase, query: FlavorQuery, viewer: FlavorViewer): Promise<Flavor[] | null> {
  const { column, direction } = query.sort;
  const marker = query.after === null ? null : await api.selectFrom('flavors').selectAll().where('flavor_id', '=', query.after).executeTakeFirst();
  if (marker === undefined) return null;
  let select = api.selectFrom('flavors').selectAll();
  if (query.isPublic === true) select = select.where((eb) => (viewer.isAdmin || viewer.projectId === null ? eb('is_public', '=', true) : eb.or([eb('is_public', '=', true), visibleTo(eb, viewer.projectId)])));
  if (query.isPublic === false) select = select.where((eb) => (viewer.isAdmin ? eb('is_public', '=', false) : eb.and([eb('is_public', '=', false), visibleTo(eb, viewer.projectId)])));
  if (query.minRam !== null) select = select.where('memory_mb', '>=', query.minRam);
  if (query.minDisk !== null) select = select.where('root_gb', '>=', query.minDisk);
  if (marker !== null) {
    const beyond = direction === 'asc' ? '>' : '<';
    select = select.where((eb) => eb.or([eb(column, beyond, marker[column] as never), eb.and([eb(column, '=', marker[column] as never), eb('id', '>', marker.id)])]));
  }
  select = select.orderBy(column, direction).orderBy('id', 'asc');
  if (query.limit !== null) select = select.limit(query.limit);
  return (await select.execute()).map(toFlavor);
}

export type NewFlavor = Omit<Flavor, 'rowId' | 'createdAt' | 'updatedAt'>;

/** Adds a flavor; its id and its name are unique. */
export async function createFlavor(api: ApiDatabase, flavor: NewFlavor): Promise<Flavor> {
  try {
    const row = await api
      .insertInto('flavors')
      .values({
        flavor_id: flavor.flavorId, name: flavor.name, vcpus: flavor.vcpus, memory_mb: flavor.memoryMb, root_gb: flavor.rootGb, ephemeral_gb: flavor.ephemeralGb, swap_mb: flavor.swapMb,
        rxtx_factor: flavor.rxtxFactor, disabled: flavor.disabled, is_public: flavor.isPublic, description: flavor.description, extra_specs: JSON.stringify(flavor.extraSpecs),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return toFlavor(row);
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    const byName = await api.selectFrom('flavors').select('id').where('name', '=', flavor.name).executeTakeFirst();
    throw conflict(byName === undefined ? `Flavor with ID ${flavor.flavorId} already exists.` : `Flavor with name ${flavor.name} already exists.`);
  }
}
