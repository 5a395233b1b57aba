import { Compile } from 'typebox/compile';
import type { TSchema } from 'typebox';
import { isSecretKey, withoutSecrets } from '../secrets.ts';

/** One thing that is wrong with a body or a query, in the words OpenStack's validators use. */
export interface Issue {
  /** Keys from the root, as text. */
  readonly path: readonly string[];
  /** The value that was refused. */
  readonly value: unknown;
  readonly keyword: string;
  /** Such as `'server' is a required property`. */
  readonly text: string;
}

interface RawError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

/** A value as Python prints it, which is how every OpenStack service quotes values; cut where it would flood an answer. */
export function quote(value: unknown, depth = 0): string {
  const cut = (text: string): string => (text.length > 512 ? `${text.slice(0, 512)}…` : text);
  if (typeof value === 'string')
    return cut(
      `'${value
        .replaceAll('\\', '\\\\')
        .replaceAll("'", String.raw`\'`)
        .replaceAll('\n', String.raw`\n`)}'`,
    );
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (depth > 4) return '…';
  if (Array.isArray(value))
    return cut(
      `[${value
        .slice(0, 64)
        .map((v) => quote(v, depth + 1))
        .join(', ')}]`,
    );
  if (typeof value === 'object') {
    const entries = Object.entries(value).slice(0, 64);
    return cut(`{${entries.map(([k, v]) => `${quote(k)}: ${quote(v, depth + 1)}`).join(', ')}}`);
  }
  return cut(String(value));
}

function at(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const key of path) value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return value;
}

const listed = (keys: unknown): string => (Array.isArray(keys) ? keys.map((key) => quote(key)).join(', ') : quote(keys));

/** The sentence of one refused keyword, as python-jsonschema writes it. */
function sentence(keyword: string, value: unknown, params: RawError['params'], message: string): string {
  const shown = quote(value);
  switch (keyword) {
    case 'required':
      return `${quote((params['requiredProperties'] as string[] | undefined)?.[0])} is a required property`;
    case 'additionalProperties': {
      const keys = params['additionalProperties'] as string[];
      return `Additional properties are not allowed (${listed(keys)} ${keys.length === 1 ? 'was' : 'were'} unexpected)`;
    }
    case 'type':
      return `${shown} is not of type ${listed(params['type'])}`;
    case 'enum':
      return `${shown} is not one of ${quote(params['allowedValues'])}`;
    case 'minLength':
    case 'minItems':
      return `${shown} is too short`;
    case 'maxLength':
    case 'maxItems':
      return `${shown} is too long`;
    case 'pattern':
      return `${shown} does not match ${quote(params['pattern'])}`;
    case 'minimum':
      return `${shown} is less than the minimum of ${String(params['limit'])}`;
    case 'maximum':
      return `${shown} is greater than the maximum of ${String(params['limit'])}`;
    case 'minProperties':
      return `${shown} does not have enough properties`;
    case 'maxProperties':
      return `${shown} has too many properties`;
    case 'uniqueItems':
      return `${shown} has non-unique elements`;
    case 'format':
      return `${shown} is not a ${quote(params['format'])}`;
    case 'const':
      return `${quote(params['allowedValue'])} was expected`;
    case 'anyOf':
    case 'oneOf':
      return `${shown} is not valid under any of the given schemas`;
    default:
      return `${shown} ${message}`;
  }
}

export interface Validator {
  /** The first thing that is wrong, or null. */
  check(value: unknown): Issue | null;
}

const validators = new WeakMap<TSchema, Validator>();

/** A compiled validator, one for each schema object. */
export function validatorOf(schema: TSchema): Validator {
  const known = validators.get(schema);
  if (known !== undefined) return known;
  const compiled = Compile(schema);
  const validator: Validator = {
    check(value) {
      if (compiled.Check(value)) return null;
      const errors = compiled.Errors(value) as unknown as RawError[];
      // a refused key also reports its `false` schema, and a union reports each branch before itself: tell the outermost cause
      const telling = errors.filter(({ keyword, schemaPath }) => keyword !== 'boolean' && !/\/(anyOf|oneOf)\/\d+/.test(schemaPath));
      const union = errors.find(({ schemaPath }) => /\/(anyOf|oneOf)\/\d+/.test(schemaPath));
      const first = telling.find((error) => error.keyword !== 'additionalProperties') ?? telling[0] ?? union ?? errors[0];
      if (first === undefined) return { path: [], value, keyword: 'unknown', text: 'is not valid' };
      const path = first.instancePath
        .split('/')
        .slice(1)
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
      const refused = path.some(isSecretKey) ? '***' : withoutSecrets(at(value, path));
      const keyword = first === union ? 'anyOf' : first.keyword;
      return { path, value: refused, keyword, text: sentence(keyword, refused, first.params, first.message ?? 'is not valid') };
    },
  };
  validators.set(schema, validator);
  return validator;
}
