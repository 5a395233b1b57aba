import Type, { type Static } from 'typebox';

const hex = (digits: number): string => `[0-9a-fA-F]{${digits}}`;
/** Any spelling of a UUID that is taken: with hyphens or without. */
export const uuidPattern = `^${hex(8)}-?${hex(4)}-?${hex(4)}-?${hex(4)}-?${hex(12)}$`;
/** A UUID as it must stand where it is a key. */
export const uuidKey = `^${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}$`;
export const classPattern = '^[A-Z0-9_]+$';
export const customPattern = '^CUSTOM_[A-Z0-9_]+$';
const greatest = 2_147_483_647;

export const Uuid = Type.String({ pattern: uuidPattern });
export const Generation = Type.Integer({ minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER });
export const Owner = Type.String({ minLength: 1, maxLength: 255 });
export const ConsumerType = Type.String({ pattern: classPattern, minLength: 1, maxLength: 255 });
export const CustomName = Type.String({ pattern: customPattern, maxLength: 255 });

const count = (minimum: number) => Type.Integer({ minimum, maximum: greatest });
const optionalNumbers = {
  reserved: Type.Optional(count(0)),
  min_unit: Type.Optional(count(1)),
  max_unit: Type.Optional(count(1)),
  step_size: Type.Optional(count(1)),
  allocation_ratio: Type.Optional(Type.Number({ maximum: 3.402_82e38 })),
};
const numbers = { total: count(1), ...optionalNumbers };

export const InventoryRecord = Type.Object(
  { ...numbers, resource_provider_generation: Type.Optional(Generation) },
  { additionalProperties: false },
);
export const InventoryUpdate = Type.Object({ ...numbers, resource_provider_generation: Generation }, { additionalProperties: false });
export const NewInventory = Type.Object(
  { ...numbers, resource_class: Type.String({ pattern: classPattern }), resource_provider_generation: Type.Optional(Generation) },
  { additionalProperties: false },
);
export const InventoriesByClass = Type.Unsafe<Readonly<Record<string, Static<typeof InventoryRecord>>>>(
  Type.Object({}, { patternProperties: { [classPattern]: InventoryRecord } }),
);
export const AllInventories = Type.Object(
  { resource_provider_generation: Generation, inventories: InventoriesByClass },
  { additionalProperties: false },
);

export const Resources = Type.Object(
  {},
  { patternProperties: { [classPattern]: Type.Integer({ minimum: 1, maximum: greatest }) }, additionalProperties: false, minProperties: 1 },
);
