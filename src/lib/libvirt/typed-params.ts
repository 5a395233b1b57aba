import type { TypedParameter, TypedParameterInput } from './protocol.ts';

/**
 * Typed parameters as a plain record: `{ 'cpu.time': 1234, 'block.0.name': 'vda' }`.
 * 64-bit values are numbers here, exact to 2^53 and rounded above it, which only nanoseconds and unlimited-values reach.
 */
export type ParameterRecord = Readonly<Record<string, number | string | boolean>>;

/** Reads a list of typed parameters. A field that comes more than once keeps its last value. */
export const toRecord = (parameters: readonly TypedParameter[]): ParameterRecord =>
  Object.fromEntries(parameters.map(({ field, value }) => [field, typeof value.value === 'bigint' ? Number(value.value) : value.value]));

/** What each parameter of a call is called here, and its name and type on the wire. */
export type ParameterTable = Readonly<Record<string, readonly [field: string, type: TypedParameterInput['value']['type']]>>;

type ValueOf<T extends TypedParameterInput['value']['type']> = T extends 'string'
  ? string
  : T extends 'boolean'
    ? boolean
    : number | bigint;
/** Values for a table's parameters; a list gives the field several times. */
export type ParameterValues<T extends ParameterTable> = { readonly [K in keyof T]?: ValueOf<T[K][1]> | readonly ValueOf<T[K][1]>[] };

/** Writes the values that are there as typed parameters, in the table's order. */
export function toParameters<T extends ParameterTable>(table: T, values: ParameterValues<T>): TypedParameterInput[] {
  const given: Readonly<Record<string, unknown>> = values;
  return Object.entries(table).flatMap(([name, [field, type]]) => {
    const value = given[name];
    const several: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ParameterValues gives each field the type its table names
    return several.map((each) => ({ field, value: { type, value: each } as TypedParameterInput['value'] }));
  });
}
