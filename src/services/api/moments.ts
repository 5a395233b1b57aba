import { invalid } from '../../lib/errors.ts';

/** The forms of ISO 8601 clients use: a date, in whole or in part, and a time of day with or without a zone, each with its separators or without. */
const iso = /^(\d{4})(?:-?(\d\d)(?:-?(\d\d))?)?(?:[ T](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?\s*(?:Z|([+-]\d\d)(?::?(\d\d))?)?)?$/;

/** A moment in a query parameter (UTC without a zone), as it is stored; null when it is not given. */
export function momentIn(name: string, value: string | undefined): string | null {
  if (value === undefined) return null;
  const [
    known,
    year,
    month = '01',
    day = '01',
    hour = '00',
    minute = '00',
    second = '00',
    fraction = '0',
    zone = '+00',
    zoneMinute = '00',
  ] = iso.exec(value) ?? [];
  const at =
    known === undefined ? Number.NaN : Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction}${zone}:${zoneMinute}`);
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
