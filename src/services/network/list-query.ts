import { sql, type RawBuilder } from 'kysely';
import { invalid } from '../../lib/errors.ts';
import type { RequestContext } from '../../lib/http/route.ts';
import { isTruthy } from '../../lib/http/query.ts';
import type { Collection, Field, Scope } from './collection.ts';
import { invalidInput } from './neutron-errors.ts';

/** Longest page; a longer list goes on behind its `next` link. */
const maxPage = 1000;

export interface ListQuery {
  readonly conditions: readonly RawBuilder<boolean>[];
  readonly sort: readonly { readonly expression: RawBuilder<unknown>; readonly descending: boolean }[];
  readonly fields: ReadonlySet<string> | null;
  readonly limit: number;
  readonly marker: string | null;
  readonly reverse: boolean;
}

const reserved = new Set(['fields', 'limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir']);
const tagFilters: Readonly<Record<string, (tags: readonly string[]) => RawBuilder<boolean>>> = {
  tags: (tags) => sql`t.tags @> ${tags}::text[]`,
  'tags-any': (tags) => sql`t.tags && ${tags}::text[]`,
  'not-tags': (tags) => sql`NOT t.tags @> ${tags}::text[]`,
  'not-tags-any': (tags) => sql`NOT t.tags && ${tags}::text[]`,
};

/** Reads what a list was asked for: filters (repeated ones are alternatives), fields, sorting, page. */
export function readListQuery<Row>(ctx: RequestContext, collection: Collection<Row>, scope: Scope): ListQuery {
  const given = Map.groupBy(new URLSearchParams(ctx.rawQuery), ([name]) => name);
  const values = (name: string): string[] => (given.get(name) ?? []).map(([, value]) => value);
  const last = (name: string): string | undefined => values(name).at(-1);
  const conditions: RawBuilder<boolean>[] = [];
  const unknown: string[] = [];
  for (const name of given.keys()) {
    if (reserved.has(name)) continue;
    const wanted = values(name);
    if (wanted.some((value) => value.includes('\0'))) throw invalidInput(`'${name}' holds a NUL character`);
    const condition = filterOn(ctx, collection, scope, name, wanted);
    if (condition === null) unknown.push(name);
    else conditions.push(condition);
  }
  if (unknown.length > 0) throw invalidInput(`${pythonList(unknown.slice(0, 20))} is invalid attribute for filtering`);
  const fields = values('fields').flatMap((value) => value.split(','));
  return {
    conditions,
    sort: sortOf(ctx, collection, scope, values('sort_key'), values('sort_dir')),
    fields: fields.length === 0 ? null : new Set(fields),
    limit: limitOf(last('limit')),
    marker: last('marker') ?? null,
    reverse: isTruthy(last('page_reverse')),
  };
}

const pythonList = (names: readonly string[]): string => `[${names.map((name) => `'${name.slice(0, 100)}'`).join(', ')}]`;

const expressionOf = (field: Field, scope: Scope): RawBuilder<unknown> => (typeof field.sql === 'function' ? field.sql(scope) : field.sql);

/** The field, where the caller may see it: a filter on a hidden field would tell what it hides. */
function fieldNamed<Row>(ctx: RequestContext, collection: Collection<Row>, name: string): Field | null {
  const field = Object.hasOwn(collection.fields, name) ? collection.fields[name] : undefined;
  if (field === undefined || (field.see !== undefined && !ctx.can(field.see))) return null;
  return field;
}

function filterOn<Row>(
  ctx: RequestContext,
  collection: Collection<Row>,
  scope: Scope,
  name: string,
  wanted: readonly string[],
): RawBuilder<boolean> | null {
  if (collection.taggable && Object.hasOwn(tagFilters, name))
    return tagFilters[name]?.(wanted.flatMap((value) => value.split(','))) ?? null;
  if (collection.filters !== undefined && Object.hasOwn(collection.filters, name)) return collection.filters[name]?.(wanted, scope) ?? null;
  if (name === 'changed_since' && Object.hasOwn(collection.fields, 'updated_at')) {
    const since = Date.parse(wanted.at(-1) ?? '');
    if (Number.isNaN(since)) throw invalidInput('changed_since is not a time');
    return sql`t.updated_at >= ${new Date(since)}`;
  }
  const field = fieldNamed(ctx, collection, name);
  if (field === null) return null;
  const expression = expressionOf(field, scope);
  if (field.kind === 'boolean') return sql`${expression} = ANY(${wanted.map((value) => isTruthy(value))}::boolean[])`;
  if (field.kind === 'text') return sql`${expression} = ANY(${wanted}::text[])`;
  return sql`coalesce((${expression})::text, '') = ANY(${wanted}::text[])`;
}

function sortOf<Row>(
  ctx: RequestContext,
  collection: Collection<Row>,
  scope: Scope,
  keys: readonly string[],
  directions: readonly string[],
): ListQuery['sort'] {
  if (directions.length > 0 && directions.length !== keys.length)
    throw invalid('The number of sort_keys and sort_dirs must be same', { code: 'HTTPBadRequest' });
  if (new Set(keys).size > 10) throw invalid('Too many sort keys.', { code: 'HTTPBadRequest' });
  const sort = keys.map((key, index) => {
    const field = fieldNamed(ctx, collection, key);
    if (field === null) throw invalid(`'${key.slice(0, 100)}' is invalid attribute for sort keys`, { code: 'HTTPBadRequest' });
    const direction = directions[index] ?? 'asc';
    if (direction !== 'asc' && direction !== 'desc')
      throw invalid(`'${direction.slice(0, 100)}' is invalid value for sort_dirs, valid value is 'asc' and 'desc'`, {
        code: 'HTTPBadRequest',
      });
    const expression = expressionOf(field, scope);
    return {
      expression: field.kind === 'nullable' ? sql`coalesce((${expression})::text, '')` : expression,
      descending: direction === 'desc',
    };
  });
  return [...sort, { expression: sql`t.id`, descending: false }];
}

function limitOf(text: string | undefined): number {
  if (text === undefined || text === '') return maxPage;
  if (!/^\d{1,15}$/.test(text))
    throw invalid(`Limit must be an integer 0 or greater and not '${text.slice(0, 100)}'`, { code: 'HTTPBadRequest' });
  const limit = Number(text);
  return limit === 0 ? maxPage : Math.min(limit, maxPage);
}
