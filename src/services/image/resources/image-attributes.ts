import { Type, type TSchema } from 'typebox';
import { forbidden, invalid, overQuota } from '../../../lib/errors.ts';
import { validatorOf } from '../../../lib/http/validation.ts';
import type { ImageAttributes } from '../image-record.ts';
import type { ImageLimits } from '../settings.ts';

export const diskFormats = ['ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw', 'qcow2', 'vdi', 'iso', 'ploop'] as const;
export const containerFormats = ['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'] as const;
export const visibilities = ['public', 'private', 'shared', 'community'] as const;

const choice = (values: readonly string[]): TSchema => Type.Enum([...values]);
const nullable = (schema: TSchema): TSchema => Type.Union([Type.Null(), schema]);
const text = Type.String({ maxLength: 255 });
const count = Type.Integer({ minimum: 0, maximum: 2_147_483_647 });
const uuid = Type.String({ pattern: '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$' });

interface Attribute {
  readonly schema: TSchema;
  readonly description: string;
  /** The key of `ImageAttributes` it sets; null for what only the service sets. */
  readonly sets: keyof ImageAttributes | null;
}

/** The properties every image has, in Glance's words. Everything else is a custom property, a text. */
export const baseAttributes = {
  id: { schema: uuid, description: 'An identifier for the image', sets: null },
  name: { schema: nullable(text), description: 'Descriptive name for the image', sets: 'name' },
  status: {
    schema: choice(['queued', 'saving', 'active', 'uploading', 'importing', 'deactivated']),
    description: 'Status of the image',
    sets: null,
  },
  visibility: { schema: choice(visibilities), description: 'Scope of image accessibility', sets: 'visibility' },
  protected: { schema: Type.Boolean(), description: 'If true, image will not be deletable.', sets: 'protected' },
  os_hidden: { schema: Type.Boolean(), description: 'If true, image will not appear in default image list response.', sets: 'hidden' },
  owner: { schema: nullable(text), description: 'Owner of the image', sets: 'owner' },
  disk_format: { schema: nullable(choice(diskFormats)), description: 'Format of the disk', sets: 'diskFormat' },
  container_format: { schema: nullable(choice(containerFormats)), description: 'Format of the container', sets: 'containerFormat' },
  min_disk: { schema: count, description: 'Amount of disk space (in GB) required to boot image.', sets: 'minDisk' },
  min_ram: { schema: count, description: 'Amount of ram (in MB) required to boot image.', sets: 'minRam' },
  tags: { schema: Type.Array(text), description: 'List of strings related to the image', sets: 'tags' },
  size: { schema: nullable(Type.Integer()), description: 'Size of image file in bytes', sets: null },
  virtual_size: { schema: nullable(Type.Integer()), description: 'Virtual size of image in bytes', sets: null },
  checksum: { schema: nullable(Type.String({ maxLength: 32 })), description: 'md5 hash of image contents.', sets: null },
  os_hash_algo: { schema: nullable(Type.String({ maxLength: 64 })), description: 'Algorithm to calculate the os_hash_value', sets: null },
  os_hash_value: {
    schema: nullable(Type.String({ maxLength: 128 })),
    description: 'Hexdigest of the image contents using the algorithm specified by the os_hash_algo',
    sets: null,
  },
  created_at: { schema: Type.String(), description: 'Date and time of image registration', sets: null },
  updated_at: { schema: Type.String(), description: 'Date and time of the last image modification', sets: null },
  direct_url: { schema: Type.String(), description: 'URL to access the image file kept in external store', sets: null },
  self: { schema: Type.String(), description: 'An image self url', sets: null },
  file: { schema: Type.String(), description: 'An image file url', sets: null },
  schema: { schema: Type.String(), description: 'An image schema url', sets: null },
  stores: { schema: Type.String(), description: 'Store in which image data resides.', sets: null },
} as const satisfies Record<string, Attribute>;

const reserved = new Set(['location', 'locations', 'deleted', 'deleted_at', 'is_public', '__proto__']);

const attributesByName: ReadonlyMap<string, Attribute> = new Map(Object.entries(baseAttributes));
const attributeNamed = (name: string): Attribute | undefined => attributesByName.get(name);

export const isBaseAttribute = (name: string): boolean => attributeNamed(name) !== undefined;

/** Refuses names that nobody may set, and values that do not fit them. */
export function checkAttribute(name: string, value: unknown): void {
  if (reserved.has(name) || name.startsWith('os_glance_')) throw forbidden(`Attribute '${name}' is reserved.`);
  const attribute = attributeNamed(name);
  if (attribute !== undefined && attribute.sets === null) throw forbidden(`Attribute '${name}' is read-only.`);
  if (name === '' || name.length > 255 || !isStorable(name)) throw invalid('The name of a property must have 1 to 255 characters.');
  const issue = validatorOf(attribute?.schema ?? customProperty).check(value);
  if (issue !== null) throw invalid(`Provided object does not match schema 'image': ${issue.text} (at '${name}')`);
  const texts = Array.isArray(value) ? value : [value];
  if (texts.some((each) => typeof each === 'string' && !isStorable(each)))
    throw invalid(`The value of '${name}' holds characters that cannot be stored.`);
}

const customProperty = Type.String({ maxLength: 65_535 });
/** PostgreSQL keeps neither NUL nor half a surrogate pair. */
const isStorable = (value: string): boolean => !value.includes('\0') && value.isWellFormed();

export const newAttributes = (owner: string | null): ImageAttributes => ({
  name: null,
  visibility: 'shared',
  owner,
  protected: false,
  hidden: false,
  diskFormat: null,
  containerFormat: null,
  minDisk: 0,
  minRam: 0,
  tags: [],
  properties: {},
});

/** The attributes with one more set; the value has been checked. */
export function withAttribute(attributes: ImageAttributes, name: string, value: unknown): ImageAttributes {
  const key = attributeNamed(name)?.sets ?? null;
  if (key === 'tags') return { ...attributes, tags: [...new Set(Array.isArray(value) ? value.map(String) : [])] };
  if (key !== null) return { ...attributes, [key]: value };
  return { ...attributes, properties: { ...attributes.properties, [name]: String(value) } };
}

export function checkQuotas({ tags, properties }: ImageAttributes, limits: ImageLimits): void {
  const count = Object.keys(properties).length;
  if (count > limits.imagePropertyQuota)
    throw overQuota(
      `The limit has been exceeded on the number of allowed image properties. Attempted: ${count}, Maximum: ${limits.imagePropertyQuota}`,
    );
  if (tags.length > limits.imageTagQuota)
    throw overQuota(
      `The limit has been exceeded on the number of allowed image tags. Attempted: ${tags.length}, Maximum: ${limits.imageTagQuota}`,
    );
}
