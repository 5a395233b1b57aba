import Type from 'typebox';
import type { LegacyNote } from '../../lib/http/lenient-body.ts';

/** Types of the Compute API that more than one body uses. */
const printable = String.raw`[^\p{Cc}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]`;
export const Name = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: String.raw`^(?!\s)${printable}*(?<!\s)$`,
  'x-legacy': 'trimmed' satisfies LegacyNote,
});
export const Description = Type.Union([Type.String({ maxLength: 255, pattern: `^${printable}*$` }), Type.Null()]);
export const Uuid = Type.String({
  pattern: '^(urn:uuid:)?[{]?[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}[}]?$',
});
export const Fqdn = Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' });
export const HostnameLabel = Type.String({ minLength: 2, maxLength: 63, pattern: '^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$' });
export const Bool = Type.Union([
  Type.Boolean(),
  Type.Enum([
    'True',
    'TRUE',
    'true',
    '1',
    'ON',
    'On',
    'on',
    'YES',
    'Yes',
    'yes',
    'False',
    'FALSE',
    'false',
    '0',
    'OFF',
    'Off',
    'off',
    'NO',
    'No',
    'no',
  ]),
]);
/** The digits of 0…2147483647, leading zeros aside. */
const int32 = String.raw`(\d{1,9}|1\d{9}|20\d{8}|21[0-3]\d{7}|214[0-6]\d{6}|2147[0-3]\d{5}|21474[0-7]\d{4}|214748[0-2]\d{3}|2147483[0-5]\d{2}|21474836[0-3]\d|214748364[0-7])`;
const count = (least: number) =>
  Type.Union([Type.Integer({ minimum: least }), Type.String({ pattern: least === 0 ? '^[0-9]{1,18}$' : '^0*[1-9][0-9]{0,17}$' })]);
export const PositiveInteger = count(1);
export const NonNegativeInteger = count(0);
/** A whole number that fits a column, as number or digits. */
export const boundedInteger = (least: number) =>
  Type.Union([
    Type.Integer({ minimum: least, maximum: 2_147_483_647 }),
    Type.String({ pattern: `^${least === 0 ? '' : '(?!0*$)'}0*${int32}$` }),
  ]);
/** A limit: -1 is none. */
export const Quota = Type.Union([Type.Integer({ minimum: -1, maximum: 2_147_483_647 }), Type.String({ pattern: `^(-1|0*${int32})$` })]);
export const Ipv4 = Type.String({ pattern: String.raw`^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$` });
export const Ipv6 = Type.String({ maxLength: 45, pattern: '^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$' });
export const Metadata = Type.Record(Type.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }), Type.String({ maxLength: 255 }), {
  additionalProperties: false,
});
export const MetadataItem = Type.Record(Type.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }), Type.String({ maxLength: 255 }), {
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
});
export const Tag = Type.String({ minLength: 1, maxLength: 60, pattern: '^[^,/]*$' });
export const DiskConfig = Type.Enum(['AUTO', 'MANUAL']);
export const Base64 = (maxLength: number, legacy: { readonly 'x-legacy'?: LegacyNote } = {}) =>
  Type.String({ maxLength, pattern: String.raw`^[A-Za-z0-9+/\s]*={0,2}\s*$`, ...legacy });

/** A boolean in any of OpenStack's spellings. */
export const toBoolean = (value: boolean | string): boolean => (typeof value === 'boolean' ? value : /^(true|1|on|yes)$/i.test(value));
