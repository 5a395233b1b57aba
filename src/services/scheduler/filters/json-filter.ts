import { attributeAt } from '../host-attributes.ts';
import type { HostState } from '../host-state.ts';
import { pass, reject, type HostFilter, type Placing } from './filter.ts';

type Value = string | number | boolean | null;
/** Deeper than this is nobody's query. */
const deepest = 32;

const queryOf = ({ spec }: Placing): string | undefined => spec.schedulerHints['query']?.[0];

/** Keeps hosts for which the hint `query` is true: an expression in JSON such as `["and", [">=", "$free_ram_mb", 1024], ["in", "$host", "a", "b"]]`. */
export const jsonFilter: HostFilter = {
  name: 'JsonFilter',
  concerns: (placing) => queryOf(placing) !== undefined,
  check(host, placing) {
    const text = queryOf(placing);
    if (text === undefined) return pass;
    let query: unknown;
    try {
      query = JSON.parse(text);
    } catch {
      return reject('not comparable by the hint query', 'the hint query is no JSON');
    }
    const results = evaluate(query, host, 0);
    const holds = Array.isArray(results) ? results.some(Boolean) : Boolean(results);
    return holds ? pass : reject('refused by the hint query', 'the hint query is not true of it');
  },
};

/** An empty query is true; a list that begins with no operator is what its parts are. */
function evaluate(query: unknown, host: HostState, depth: number): unknown {
  if (depth > deepest) return false;
  if (!Array.isArray(query))
    return typeof query === 'string' && query.startsWith('$') ? (attributeAt(host, query.slice(1).split('.')) ?? null) : query;
  const parts: readonly unknown[] = query;
  if (parts.length === 0) return true;
  const [operator, ...rest] = parts;
  const operation = typeof operator === 'string' && Object.hasOwn(operations, operator) ? operations[operator] : undefined;
  if (operation === undefined) return false;
  return operation(rest.map((part) => evaluate(part, host, depth + 1)) as Value[]);
}

const compare =
  (holds: (left: NonNullable<Value>, right: NonNullable<Value>) => boolean) =>
  ([left = null, ...others]: readonly Value[]): boolean =>
    others.length > 0 && others.every((right) => left !== null && right !== null && holds(left, right));

const operations: Readonly<Record<string, (values: readonly Value[]) => unknown>> = {
  '=': compare((left, right) => left === right),
  '<': compare((left, right) => left < right),
  '>': compare((left, right) => left > right),
  '<=': compare((left, right) => left <= right),
  '>=': compare((left, right) => left >= right),
  in: ([left = null, ...others]) => left !== null && others.includes(left),
  not: (values) => values.map((value) => !value),
  or: (values) => values.flat().some(Boolean),
  and: (values) => values.flat().every(Boolean),
};
