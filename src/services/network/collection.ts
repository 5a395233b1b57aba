import { sql, type RawBuilder } from 'kysely';
import type { KilonovaError } from '../../lib/errors.ts';
import type { RequestContext } from '../../lib/http/route.ts';
import type { VersionedView } from '../../lib/http/versioned-view.ts';
import type { PolicyTarget } from '../../lib/policy/policy.ts';
import { readListQuery, type ListQuery } from './list-query.ts';
import type { NetworkRule } from './policy.ts';
import type { NetworkDatabase, NetworkTables, Tx } from './store/tables.ts';

/** Whose rows a request sees. */
export interface Scope {
  readonly projectId: string | null;
  /** Administrators and other services see every project. */
  readonly elevated: boolean;
}

export const scopeOf = (ctx: RequestContext): Scope => ({
  projectId: ctx.caller.projectId,
  elevated: ctx.can('context_is_admin') || ctx.can('service_api'),
});

/** One attribute that a list can be filtered and sorted by. */
export interface Field {
  /** Its expression over the alias `t`. */
  readonly sql: RawBuilder<unknown> | ((scope: Scope) => RawBuilder<unknown>);
  /** `value` and `nullable` are compared as text; null, like an empty filter, as the empty text. */
  readonly kind: 'text' | 'boolean' | 'value' | 'nullable';
  /** Only for callers whom this rule allows. */
  readonly see?: NetworkRule;
}

/** One kind of resource: where its rows are, who sees them, how they look and what they are found by. */
export interface Collection<Row> {
  readonly singular: string;
  readonly plural: string;
  readonly table: keyof NetworkTables;
  readonly fields: Readonly<Record<string, Field>>;
  /** Filters that are more than a comparison. */
  readonly filters?: Readonly<Record<string, (values: readonly string[], scope: Scope) => RawBuilder<boolean>>>;
  readonly taggable: boolean;
  /** Columns that depend on who asks. */
  readonly extra?: (scope: Scope) => RawBuilder<unknown>;
  /** Rows that somebody who is not elevated sees. */
  readonly visible: (scope: Scope) => RawBuilder<boolean>;
  readonly view: VersionedView<Row>;
  /** What the policy is told of a row. */
  readonly target: (row: Row) => PolicyTarget;
  readonly notFound: (id: string) => KilonovaError;
}

export const column = (name: string, kind: Field['kind'] = 'text'): Field => ({ sql: sql`t.${sql.ref(name)}`, kind });

/** Filters and sort keys of the attributes every resource has. */
export const standardFields = {
  id: column('id'),
  name: column('name'),
  description: column('description'),
  project_id: column('project_id'),
  tenant_id: column('project_id'),
  revision_number: column('revision_number', 'value'),
  created_at: column('created_at', 'value'),
  updated_at: column('updated_at', 'value'),
} as const satisfies Record<string, Field>;

export const ownedBy = (scope: Scope): RawBuilder<boolean> => sql`t.project_id = ${scope.projectId}`;

const visibleTo = <Row>(collection: Collection<Row>, scope: Scope): RawBuilder<boolean> =>
  scope.elevated ? sql`true` : sql`(${collection.visible(scope)})`;

const columnsOf = <Row>(collection: Collection<Row>, scope: Scope): RawBuilder<unknown> =>
  collection.extra === undefined ? sql`t.*` : sql`t.*, ${collection.extra(scope)}`;

const from = <Row>(collection: Collection<Row>): RawBuilder<unknown> => sql`${sql.table(collection.table)} AS t`;

/** The row a path names; not found where the caller may not see it. */
export async function find<Row>(db: NetworkDatabase | Tx, collection: Collection<Row>, scope: Scope, id: string): Promise<Row> {
  const [row] = await findAll(db, collection, scope, [id]);
  if (row === undefined) throw collection.notFound(id);
  return row;
}

