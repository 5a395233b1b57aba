import Type, { type Static, type TObject, type TSchema } from 'typebox';
import { isWithin, type Version, type Window } from './microversion.ts';

/** One key of a request body. Refused as unknown outside its window. */
export interface BodyField extends Window {
  readonly type: TSchema;
  readonly required?: boolean;
}

type Variants = BodyField | readonly BodyField[];
type Fields = Readonly<Record<string, Variants>>;
type TypeOf<F extends Variants> = F extends { readonly type: infer T extends TSchema }
  ? Static<T>
  : F extends readonly { readonly type: infer T extends TSchema }[]
    ? Static<T>
    : never;
type IsRequired<F> = F extends { readonly required: true } | readonly { readonly required: true }[] ? true : false;

/** What a handler receives: the union over all versions; a key that may be missing at some version is optional. */
export type BodyOf<F extends Fields> = {
  readonly [K in keyof F as IsRequired<F[K]> extends true ? K : never]: TypeOf<F[K]>;
} & { readonly [K in keyof F as IsRequired<F[K]> extends true ? never : K]?: TypeOf<F[K]> };

export interface VersionedBody<Value> {
  readonly title: string;
  schema(at: Version): TSchema;
  /** Never set: carries the type of the parsed value. */
  readonly value?: Value;
}

export interface BodyOptions {
  /** Whether keys outside the table are refused (the default), at every version or from one on. */
  readonly unknownKeys?: 'refuse' | 'accept' | { readonly refusedSince: Version };
  readonly minProperties?: number;
}

/** A request body at every microversion, written once. */
export function versionedBody<const F extends Fields>(title: string, fields: F, options: BodyOptions = {}): VersionedBody<BodyOf<F>> {
  const compiled = new Map<Version, TObject>();
  return {
    title,
    schema(at) {
      const known = compiled.get(at);
      if (known !== undefined) return known;
      const properties: Record<string, TSchema> = {};
      for (const [key, variants] of Object.entries(fields)) {
        const field = [variants].flat<Variants[]>().find((variant) => isWithin(variant, at));
        if (field !== undefined) properties[key] = field.required === true ? field.type : Type.Optional(field.type);
      }
      const { unknownKeys = 'refuse', minProperties } = options;
      const refuse = unknownKeys === 'refuse' || (typeof unknownKeys === 'object' && at >= unknownKeys.refusedSince);
      const schema = Type.Object(properties, {
        title,
        additionalProperties: !refuse,
        ...(minProperties === undefined ? {} : { minProperties }),
      });
      compiled.set(at, schema);
      return schema;
    },
  };
}

/** A body that is the same at every version. */
export const plainBody = <T extends TSchema>(title: string, schema: T): VersionedBody<Static<T>> => ({ title, schema: () => schema });
