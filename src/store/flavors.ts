import { sql, type ExpressionBuilder, type ExpressionWrapper, type Selectable, type SqlBool } from 'kysely';
import type { InstanceFlavor } from '../domain/instance.ts';
import { conflict } from '../lib/errors.ts';
import { isDuplicate, type Executor } from '../lib/sql/database.ts';
import { patiently } from '../lib/sql/patiently.ts';
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

const visibleTo = (eb: ExpressionBuilder<ApiTables, 'flavors'>, projectId: string | null) =>
  eb.exists(
    eb
      .selectFrom('flavor_projects')
      .select('project_id')
      .whereRef('flavor_projects.flavor_id', '=', 'flavors.id')
      .where('flavor_projects.project_id', '=', projectId ?? ''),
  );

/** Columns a list of flavors can be sorted by. */
export type FlavorSortColumn =
  | 'flavor_id'
  | 'name'
  | 'vcpus'
  | 'memory_mb'
  | 'root_gb'
  | 'ephemeral_gb'
  | 'swap_mb'
  | 'rxtx_factor'
  | 'created_at'
  | 'updated_at'
  | 'disabled'
  | 'is_public'
  | 'description'
  | 'id';

export interface FlavorQuery {
  /** True takes public ones and those the viewer's project was given, false private ones; null takes all (administrators only). */
  readonly isPublic: boolean | null;
  readonly minRam: number | null;
  readonly minDisk: number | null;
  /** A regular expression the name must match somewhere. */
  readonly name?: string | null;
  readonly sort: { readonly column: FlavorSortColumn; readonly direction: 'asc' | 'desc' };
  readonly limit: number | null;
  readonly after: string | null;
}

/** One page of flavors, in one statement. Null when the marker is none. Disabled ones are for administrators only. */
export async function listFlavors(api: ApiDatabase, query: FlavorQuery, viewer: FlavorViewer): Promise<Flavor[] | null> {
  const marker =
    query.after === null ? null : await api.selectFrom('flavors').selectAll().where('flavor_id', '=', query.after).executeTakeFirst();
  if (marker === undefined) return null;
  if (query.name == null) return (await selectPage(api, query, viewer, marker).execute()).map(toFlavor);
  return patiently(api, async (tx) => (await selectPage(tx, query, viewer, marker).execute()).map(toFlavor));
}

function selectPage(api: Executor<ApiTables>, query: FlavorQuery, viewer: FlavorViewer, marker: Selectable<ApiTables['flavors']> | null) {
  const { column, direction } = query.sort;
  let select = api.selectFrom('flavors').selectAll();
  if (!viewer.isAdmin) select = select.where('disabled', '=', false);
  if (query.isPublic === true || !viewer.isAdmin)
    select = select.where((eb) => eb.or([eb('is_public', '=', true), visibleTo(eb, viewer.projectId)]));
  if (query.isPublic === false) select = select.where('is_public', '=', false);
  if (query.minRam !== null) select = select.where('memory_mb', '>=', query.minRam);
  if (query.minDisk !== null) select = select.where('root_gb', '>=', query.minDisk);
  if (query.name != null) select = select.where('name', '~*', query.name);
  if (marker !== null) select = select.where((eb) => afterMarker(eb, query.sort, marker));
  select = select
    .orderBy(column, (order) => (direction === 'asc' ? order.asc().nullsFirst() : order.desc().nullsLast()))
    .orderBy('id', 'asc');
  if (query.limit !== null) select = select.limit(query.limit);
  return select;
}

/** Strictly after the marker in the sort order; nulls come before everything else. */
function afterMarker(
  eb: ExpressionBuilder<ApiTables, 'flavors'>,
  { column, direction }: FlavorQuery['sort'],
  marker: Selectable<ApiTables['flavors']>,
): ExpressionWrapper<ApiTables, 'flavors', SqlBool> {
  const value = marker[column];
  const sameThenId = eb.and([value === null ? eb(column, 'is', null) : eb(column, '=', value as never), eb('id', '>', marker.id)]);
  if (direction === 'asc') return eb.or([value === null ? eb(column, 'is not', null) : eb(column, '>', value as never), sameThenId]);
  return value === null ? sameThenId : eb.or([eb(column, '<', value as never), eb(column, 'is', null), sameThenId]);
}

