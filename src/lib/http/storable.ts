import { HttpError } from './http-error.ts';
import { quote } from './validation.ts';

/** Text no database can hold, for UTF-8 has no form of it or PostgreSQL none: a null character, half a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** What JSON must contain to say such text at all; raw, UTF-8 and JSON themselves forbid it. */
const suspicious = /\\u(?:0000|[dD][89a-fA-F])/;

const refusal = (place: string, text: string): HttpError =>
  new HttpError(
    400,
    `Invalid input for ${place}: ${quote(text)} holds ${text.includes('\0') ? 'a null character' : 'half a surrogate pair'}, which cannot be stored.`,
  );

/** Refuses a JSON value that holds such text in a key or a value, naming the field. `source` is the JSON it was read from. */
export function refuseUnstorableJson(value: unknown, source: string): void {
  if (suspicious.test(source)) search(value, []);
}

function search(value: unknown, path: readonly string[]): void {
  if (typeof value === 'string') {
    if (!isStorable(value)) throw refusal(`field ${path.length === 0 ? 'body' : path.join('/')}`, value);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, held] of Object.entries(value)) {
      if (!isStorable(key)) throw refusal(`a key of ${path.length === 0 ? 'body' : path.join('/')}`, key);
      search(held, [...path, key]);
    }
  }
}

/** Refuses a path or a query that holds such text, naming the parameter. */
export function refuseUnstorableUrl(params: Readonly<Record<string, string>>, rawQuery: string): void {
  for (const [name, value] of Object.entries(params)) if (!isStorable(value)) throw refusal(`${name} in the path`, value);
  if (!rawQuery.includes('%00')) return;
  for (const [name, value] of new URLSearchParams(rawQuery)) {
    if (!isStorable(name)) throw refusal('the query', name);
    if (!isStorable(value)) throw refusal(`query parameter ${name}`, value);
  }
}
