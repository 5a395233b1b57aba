import { sql, type RawBuilder } from 'kysely';
import { invalid, notFound } from '../../lib/errors.ts';
import type { RequestContext } from '../../lib/http/route.ts';
import { isTruthy } from '../../lib/http/query.ts';
import { isUuid, normalizeUuid } from '../../lib/ids.ts';

/** What a collection can be sorted and filtered by: column expressions that are never null, by the names clients use. */
export interface Listed {
  readonly table: 'volumes' | 'snapshots' | 'attachments';
  readonly sortable: Readonly<Record<string, string>>;
  readonly filters: Readonly<Record<string, (value: string) => RawBuilder<boolean>>>;
}

export interface ListQuery {
  readonly conditions: readonly RawBuilder<boolean>[];
  readonly order: readonly RawBuilder<unknown>[];
  readonly limit: number;
  readonly offset: number;
  readonly withCount: boolean;
}

const reserved = new Set([
  'limit',
  'marker',
  'offset',
  'sort',
  'sort_key',
  'sort_dir',
  'all_tenants',
  'project_id',
  'with_count',
  'cascade',
]);

/** One value for each name, the last one; text that cannot be compared is refused. */
const valuesOf = (ctx: RequestContext): ReadonlyMap<string, string> => new Map(new URLSearchParams(ctx.rawQuery));

/** Reads what a list was asked for. Filters nobody knows are ignored, as Cinder does. */
export function readListQuery(
  ctx: RequestContext,
  { table, sortable, filters }: Listed,
  maxLimit: number,
  projectColumn: string,
): ListQuery {
  const values = valuesOf(ctx);
  const conditions: RawBuilder<boolean>[] = [];
  const isAdmin = ctx.can('context_is_admin');
  const all = isAdmin && isTruthy(values.get('all_tenants'));
  const project = values.get('project_id');
  if (!all) conditions.push(sql<boolean>`${sql.raw(projectColumn)} = ${ctx.caller.projectId ?? ''}`);
  else if (project !== undefined) conditions.push(sql<boolean>`${sql.raw(projectColumn)} = ${project}`);
  for (const [name, value] of values) {
    if (reserved.has(name)) continue;
    const filter = Object.hasOwn(filters, name.replace(/~$/, '')) ? filters[name.replace(/~$/, '')] : undefined;
    if (filter !== undefined) conditions.push(filter(value));
  }
  const sorts = readSorts(values, sortable);
  const marker = values.get('marker');
  if (marker !== undefined && marker !== '') {
    const id = normalizeUuid(marker);
    if (id === null || !isUuid(id)) throw notFound(`${table === 'volumes' ? 'Volume' : 'Item'} ${marker.slice(0, 64)} could not be found.`);
    conditions.push(behind(table, sorts, id));
  }
  return {
    conditions,
    order: sorts.map(({ expression, descending }) => sql`${sql.raw(expression)} ${sql.raw(descending ? 'DESC' : 'ASC')}`),
    limit: readNumber(values.get('limit'), 'limit', maxLimit),
    offset: Math.min(readNumber(values.get('offset'), 'offset', 0), Number.MAX_SAFE_INTEGER),
    withCount: isTruthy(values.get('with_count')),
  };
}

function readNumber(text: string | undefined, name: string, otherwise: number): number {
  if (text === undefined || text === '') return otherwise;
  if (!/^\d{1,9}$/.test(text))
    throw invalid(`Invalid input for query parameters ${name}. Value: ${text.slice(0, 64)}. It must be a non-negative integer.`);
  return name === 'limit' ? Math.min(Number(text), otherwise) : Number(text);
}

interface Sort {
  readonly expression: string;
  readonly descending: boolean;
}

function readSorts(values: ReadonlyMap<string, string>, sortable: Listed['sortable']): Sort[] {
  const combined = values.get('sort');
  const pairs =
    combined === undefined
      ? [{ key: values.get('sort_key') ?? 'created_at', direction: values.get('sort_dir') ?? 'desc' }]
      : combined.split(',').map((part) => {
          const [key = '', direction = 'desc'] = part.trim().split(':');
          return { key, direction };
        });
  if (pairs.length > 8) throw invalid('Too many sort keys.');
  const sorts = pairs.map(({ key, direction }) => {
    const expression = Object.hasOwn(sortable, key) ? sortable[key] : undefined;
    if (expression === undefined) throw invalid(`Sort key supplied is invalid: ${key.slice(0, 64)}`);
    if (direction !== 'asc' && direction !== 'desc') throw invalid(`Unknown sort direction, must be one of: asc, desc`);
    return { expression, descending: direction === 'desc' };
  });
  const id = sortable['id'] ?? 'id';
  return sorts.some(({ expression }) => expression === id)
    ? sorts
    : [...sorts, { expression: id, descending: sorts.at(-1)?.descending ?? true }];
}

/** Behind the marker: later by the first key, or equal in it and later by the next, and so on. */
function behind(table: Listed['table'], sorts: readonly Sort[], marker: string): RawBuilder<boolean> {
  const ofMarker = ({ expression }: Sort): RawBuilder<unknown> =>
    sql`(SELECT ${sql.raw(expression)} FROM ${sql.table(table)} WHERE ${sql.raw(`${table}.id`)} = ${marker}::uuid)`;
  const branches = sorts.map((sort, n) => {
    const equal = sorts.slice(0, n).map((one) => sql`${sql.raw(one.expression)} = ${ofMarker(one)}`);
    const later = sql`${sql.raw(sort.expression)} ${sql.raw(sort.descending ? '<' : '>')} ${ofMarker(sort)}`;
    return sql`(${sql.join([...equal, later], sql` AND `)})`;
  });
  return sql<boolean>`(${sql.join(branches, sql` OR `)})`;
}

/** A filter on a text column. */
export const textFilter =
  (column: string) =>
  (value: string): RawBuilder<boolean> =>
    sql<boolean>`coalesce(${sql.raw(column)}::text, '') = ${value}`;

export const flagFilter =
  (column: string) =>
  (value: string): RawBuilder<boolean> =>
    sql<boolean>`${sql.raw(column)} = ${isTruthy(value)}`;

/** `{'key': 'value'}`, as Python and JSON write it: every pair must be there. */
export const metadataFilter =
  (column: string) =>
  (value: string): RawBuilder<boolean> => {
    const pairs = [...value.matchAll(/u?(['"])((?:\\.|(?!\1).){1,255})\1\s*:\s*u?(['"])((?:\\.|(?!\3).){0,255})\3/g)];
    if (pairs.length === 0) throw invalid(`Filters requested are invalid: ${value.slice(0, 64)}`);
    return sql<boolean>`${sql.raw(column)} @> ${JSON.stringify(Object.fromEntries(pairs.map((match) => [match[2], match[4]])))}::jsonb`;
  };

/** The link to the next page, when the page was full. */
export function nextLink(
  ctx: RequestContext,
  collection: string,
  page: readonly { readonly id: string }[],
  limit: number,
): Record<string, unknown> {
  const last = page.at(-1);
  if (last === undefined || page.length < limit) return {};
  const query = new URLSearchParams(ctx.rawQuery);
  query.delete('offset');
  query.set('marker', last.id);
  return {
    [`${collection.split('/')[0] ?? ''}_links`]: [{ rel: 'next', href: `${ctx.baseUrl}${ctx.mount}/${collection}?${query.toString()}` }],
  };
}
