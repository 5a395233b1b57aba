import { invalid } from '../../../lib/errors.ts';
import { isUuid } from '../../../lib/ids.ts';
import { sortKeys, type Comparison, type Filter, type FilterColumn, type ImageListing, type Sort, type SortKey } from '../list-images.ts';
import type { MemberStatus } from '../image-record.ts';
import type { ImageLimits } from '../settings.ts';
import { visibilities } from './image-attributes.ts';

const comparisons: readonly Comparison[] = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte'];

/** Reads the query of GET /v2/images. What is no parameter of a list is a filter on a custom property. */
export function readListQuery(rawQuery: string, limits: ImageLimits): ImageListing {
  const query = new URLSearchParams(rawQuery);
  const filters: Filter[] = [];
  let withCommunity = false;
  let memberStatus: MemberStatus | 'all' = 'accepted';
  for (const [name, value] of query) {
    if (`${name}${value}`.includes('\0')) throw invalid('The query holds characters that cannot be stored.');
    if (['limit', 'marker', 'sort_key', 'sort_dir', 'sort'].includes(name)) continue;
    if (name === 'visibility') {
      withCommunity = value === 'community' || value === 'all';
      if (value !== 'all') filters.push(visibilityFilter(value));
    } else if (name === 'member_status') memberStatus = readMemberStatus(value);
    else filters.push(readers.get(name)?.(value) ?? { property: name, value });
  }
  // hidden images are listed only when asked for
  if (!query.has('os_hidden')) filters.push({ column: 'os_hidden', comparison: 'eq', value: 'false' });
  return {
    filters,
    withCommunity,
    memberStatus,
    sorts: readSorts(query),
    marker: query.get('marker'),
    limit: readLimit(query.get('limit'), limits),
  };
}

function visibilityFilter(value: string): Filter {
  if (!visibilities.some((each) => each === value)) throw invalid(`Invalid visibility value: ${value}`);
  return { column: 'visibility', comparison: 'eq', value };
}

function readMemberStatus(value: string): MemberStatus | 'all' {
  const known = (['pending', 'accepted', 'rejected', 'all'] as const).find((each) => each === value);
  if (known === undefined) throw invalid(`Invalid status: ${value}; it must be one of pending, accepted, rejected, all.`);
  return known;
}

type FilterReader = (value: string) => Filter;

const equal =
  (column: FilterColumn): FilterReader =>
  (value) => ({ column, comparison: 'eq', value });
const flag =
  (column: FilterColumn): FilterReader =>
  (value) => {
    if (!/^(true|false)$/i.test(value)) throw invalid(`Invalid value for option ${column}: '${value}'; it must be true or false.`);
    return { column, comparison: 'eq', value: value.toLowerCase() };
  };

/** Filters on what every image has. */
const readers: ReadonlyMap<string, FilterReader> = new Map<string, FilterReader>([
  ...(['id', 'name', 'status', 'container_format', 'disk_format'] as const).map((column): [string, FilterReader] => [
    column,
    (value) => readTextFilter(column, value),
  ]),
  ...(['owner', 'checksum', 'os_hash_value'] as const).map((column): [string, FilterReader] => [column, equal(column)]),
  ...(['protected', 'os_hidden'] as const).map((column): [string, FilterReader] => [column, flag(column)]),
  ...(['created_at', 'updated_at'] as const).map((column): [string, FilterReader] => [column, (value) => readTimeFilter(column, value)]),
  ...(['min_ram', 'min_disk', 'size'] as const).map((column): [string, FilterReader] => [
    column,
    (value) => ({ column, comparison: 'eq', value: number(column, value) }),
  ]),
  ['size_min', (value) => ({ column: 'size', comparison: 'gte', value: number('size_min', value) })],
  ['size_max', (value) => ({ column: 'size', comparison: 'lte', value: number('size_max', value) })],
  ['tag', (value) => ({ tag: value })],
]);

