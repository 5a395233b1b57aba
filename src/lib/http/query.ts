import Type, { type TSchema } from 'typebox';
import { isWithin, type Version, type Window } from './microversion.ts';

/** One query parameter. Its values are judged as text (as they come), then read. */
export interface QueryField extends Window {
  /** The schema of one value, a string as it stands in the URL. */
  readonly type: TSchema;
  /** Whether it may stand more than once; otherwise the last one counts where the API allows repeats. */
  readonly many?: boolean;
}

type Fields = Readonly<Record<string, QueryField>>;

/** What a handler receives: text, or a list of texts where the parameter may repeat. */
export type QueryOf<F extends Fields> = { readonly [K in keyof F]?: F[K] extends { readonly many: true } ? readonly string[] : string };

export interface VersionedQuery<Value> {
  readonly fields: Fields;
  /** Each parameter with the schema of one value, at this version. */
  known(at: Version): ReadonlyMap<string, QueryField>;
  /** Whether parameters outside the table are refused rather than dropped, at this version. */
  refusesUnknown(at: Version, name: string): boolean;
  readonly value?: Value;
}

export interface QueryOptions {
  /** Parameters outside the table are dropped until this version and refused from it on; left out: always dropped. */
  readonly refusesUnknownSince?: Version;
  /** Names that are let through at every version without being parameters; the handler finds them in the request itself. */
  readonly letsThrough?: RegExp;
}

/** The query of a route at every microversion, written once. */
export function versionedQuery<const F extends Fields>(fields: F, options: QueryOptions = {}): VersionedQuery<QueryOf<F>> {
  const compiled = new Map<Version, ReadonlyMap<string, QueryField>>();
  return {
    fields,
    known(at) {
      const known = compiled.get(at) ?? new Map(Object.entries(fields as Fields).filter(([, field]) => isWithin(field, at)));
      compiled.set(at, known);
      return known;
    },
    refusesUnknown: (at, name) =>
      options.refusesUnknownSince !== undefined && at >= options.refusesUnknownSince && options.letsThrough?.test(name) !== true,
  };
}

/** Any text. */
export const anyText: TSchema = Type.String();
/** A non-negative decimal number. */
export const digits: TSchema = Type.String({ pattern: '^[0-9]{1,18}$' });
/** A boolean in any of OpenStack's spellings (oslo.utils strutils). */
export const booleanText: TSchema = Type.String({
  pattern: '^([Tt](rue)?|TRUE|[Yy](es)?|YES|on|ON|On|1|[Ff](alse)?|FALSE|[Nn]o?|NO|off|OFF|Off|0)$',
});

const truths = new Set(['1', 't', 'true', 'on', 'y', 'yes']);
/** Whether a boolean in one of OpenStack's spellings says yes; anything else is no. */
export const isTruthy = (text: string | undefined): boolean => text !== undefined && truths.has(text.trim().toLowerCase());
