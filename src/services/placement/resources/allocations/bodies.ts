import Type, { type TSchema } from 'typebox';
import type { Version } from '../../../../lib/http/microversion.ts';
import type { VersionedBody } from '../../../../lib/http/versioned-body.ts';
import { does } from '../../microversions.ts';
import { ConsumerType, Generation, InventoriesByClass, Owner, Resources, uuidKey, Uuid } from '../../schemas.ts';

/** What a consumer shall hold, in the newest form. */
export interface ConsumerBody {
  readonly allocations: Readonly<Record<string, { readonly resources: Readonly<Record<string, number>> }>>;
  readonly project_id: string;
  readonly user_id: string;
  readonly consumer_generation?: number | null;
  readonly consumer_type?: string;
}

/** Before 1.12 the allocations were a list; before 1.8 nobody said whose they are. */
export interface ListBody {
  readonly allocations: readonly {
    readonly resource_provider: { readonly uuid: string };
    readonly resources: Readonly<Record<string, number>>;
  }[];
  readonly project_id?: string;
  readonly user_id?: string;
}

export interface ReshapeBody {
  readonly inventories: Readonly<
    Record<
      string,
      { readonly resource_provider_generation: number; readonly inventories: Readonly<Record<string, { readonly total: number }>> }
    >
  >;
  readonly allocations: Readonly<Record<string, ConsumerBody>>;
}

const byUuid = (value: TSchema, options: { readonly minProperties?: number } = {}): TSchema =>
  Type.Object({}, { patternProperties: { [uuidKey]: value }, additionalProperties: false, ...options });

const Held = Type.Object({ generation: Type.Optional(Type.Integer()), resources: Resources }, { additionalProperties: false });
const Mappings = Type.Object(
  {},
  { patternProperties: { '^[a-zA-Z0-9_-]{0,64}$': Type.Array(Uuid, { minItems: 1 }) }, additionalProperties: false, minProperties: 1 },
);

/** One consumer at a version. `mayBeEmpty` lets it give everything back. */
function consumer(at: Version, mayBeEmpty: boolean): TSchema {
  const v = { version: at };
  return Type.Object(
    {
      allocations: byUuid(Held, mayBeEmpty ? {} : { minProperties: 1 }),
      project_id: Owner,
      user_id: Owner,
      ...(does(v, 'consumerGenerations') ? { consumer_generation: Type.Union([Generation, Type.Null()]) } : {}),
      ...(does(v, 'mappings') ? { mappings: Type.Optional(Mappings) } : {}),
      ...(does(v, 'consumerTypes') ? { consumer_type: ConsumerType } : {}),
    },
    { additionalProperties: false },
  );
}

/** A body that each version compiles once. */
function perVersion<Value>(title: string, make: (at: Version) => TSchema): VersionedBody<Value> {
  const known = new Map<Version, TSchema>();
  return {
    title,
    schema(at) {
      const schema = known.get(at) ?? make(at);
      known.set(at, schema);
      return schema;
    },
  };
}

const ListItem = Type.Object(
  { resource_provider: Type.Object({ uuid: Uuid }, { additionalProperties: false }), resources: Resources },
  { additionalProperties: false },
);

export const PutListedAllocations = perVersion<ListBody>('PutListedAllocations', (at) =>
  Type.Object(
    {
      allocations: Type.Array(ListItem, { minItems: 1 }),
      ...(does({ version: at }, 'owners') ? { project_id: Owner, user_id: Owner } : {}),
    },
    { additionalProperties: false },
  ),
);
export const PutAllocations = perVersion<ConsumerBody>('PutAllocations', (at) =>
  consumer(at, does({ version: at }, 'consumerGenerations')),
);
export const PostAllocations = perVersion<Readonly<Record<string, ConsumerBody>>>('PostAllocations', (at) =>
  byUuid(consumer(at, true), { minProperties: 1 }),
);
export const Reshape = perVersion<ReshapeBody>('Reshape', (at) =>
  Type.Object(
    {
      inventories: byUuid(
        Type.Object({ resource_provider_generation: Generation, inventories: InventoriesByClass }, { additionalProperties: false }),
      ),
      allocations: byUuid(consumer(at, true)),
    },
    { additionalProperties: false },
  ),
);