export type NewFlavor = Omit<Flavor, 'rowId' | 'createdAt' | 'updatedAt'>;

/** Adds a flavor; its id and its name are unique. */
export async function createFlavor(api: ApiDatabase, flavor: NewFlavor): Promise<Flavor> {
  try {
    const row = await api
      .insertInto('flavors')
      .values({
        flavor_id: flavor.flavorId,
        name: flavor.name,
        vcpus: flavor.vcpus,
        memory_mb: flavor.memoryMb,
        root_gb: flavor.rootGb,
        ephemeral_gb: flavor.ephemeralGb,
        swap_mb: flavor.swapMb,
        rxtx_factor: flavor.rxtxFactor,
        disabled: flavor.disabled,
        is_public: flavor.isPublic,
        description: flavor.description,
        extra_specs: JSON.stringify(flavor.extraSpecs),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return toFlavor(row);
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    const byName = await api.selectFrom('flavors').select('id').where('name', '=', flavor.name).executeTakeFirst();
    throw conflict(
      byName === undefined ? `Flavor with ID ${flavor.flavorId} already exists.` : `Flavor with name ${flavor.name} already exists.`,
    );
  }
}

/** Changes what may be changed of a flavor; null when there is none. */
export async function describeFlavor(api: ApiDatabase, flavorId: string, description: string | null): Promise<Flavor | null> {
  const row = await api
    .updateTable('flavors')
    .set({ description, updated_at: new Date() })
    .where('flavor_id', '=', flavorId)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : toFlavor(row);
}

/** Servers keep their copy of it. Answers whether there was one. */
export async function deleteFlavor(api: ApiDatabase, flavorId: string): Promise<boolean> {
  const { numDeletedRows } = await api.deleteFrom('flavors').where('flavor_id', '=', flavorId).executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Sets these extra specs and leaves the others, in one statement; false when the flavor is gone. */
export async function mergeExtraSpecs(api: ApiDatabase, flavorId: string, specs: Readonly<Record<string, string>>): Promise<boolean> {
  const { numUpdatedRows } = await api
    .updateTable('flavors')
    .set({ extra_specs: sql<string>`extra_specs || ${JSON.stringify(specs)}::jsonb`, updated_at: new Date() })
    .where('flavor_id', '=', flavorId)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Answers whether the flavor had it. */
export async function removeExtraSpec(api: ApiDatabase, flavorId: string, key: string): Promise<boolean> {
  const { numUpdatedRows } = await api
    .updateTable('flavors')
    .set({ extra_specs: sql<string>`extra_specs - ${key}::text`, updated_at: new Date() })
    .where('flavor_id', '=', flavorId)
    .where(sql<SqlBool>`jsonb_exists(extra_specs, ${key})`)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** The projects a private flavor was given. */
export async function projectsOfFlavor(api: ApiDatabase, flavor: Pick<Flavor, 'rowId'>): Promise<string[]> {
  const rows = await api
    .selectFrom('flavor_projects')
    .select('project_id')
    .where('flavor_id', '=', flavor.rowId)
    .orderBy('project_id')
    .execute();
  return rows.map((row) => row.project_id);
}

/** Answers false when the project has it already. */
export async function giveFlavor(api: ApiDatabase, flavor: Pick<Flavor, 'rowId'>, projectId: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await api
    .insertInto('flavor_projects')
    .values({ flavor_id: flavor.rowId, project_id: projectId })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** Answers false when the project did not have it. */
export async function takeFlavor(api: ApiDatabase, flavor: Pick<Flavor, 'rowId'>, projectId: string): Promise<boolean> {
  const { numDeletedRows } = await api
    .deleteFrom('flavor_projects')
    .where('flavor_id', '=', flavor.rowId)
    .where('project_id', '=', projectId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
