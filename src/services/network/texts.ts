import Type, { type TSchema } from 'typebox';

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
