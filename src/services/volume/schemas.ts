import Type, { type Static, type TSchema } from 'typebox';

export const Name = Type.Union([Type.String({ maxLength: 255 }), Type.Null()]);
export const Uuid = Type.String({ pattern: '^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$' });
export const Nullable = <T extends TSchema>(type: T) => Type.Union([type, Type.Null()]);
/** A whole number, also as text, as clients have always sent sizes. */
export const Size = Type.Union([Type.Integer({ minimum: 1, maximum: 2_147_483_647 }), Type.String({ pattern: '^0*[1-9][0-9]{0,8}$' })]);
/** A boolean in any of OpenStack's spellings. */
export const Flag = Type.Union([
  Type.Boolean(),
  Type.String({ pattern: '^([Tt](rue)?|TRUE|[Yy](es)?|YES|on|ON|On|1|[Ff](alse)?|FALSE|[Nn]o?|NO|off|OFF|Off|0)$' }),
]);
export const readFlag = (flag: Static<typeof Flag>): boolean =>
  flag === true || (typeof flag === 'string' && /^(1|t|true|on|y|yes)$/i.test(flag));
export const Metadata = Type.Record(Type.String({ pattern: '^[^\\u0000]{1,255}$' }), Type.String({ maxLength: 255 }), {
  additionalProperties: false,
  maxProperties: 128,
});
export type Texts = Readonly<Record<string, string>>;
/** What actions send that have nothing to say: `null`, `{}` or, from old clients, text. */
export const Nothing = Type.Unknown();
