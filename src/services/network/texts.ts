import { Type, type TSchema } from 'typebox';
import { isTruthy } from '../../lib/http/query.ts';
import { invalidInput } from './neutron-errors.ts';

/** Text without control characters that would break a line, a log or a configuration file. */
// oxlint-disable-next-line no-control-regex -- they are what is refused
const printable = String.raw`^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$`;
const oneLine = String.raw`^[^\u0000-\u001f\u007f]*$`;

export const Name = Type.String({ maxLength: 255, pattern: oneLine });
export const Description = Type.String({ maxLength: 255, pattern: printable });
export const Tag = Type.String({ minLength: 1, maxLength: 255, pattern: String.raw`^[^\u0000-\u001f\u007f,]+$` });
export const ProjectId = Type.String({ minLength: 1, maxLength: 255, pattern: oneLine });
export const ResourceId = Type.String({ minLength: 1, maxLength: 36, pattern: String.raw`^[0-9a-zA-Z-]+$` });
export const Line = Type.String({ maxLength: 255, pattern: oneLine });
/** A label, or labels with dots between them and perhaps one at the end. */
export const DnsName = Type.String({
  maxLength: 255,
  pattern: String.raw`^$|^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$`,
});
export const MacAddress = Type.String({ pattern: '^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$' });
export const NullOr = <T extends TSchema>(type: T): ReturnType<typeof Type.Union<[T, ReturnType<typeof Type.Null>]>> =>
  Type.Union([type, Type.Null()]);

/** What every new resource may be given. */
export const standardBody = {
  name: { type: Name },
  description: { type: Description },
  tenant_id: { type: ProjectId },
  project_id: { type: ProjectId },
} as const;

/** What can be changed of every resource. */
export const standardChanges = { name: { type: Name }, description: { type: Description } } as const;

/** A boolean, also in the spellings Neutron takes (`'true'`, `'False'`, `1`); `inOneSpelling` makes it one. */
export const Flag = Type.Unsafe<boolean>(
  Type.Union(
    [Type.Boolean(), Type.Union([Type.Literal(0), Type.Literal(1)]), Type.String({ pattern: '^([Tt]rue|TRUE|[Ff]alse|FALSE|0|1)$' })],
    {
      spelling: 'flag',
    },
  ),
);

/** A whole number, also as text. */
export const whole = (minimum: number, maximum: number) =>
  Type.Unsafe<number>(
    Type.Union([Type.Integer({ minimum, maximum }), Type.String({ pattern: '^[0-9]{1,9}$' })], { spelling: 'whole', minimum, maximum }),
  );

interface Spelled {
  readonly spelling?: 'flag' | 'whole';
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly Spelled[];
}

const spellingOf = (property: Spelled | undefined): Spelled | undefined =>
  property?.spelling === undefined ? property?.anyOf?.find((each) => each.spelling !== undefined) : property;

/** A body that fits its schema, with its flags and numbers as such. */
export function inOneSpelling<Body extends object>(schema: TSchema, body: Body): Body {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- bodies are objects
  const { properties } = schema as TSchema & { readonly properties: Readonly<Record<string, Spelled>> };
  const read = (key: string, value: unknown): unknown => {
    const spelled = spellingOf(properties[key]);
    if (spelled === undefined || value === null) return value;
    if (spelled.spelling === 'flag') return typeof value === 'boolean' ? value : isTruthy(JSON.stringify(value).replaceAll('"', ''));
    const number = Number(value);
    if (number < (spelled.minimum ?? number) || number > (spelled.maximum ?? number))
      throw invalidInput(`'${number}' is too ${number < (spelled.minimum ?? number) ? 'small' : 'large'} for ${key}`);
    return number;
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys, whose values now are what their types say
  return Object.fromEntries(Object.entries(body).map(([key, value]) => [key, read(key, value)])) as Body;
}
