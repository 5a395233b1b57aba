import type { TSchema } from 'typebox';
import { validatorOf } from '../../../src/lib/http/validation.ts';

/** Stands in every field that holds a secret: it may be in no refusal and no log. */
export const plantedSecret = 'planted-secret-7f3a';

type Path = readonly (string | number)[];

interface Node {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly TSchema[];
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly items?: TSchema;
  readonly minItems?: number;
  readonly minimum?: number;
}

/** Values of the forms that OpenStack's schemas ask for. */
const texts = [
  'plain',
  plantedSecret,
  '3f0c3a52-8a5a-4d3c-9f0a-2f1b2f3c4d5e',
  '10.9.8.7',
  '10.9.8.0/24',
  'fd00::7',
  'fa:16:3e:00:00:07',
  'CUSTOM_HOSTILE',
  'VCPU',
  'aGVsbG8=',
  '7',
  '/name',
  'true',
  'http://example.org/',
  '2030-01-01T00:00:00Z',
  'ssh-ed25519 AAAA',
  'hw:cpu_policy',
  '/fd00::',
  'network-vif-plugged',
];

const nodeOf = (schema: TSchema): Node => schema;
const isSecret = (key: string | number | undefined): boolean => typeof key === 'string' && /password|secret|adminPass/i.test(key);

/** What a body can be made of; fields that name something are given what is there. */
export type Known = Readonly<Record<string, unknown>>;

/** A value the schema takes, with what it requires and what `wanted` leads to. */
export function sampleOf(schema: TSchema, known: Known, wanted: Path = [], key?: string | number): unknown {
  const node = nodeOf(schema);
  if (typeof key === 'string' && Object.hasOwn(known, key) && validatorOf(schema).check(known[key]) === null) return known[key];
  if (node.const !== undefined) return node.const;
  if (node.enum !== undefined) return node.enum[0];
  if (node.anyOf !== undefined) return sampleOf(branchFor(node.anyOf, wanted), known, wanted, key);
  switch (node.type) {
    case 'object': {
      const [step, ...rest] = wanted;
      const value: Record<string, unknown> = {};
      for (const [name, property] of Object.entries(node.properties ?? {})) {
        if (name === step || node.required?.includes(name) === true)
          value[name] = sampleOf(property, known, name === step ? rest : [], name);
      }
      for (const [pattern, property] of Object.entries(node.patternProperties ?? {})) {
        const name = texts.find((text) => new RegExp(pattern, 'u').test(text));
        if (name !== undefined && name === step) value[name] = sampleOf(property, known, rest, name);
      }
      return value;
    }
    case 'array': {
      const length = Math.max(node.minItems ?? 0, wanted.length > 0 ? 1 : 0);
      return Array.from({ length }, (_, index) =>
        node.items === undefined ? 'plain' : sampleOf(node.items, known, index === 0 ? wanted.slice(1) : [], key),
      );
    }
    case 'integer':
    case 'number':
      return Math.max(node.minimum ?? 1, 1);
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'string':
      return (isSecret(key) ? [plantedSecret, ...texts] : texts).find((text) => validatorOf(schema).check(text) === null) ?? 'plain';
    default:
      return 'plain';
  }
}

const branchFor = (branches: readonly TSchema[], wanted: Path): TSchema =>
  branches.find((branch) =>
    wanted.length === 0
      ? nodeOf(branch).type !== 'null'
      : leavesOf(branch).some(({ path }) => path.length >= wanted.length && wanted.every((step, index) => path[index] === step)),
  ) ?? branches[0]!;

export interface Leaf {
  readonly path: Path;
  readonly kind: 'text' | 'number';
}

/** Every place in a body where text or a number may stand. */
export function leavesOf(schema: TSchema): Leaf[] {
  const node = nodeOf(schema);
  const below = (step: string | number, child: TSchema): Leaf[] =>
    leavesOf(child).map(({ path, kind }) => ({ path: [step, ...path], kind }));
  if (node.anyOf !== undefined) {
    const all = node.anyOf.flatMap(leavesOf);
    return all.filter(
      (leaf, index) => all.findIndex((other) => other.kind === leaf.kind && other.path.join('.') === leaf.path.join('.')) === index,
    );
  }
  if (node.enum !== undefined || node.const !== undefined) return [{ path: [], kind: 'text' }];
  switch (node.type) {
    case 'object':
      return [
        ...Object.entries(node.properties ?? {}).flatMap(([name, child]) => below(name, child)),
        ...Object.entries(node.patternProperties ?? {}).flatMap(([pattern, child]) => {
          const name = texts.find((text) => new RegExp(pattern, 'u').test(text));
          return name === undefined ? [] : below(name, child);
        }),
      ];
    case 'array':
      return node.items === undefined ? [] : below(0, node.items);
    case 'integer':
    case 'number':
      return [{ path: [], kind: 'number' }];
    case 'string':
    case undefined:
      return [{ path: [], kind: 'text' }];
    default:
      return [];
  }
}

/** JSON text that stands where a placeholder was, so that what no JavaScript value can say is said. */
const placeholder = '@@here@@';

/** The body with `literal`, a piece of JSON, at `path`. */
export function bodyWith(schema: TSchema, known: Known, path: Path, literal: string): string {
  const sample = sampleOf(schema, known, path);
  return JSON.stringify(replaced(sample, path)).replace(`"${placeholder}"`, () => literal);
}

function replaced(value: unknown, [step, ...rest]: Path): unknown {
  if (step === undefined) return placeholder;
  if (Array.isArray(value)) return [replaced(value[0], rest), ...value.slice(1)];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the path leads through objects
  const object = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  return { ...object, [step]: replaced(object[step], rest) };
}

const quoted = (text: string): string => JSON.stringify(text);

/** Text nobody can store: always refused. */
export const unstorableTexts: readonly string[] = [String.raw`"a\u0000b"`, String.raw`"\ud800"`, String.raw`"x\udc00y"`];
/** Text that is odd and may be right. */
export const oddTexts: readonly string[] = [
  quoted('\u202Eevil\u202C'),
  quoted('😀'.repeat(20)),
  quoted('x'.repeat(10_000)),
  quoted(''),
  quoted('../../etc/passwd'),
  quoted("'; DROP TABLE instances; --\r\n\u001B[31m"),
  quoted('__proto__'),
  'null',
  '[]',
  '{"__proto__":{"polluted":1}}',
];
export const oddNumbers: readonly string[] = [
  '1e400',
  '-1e400',
  '9223372036854775808',
  '9223372036854775807',
  '2147483648',
  '-2147483649',
  '-1',
  '0',
  '1.5',
  '1e308',
  '"7"',
  'true',
  '-0',
];

/** What is no JSON of ours whatever a schema says. */
export const brokenBodies: Readonly<Record<string, string | Buffer>> = {
  deep: `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
  'deep list': '['.repeat(10_000),
  'no UTF-8': Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
  truncated: '{"a": {"b": [1, 2',
  'not JSON': 'a=1&b=2',
  'byte order mark in the middle': '{"a":\uFEFF"x}',
  'null in a key': String.raw`{"a\u0000": 1}`,
};

/** JSON that few schemas take. */
export const oddBodies: readonly string[] = [
  '[]',
  'null',
  '"x"',
  '1e400',
  '{}',
  '{"__proto__": {"isAdmin": true}}',
  '{"constructor": {"prototype": {"polluted": true}}}',
  '{"prototype": 1}',
];
