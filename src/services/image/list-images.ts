import { sql, type RawBuilder } from 'kysely';
import { invalid } from '../../lib/errors.ts';
import type { Caller } from '../../lib/http/caller.ts';
import { isUuid } from '../../lib/ids.ts';
import { selectImages, toImage, type ImageDatabase } from './image-store.ts';
import type { ImageRecord, MemberStatus } from './image-record.ts';

/** What sorts must not meet null: each key is an expression that always has a value. */
export const sortKeys = {
  name: "coalesce(images.name, '')",
  status: 'images.status',
  container_format: "coalesce(images.container_format, '')",
  disk_format: "coalesce(images.disk_format, '')",
  size: 'coalesce(images.size, -1)',
  id: 'images.id',
  created_at: 'images.created_at',
  updated_at: 'images.updated_at',
} as const;
export type SortKey = keyof typeof sortKeys;

export interface Sort {
  readonly key: SortKey;
  readonly direction: 'asc' | 'desc';
}

export type Comparison = 'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte';

/** Columns that filters compare, with the type their text is read as. */
const columns = {
  id: 'text',
  name: 'text',
  status: 'text',
  visibility: 'text',
  owner: 'text',
  container_format: 'text',
  disk_format: 'text',
  checksum: 'text',
  os_hash_value: 'text',
  min_ram: 'integer',
  min_disk: 'integer',
  size: 'bigint',
  protected: 'boolean',
  os_hidden: 'boolean',
  created_at: 'timestamptz',
  updated_at: 'timestamptz',
} as const;
export type FilterColumn = keyof typeof columns;

export type Filter =
  | { readonly column: FilterColumn; readonly comparison: Comparison; readonly value: string }
  | { readonly column: FilterColumn; readonly comparison: 'in'; readonly values: readonly string[] }
  | { readonly property: string; readonly value: string }
  | { readonly tag: string };

export interface ImageListing {
  readonly filters: readonly Filter[];
  readonly sorts: readonly Sort[];
  /** How far the caller's own shares must have come to be listed. */
  readonly memberStatus: MemberStatus | 'all';
  /** Whether community images of others are listed. */
  readonly withCommunity: boolean;
  readonly marker: string | null;
  readonly limit: number;
}

const operators = { eq: sql`=`, neq: sql`<>`, gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=` } as const;

function condition(filter: Filter): RawBuilder<boolean> {
  if ('tag' in filter) return sql<boolean>`EXISTS (SELECT FROM image_tags t WHERE t.image_id = images.id AND t.tag = ${filter.tag})`;
  if ('property' in filter) return sql<boolean>`images.properties ->> ${filter.property}::text = ${filter.value}`;
  const type = columns[filter.column];
  const column = filter.column === 'id' ? sql`images.id::text` : sql.ref(`images.${filter.column}`);
  if (filter.comparison === 'in') return sql<boolean>`${column} = ANY(${filter.values}::text[])`;
  // Glance compares times by the second, as it shows them
  const left = type === 'timestamptz' ? sql`date_trunc('second', ${column})` : column;
  return sql<boolean>`${left} ${operators[filter.comparison]} ${filter.value}::${sql.raw(type)}`;
}

/** The images a caller gets to see in a list, as a condition. */
function visible({ projectId }: Caller, { memberStatus, withCommunity }: ImageListing): RawBuilder<boolean> {
  const shared = memberStatus === 'all' ? sql`` : sql`AND m.status = ${memberStatus}`;
  return sql<boolean>`(images.visibility = 'public'
    OR images.owner = ${projectId}::text
    OR (${withCommunity}::boolean AND images.visibility = 'community')
    OR (images.visibility = 'shared' AND EXISTS (SELECT FROM image_members m WHERE m.image_id = images.id AND m.member_id = ${projectId}::text ${shared})))`;
}

/** One page, and whether there is more behind it. Pages are cut by key: each begins behind the marker's place in the order. */
export async function listImages(
  db: ImageDatabase,
  caller: Caller,
  isAdmin: boolean,
  listing: ImageListing,
): Promise<{ readonly images: readonly ImageRecord[]; readonly more: boolean }> {
  const { filters, marker, limit } = listing;
  const sorts = listing.sorts.some(({ key }) => key === 'id')
    ? listing.sorts
    : [...listing.sorts, { key: 'id', direction: listing.sorts.at(-1)?.direction ?? 'desc' } as const];
  let query = selectImages(db, caller.projectId);
  if (!isAdmin) query = query.where(visible(caller, listing));
  for (const filter of filters) query = query.where(condition(filter));
  if (marker !== null) {
    if (!(await markerExists(db, caller, isAdmin, marker))) throw invalid(`Marker image ${marker} could not be found.`);
    query = query.where(behind(sorts, marker));
  }
  for (const { key, direction } of sorts) query = query.orderBy(sql.raw(sortKeys[key]), direction);
  const rows = await query.limit(limit + 1).execute();
  return { images: rows.slice(0, limit).map(toImage), more: rows.length > limit };
}

async function markerExists(db: ImageDatabase, caller: Caller, isAdmin: boolean, marker: string): Promise<boolean> {
  if (!isUuid(marker)) return false;
  const query = db.selectFrom('images').select('id').where('id', '=', marker);
  const seen = visible(caller, { filters: [], sorts: [], memberStatus: 'all', withCommunity: true, marker: null, limit: 0 });
  return (await (isAdmin ? query : query.where(seen)).executeTakeFirst()) !== undefined;
}

/** Behind the marker: later by the first key, or equal in it and later by the next, and so on. */
function behind(sorts: readonly Sort[], marker: string): RawBuilder<boolean> {
  const ofMarker = ({ key }: Sort): RawBuilder<unknown> =>
    sql`(SELECT ${sql.raw(sortKeys[key])} FROM images WHERE images.id = ${marker}::uuid)`;
  const branches = sorts.map((sort, n) => {
    const equal = sorts.slice(0, n).map((before) => sql`${sql.raw(sortKeys[before.key])} = ${ofMarker(before)}`);
    const later = sql`${sql.raw(sortKeys[sort.key])} ${sort.direction === 'asc' ? sql`>` : sql`<`} ${ofMarker(sort)}`;
    return sql`(${sql.join([...equal, later], sql` AND `)})`;
  });
  return sql<boolean>`(${sql.join(branches, sql` OR `)})`;
}