/** Those of the rows that the caller may see, in the order of the ids. */
export async function findAll<Row>(
  db: NetworkDatabase | Tx,
  collection: Collection<Row>,
  scope: Scope,
  ids: readonly string[],
): Promise<Row[]> {
  if (ids.some((id) => id.includes('\0'))) return [];
  const { rows } = await sql<Row>`SELECT ${columnsOf(collection, scope)} FROM ${from(collection)}
    WHERE t.id = ANY(${ids}::text[]) AND ${visibleTo(collection, scope)} ORDER BY array_position(${ids}::text[], t.id)`.execute(db);
  return rows;
}

/** One row as a client sees it: the view, or only the fields that were asked for. */
export function shown<Row>(
  collection: Collection<Row>,
  row: Row,
  ctx: RequestContext,
  fields: ReadonlySet<string> | null,
): Record<string, unknown> {
  const whole = collection.view.render(row, ctx);
  return fields === null || fields.size === 0 ? whole : Object.fromEntries(Object.entries(whole).filter(([key]) => fields.has(key)));
}

/** A list: one query for the page, whatever it holds, and one more when it begins behind a marker. */
export async function list<Row extends { readonly id: string }>(
  db: NetworkDatabase,
  collection: Collection<Row>,
  ctx: RequestContext,
): Promise<Record<string, unknown>> {
  const scope = scopeOf(ctx);
  const query = readListQuery(ctx, collection, scope);
  const conditions = [visibleTo(collection, scope), ...query.conditions];
  if (query.marker !== null) conditions.push(await behind(db, collection, scope, query, query.marker));
  const order = query.sort.map(({ expression, descending }) =>
    descending === query.reverse ? sql`${expression} ASC` : sql`${expression} DESC`,
  );
  const { rows } = await sql<Row>`SELECT ${columnsOf(collection, scope)} FROM ${from(collection)}
    WHERE ${sql.join(conditions, sql` AND `)} ORDER BY ${sql.join(order)} LIMIT ${query.limit + 1}`.execute(db);
  const more = rows.length > query.limit;
  const page = rows.slice(0, query.limit);
  if (query.reverse) page.reverse();
  const links = linksOf(ctx, page, {
    next: query.reverse ? query.marker !== null : more,
    previous: query.reverse ? more : query.marker !== null,
  });
  return {
    [collection.plural]: page.map((row) => shown(collection, row, ctx, query.fields)),
    ...(links.length === 0 ? {} : { [`${collection.plural}_links`]: links }),
  };
}

/** Rows behind the marker in the order of the list, compared key by key. */
async function behind<Row>(
  db: NetworkDatabase,
  collection: Collection<Row>,
  scope: Scope,
  { sort, reverse }: ListQuery,
  marker: string,
): Promise<RawBuilder<boolean>> {
  const keys = sort.map(({ expression }, index) => sql`${expression} AS ${sql.ref(`k${index}`)}`);
  const { rows } = await sql<Record<string, unknown>>`SELECT ${sql.join(keys)} FROM ${from(collection)}
    WHERE t.id = ${marker.replaceAll('\0', '')} AND ${visibleTo(collection, scope)}`.execute(db);
  const [at] = rows;
  if (at === undefined) throw collection.notFound(marker);
  return sort.reduceRight<RawBuilder<boolean>>(
    (rest, { expression, descending }, index) => {
      const value = at[`k${index}`];
      const beyond = descending === reverse ? sql`${expression} > ${value}` : sql`${expression} < ${value}`;
      return sql`(${beyond} OR (${expression} = ${value} AND ${rest}))`;
    },
    sql`false`,
  );
}

function linksOf(
  ctx: RequestContext,
  page: readonly { readonly id: string }[],
  has: { readonly next: boolean; readonly previous: boolean },
): Record<string, string>[] {
  const link = (rel: 'next' | 'previous', marker: string | undefined): Record<string, string>[] => {
    if (marker === undefined) return [];
    const query = new URLSearchParams(ctx.rawQuery);
    query.set('marker', marker);
    if (rel === 'previous') query.set('page_reverse', 'True');
    else query.delete('page_reverse');
    return [{ rel, href: `${ctx.baseUrl}${ctx.mount}${ctx.path}?${query.toString()}` }];
  };
  return [...(has.next ? link('next', page.at(-1)?.id) : []), ...(has.previous ? link('previous', page[0]?.id) : [])];
}
