import { invalid } from '../../lib/errors.ts';

/** A moment in a query parameter, in any of the forms of ISO 8601 clients use (UTC without a zone), as it is stored; null when it is not given. */
export function momentIn(name: string, value: string | undefined): string | null {
  if (value === undefined) return null;
  const bare = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$/.test(value)
    ? `${value.replace(' ', 'T')}${value.length > 10 ? 'Z' : ''}`
    : value;
  const at = Date.parse(bare);
  const shown = value.slice(0, 80);
  if (Number.isNaN(at)) throw invalid(`Invalid input for query parameters ${name}. Value: ${shown}. '${shown}' is not a 'date-time'`);
  return new Date(at).toISOString();
}

/** The two bounds a list of changes may be given. */
export function changesBetween(query: { readonly 'changes-since'?: string; readonly 'changes-before'?: string }): {
  readonly since: string | null;
  readonly before: string | null;
} {
  const since = momentIn('changes-since', query['changes-since']);
  const before = momentIn('changes-before', query['changes-before']);
  if (since !== null && before !== null && before < since)
    throw invalid('The value of changes-since must be less than or equal to changes-before.');
  return { since, before };
}
