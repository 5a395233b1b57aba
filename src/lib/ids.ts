import { randomUUID } from 'node:crypto';
import { invalid } from './errors.ts';

declare const brand: unique symbol;

/** A string that has been parsed as the id of one kind of thing; an id of another kind does not compile in its place. */
export type Id<Kind extends string> = string & { readonly [brand]: Kind };

/** Where new ids come from; injected, so that a simulation gives the same ones for the same seed. */
export interface IdSource {
  /** A new random (version 4) UUID, lower case with hyphens. */
  uuid(): string;
}

export const randomIds: IdSource = { uuid: () => randomUUID() };

const hyphenated = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for the one spelling of a UUID that we store: lower case with hyphens. */
export const isUuid = (text: string): boolean => hyphenated.test(text);

/** The stored spelling of any spelling OpenStack accepts (no hyphens, upper case, braces, `urn:uuid:`), or null. */
export function normalizeUuid(text: string): string | null {
  const hex = text
    .replace(/^urn:uuid:/i, '')
    .replaceAll(/[{}-]/g, '')
    .toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) return null;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Parses an id at the edge; `what` names the thing in the refusal. */
export function parseId<Kind extends string>(what: string, text: string): Id<Kind> {
  const uuid = normalizeUuid(text);
  if (uuid === null) throw invalid(`Invalid ${what} id '${text}': it must be a UUID.`);
  return uuid as Id<Kind>;
}
