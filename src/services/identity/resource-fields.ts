import Type from 'typebox';
import { conflict, forbidden, invalid } from '../../lib/errors.ts';
import type { RequestContext } from '../../lib/http/route.ts';
import { isDuplicate } from '../../lib/sql/database.ts';

/** Kinds of fields that the bodies of several resources share. */
export const Name = Type.String({ minLength: 1, maxLength: 255, pattern: String.raw`\S` });
export const ProjectName = Type.String({ minLength: 1, maxLength: 64, pattern: String.raw`\S` });
export const IdText = Type.String({ minLength: 1, maxLength: 64, pattern: String.raw`^[\w.-]+$` });
export const NullableId = Type.Union([IdText, Type.Null()]);
export const Text = Type.String({ maxLength: 8192 });
export const NullableText = Type.Union([Text, Type.Null()]);
export const Flag = Type.Boolean();
export const Tag = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^,/]*$' });
export const Tags = Type.Array(Tag, { maxItems: 80, uniqueItems: true });
export const Options = Type.Record(Type.String(), Type.Unknown());

/** Attributes of a body that are not of the table: Keystone keeps and shows them, so clients use them. */
export function extraOf(body: Readonly<Record<string, unknown>>, known: readonly string[]): Record<string, unknown> {
  const own = new Set([...known, 'id', 'links']);
  return Object.fromEntries(Object.entries(body).filter(([key]) => !own.has(key)));
}

/** The domain of what is created: the one named, else that of the token's scope. */
export const domainFor = (ctx: RequestContext, named: string | undefined): string =>
  named ?? ctx.caller.domainId ?? ctx.caller.projectDomainId ?? 'default';

/** The domain a list is about: the one asked for; a token for a domain sees that one, if it may not see all. */
export const listedDomain = (ctx: RequestContext, asked: string | undefined): string | undefined =>
  asked ?? (ctx.caller.isAdmin || ctx.caller.system ? undefined : (ctx.caller.domainId ?? undefined));

export function refuseMove(row: { readonly domain_id: string | null }, domainId: string | null | undefined): void {
  if (domainId !== undefined && domainId !== row.domain_id) throw invalid('The domain of a resource cannot be changed.');
}

/** What is marked immutable changes only after the mark is gone. */
export function refuseImmutable(
  what: string,
  row: { readonly id: string; readonly options: Readonly<Record<string, unknown>> },
  body?: { readonly options?: Readonly<Record<string, unknown>> },
): void {
  if (row.options['immutable'] !== true) return;
  if (body !== undefined && Object.keys(body).length === 1 && body.options?.['immutable'] === false) return;
  throw forbidden(
    `Unable to ${body === undefined ? 'delete' : 'update'} immutable ${what} resource: ${row.id}. Set resource option "immutable" to false first.`,
  );
}

/** Turns a duplicate key into a conflict that names the thing. */
export async function unlessTaken<T>(what: string, write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    if (isDuplicate(error)) throw conflict(`Conflict occurred attempting to store ${what} - Duplicate entry found.`, { cause: error });
    throw error;
  }
}

/** Only what is given: so that an update leaves the rest as it is. */
export function given<T extends Readonly<Record<string, unknown>>>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