/** `in:a,"b,c"` is one of several; `eq:` and `neq:` compare; anything else is the value itself. */
function readTextFilter(column: FilterColumn, value: string): Filter {
  const [, operator, rest = ''] = /^(in|eq|neq):(.*)$/s.exec(value) ?? [];
  if (operator === 'in') return { column, comparison: 'in', values: splitValues(column, rest) };
  return { column, comparison: operator === 'neq' ? 'neq' : 'eq', value: operator === undefined ? value : rest };
}

function splitValues(column: string, list: string): string[] {
  const values: string[] = [];
  let rest = list;
  while (rest !== '') {
    const [whole, quoted, plain] = /^(?:"((?:[^"\\]|\\.)*)"|([^",]*))(?:,|$)/.exec(rest) ?? [];
    if (whole === undefined || whole === '') throw invalid(`Invalid filter value for ${column}: its quotes are not balanced.`);
    values.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(.)/g, '$1'));
    rest = rest.slice(whole.length);
  }
  return column === 'id' ? values.filter(isUuid) : values;
}

function readTimeFilter(column: FilterColumn, value: string): Filter {
  const [, operator, rest = value] = /^(eq|neq|gt|gte|lt|lte):(.*)$/.exec(value) ?? [];
  const comparison = comparisons.find((each) => each === operator) ?? 'eq';
  const text = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/.exec(rest)?.[0];
  const zoned = text === undefined || !text.includes('T') || /(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`;
  const time = zoned === undefined ? Number.NaN : Date.parse(zoned);
  if (Number.isNaN(time)) throw invalid(`Invalid time format: ${rest}.`);
  return { column, comparison, value: new Date(time).toISOString() };
}

function number(name: string, value: string): string {
  if (!/^\d{1,18}$/.test(value) || ((name === 'min_ram' || name === 'min_disk') && Number(value) > 2_147_483_647)) {
    throw invalid(`Invalid value for option ${name}: '${value}'; it must be a non-negative integer.`);
  }
  return value;
}

function readLimit(text: string | null, { limitParamDefault, apiLimitMax }: ImageLimits): number {
  if (text === null) return limitParamDefault;
  if (!/^-?\d{1,18}$/.test(text)) throw invalid('limit param must be an integer');
  if (Number(text) < 0) throw invalid('limit param must be positive');
  return Math.min(Number(text), apiLimitMax);
}

const isSortKey = (key: string): key is SortKey => Object.hasOwn(sortKeys, key);

function readSorts(query: URLSearchParams): Sort[] {
  const [keys, directions, combined] = [query.getAll('sort_key'), query.getAll('sort_dir'), query.get('sort')];
  if (combined !== null && (keys.length > 0 || directions.length > 0)) throw invalid('Old and new sorting syntax cannot be combined');
  const pairs =
    combined === null
      ? sortPairs(keys, directions)
      : combined.split(',').map((part) => {
          const [key = '', direction = 'desc', ...more] = part.trim().split(':');
          return { key, direction: more.length > 0 ? '' : direction };
        });
  return pairs.map(({ key, direction }) => {
    if (!isSortKey(key))
      throw invalid(`Invalid sort key: ${key.slice(0, 64)}. It must be one of the following: ${Object.keys(sortKeys).join(', ')}.`);
    if (direction !== 'asc' && direction !== 'desc') throw invalid(`Invalid sort direction: ${direction.slice(0, 64)}`);
    return { key, direction };
  });
}

function sortPairs(keys: readonly string[], directions: readonly string[]): { key: string; direction: string }[] {
  const all = keys.length === 0 ? ['created_at'] : keys;
  if (new Set(all).size !== all.length) throw invalid('A sort key is named twice.');
  if (directions.length > 1 && directions.length !== all.length)
    throw invalid('Number of sort dirs does not match the number of sort keys');
  return all.map((key, n) => ({ key, direction: (directions.length > 1 ? directions[n] : directions[0]) ?? 'desc' }));
}
