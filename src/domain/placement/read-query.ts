import { normalizeUuid } from '../../lib/ids.ts';
import type { Version } from '../../lib/http/microversion.ts';
import { badQuery } from './bad-query.ts';
import { does } from './behaviours.ts';

interface At {
  readonly version: Version;
}

const badResources = (got: string) =>
  badQuery(
    `Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: ${got}.`,
  );

/** `VCPU:2,MEMORY_MB:1024` */
export function readResources(text: string): Map<string, number> {
  if (text.trim() === '') throw badResources('empty string');
  const resources = new Map<string, number>();
  for (const item of text.split(',')) {
    const [name = '', amount, ...rest] = item.split(':');
    if (amount === undefined || rest.length > 0) throw badResources(item);
    if (!/^\s*[+-]?\d+\s*$/.test(amount)) throw badQuery(`Requested resource ${name} expected positive integer amount. Got: ${amount}.`);
    if (Number(amount) < 1) throw badQuery(`Requested resource ${name} requires amount >= 1. Got: ${Number(amount)}.`);
    resources.set(name, Number(amount));
  }
  return resources;
}

export interface TraitsAskedFor {
  /** All lists must be satisfied, each by any of its traits. */
  readonly required: readonly (readonly string[])[];
  readonly forbidden: readonly string[];
}

/** The values of `required`: `T1,!T2`, and `in:T3,T4` where any will do. */
export function readTraits(values: readonly string[], at: At): TraitsAskedFor {
  const repeats = does(at, 'anyTraits') ? values : values.slice(-1); // the last one used to win
  const read = repeats.map((value) => readTraitValue(value, { forbidden: does(at, 'forbiddenTraits'), any: does(at, 'anyTraits') }));
  return { required: read.flatMap(({ required }) => required), forbidden: [...new Set(read.flatMap(({ forbidden }) => forbidden))] };
}

/** One value of `required` or `root_required`. */
export function readTraitValue(value: string, allow: { readonly forbidden: boolean; readonly any: boolean }): TraitsAskedFor {
  const refused = (why: string) => badQuery(`Invalid query string parameters: ${why} Got: ${value}`);
  const names = value
    .replace(/^in:/, '')
    .split(',')
    .map((name) => name.trim());
  if (value.startsWith('in:')) {
    if (!allow.any) throw refused("The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39.");
    if (names.includes('')) throw refused("Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC.");
    if (names.some((name) => name.startsWith('!')))
      throw refused("The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' does not support forbidden traits.");
    return { required: [[...new Set(names)]], forbidden: [] };
  }
  const form = `Expected 'required' parameter value of the form: HW_CPU_X86_VMX,${allow.forbidden ? '!' : ''}CUSTOM_MAGIC.`;
  const forbidden = names.filter((name) => name.startsWith('!')).map((name) => name.replace(/^!+/, ''));
  if ([...names, ...forbidden].includes('') || (forbidden.length > 0 && !allow.forbidden)) throw refused(form);
  return { required: names.filter((name) => !name.startsWith('!')).map((name) => [name]), forbidden };
}

export interface AggregatesAskedFor {
  readonly memberOf: readonly (readonly string[])[];
  readonly notMemberOf: readonly string[];
}

/** The values of `member_of`: an aggregate, `in:A,B` for any of them, `!A` or `!in:A,B` for none of them. */
export function readMemberOf(parameter: string, values: readonly string[], at: At): AggregatesAskedFor {
  if (values.length > 1 && !does(at, 'repeatedMemberOf')) throw badQuery(`Multiple ${parameter} parameters are not supported`);
  const memberOf: string[][] = [];
  const notMemberOf: string[] = [];
  for (const value of values) {
    const [, not = '', any, list = ''] = /^(!?)(in:)?(.*)$/s.exec(value) ?? [];
    const uuids = list.split(',').map((text) => text.trim());
    if (not !== '' && !does(at, 'forbiddenAggregates'))
      throw badQuery(`Forbidden ${parameter} parameters are not supported in the specified microversion`);
    if (any === undefined && uuids.length > 1) {
      throw badQuery("Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid microversion.");
    }
    const normal = uuids.map((text) => normalizeUuid(text)).filter((uuid) => uuid !== null);
    if (normal.length < uuids.length) {
      throw badQuery(`Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: ${value}`);
    }
    if (not === '') memberOf.push(normal);
    else notMemberOf.push(...normal);
  }
  return { memberOf, notMemberOf };
}

/** The value of `in_tree`. */
export function readInTree(value: string): string {
  const uuid = normalizeUuid(value.trim());
  if (uuid === null) throw badQuery(`Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid. Got: ${value}`);
  return uuid;
}
