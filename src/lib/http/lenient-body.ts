import Type, { type TSchema } from 'typebox';
import { validatorOf } from './validation.ts';

/**
 * How bodies were read before APIs refused what they do not know. A schema may say more about itself in `x-legacy`:
 * `trimmed` for a text whose outer spaces are cut off, `nullable` for a key that may be null and then counts as left out.
 */
export type LegacyNote = 'trimmed' | 'nullable';

/** JSON Schema, as far as it is walked here. */
interface Node {
  readonly 'x-legacy'?: LegacyNote;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly patternProperties?: object;
  readonly additionalProperties?: unknown;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

type JsonObject = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether keys outside the table were dropped: not where keys are bound by a pattern, as those of metadata are. */
const dropsUnknown = ({ properties, patternProperties, additionalProperties }: Node): boolean =>
  properties !== undefined && patternProperties === undefined && additionalProperties === false;

const lenient = new WeakMap<TSchema, TSchema>();

/** The schema that a body read leniently must fit: as it is, but that keys it does not know are no reason to refuse. */
export function lenientSchema(schema: TSchema): TSchema {
  const known = lenient.get(schema);
  if (known !== undefined) return known;
  const relax = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(relax);
    if (!isObject(value)) return value;
    const entries = Object.entries(value).filter(([key]) => key !== 'additionalProperties' || !dropsUnknown(value));
    return Object.fromEntries(entries.map(([key, each]) => [key, relax(each)]));
  };
  const relaxed = Type.Unsafe(relax(JSON.parse(JSON.stringify(schema))) as TSchema);
  lenient.set(schema, relaxed);
  return relaxed;
}

/** The value as it counts when it is read leniently. An object of which no key is known stays as it is. */
export const readLeniently = (value: unknown, schema: TSchema): unknown => read(value, schema);

function read(value: unknown, node: Node): unknown {
  if (typeof value === 'string') return node['x-legacy'] === 'trimmed' ? value.trim() : value;
  const branch = node.anyOf?.find((each) => validatorOf(lenientSchema(each)).check(read(value, each)) === null);
  if (branch !== undefined) return read(value, branch);
  const { items, properties = {} } = node;
  if (Array.isArray(value)) return items === undefined ? value : value.map((each) => read(each, items));
  if (!isObject(value)) return value;
  const drops = dropsUnknown(node) && Object.keys(value).some((key) => Object.hasOwn(properties, key));
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => {
      const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
      if (property === undefined) return drops ? [] : [[key, each]];
      return each === null && property['x-legacy'] === 'nullable' ? [] : [[key, read(each, property)]];
    }),
  );
}
