import Type, { type TObject, type TSchema } from 'typebox';
import { isWithin, type Version, type Window } from './microversion.ts';

/** What rendering needs to know of the request it answers. */
export interface Viewer {
  readonly version: Version;
  /** Whether the caller may see what this policy rule guards. */
  can(rule: string): boolean;
}

/** One key of a representation. `get` answers undefined to leave the key out. */
export interface ViewField<Source, V extends Viewer> extends Window {
  readonly type: TSchema;
  readonly get: (source: Source, viewer: V) => unknown;
  /** Left out for callers whom this rule refuses. */
  readonly policy?: string;
}

export interface VersionedView<Source, V extends Viewer = Viewer> {
  readonly title: string;
  /** The representation at the viewer's version. */
  render(source: Source, viewer: V): Record<string, unknown>;
  /** The schema of that representation, for OpenAPI. */
  schema(at: Version): TObject;
}

type Fields<Source, V extends Viewer> = Readonly<Record<string, ViewField<Source, V> | readonly ViewField<Source, V>[]>>;

/** A resource as clients see it at every microversion: one table, from which each version's representation is derived. */
export function versionedView<Source, V extends Viewer = Viewer>(title: string, fields: Fields<Source, V>): VersionedView<Source, V> {
  const all = Object.entries(fields).flatMap(([key, variants]) => [variants].flat().map((field) => ({ key, field })));
  const compiled = new Map<Version, typeof all>();
  const at = (v: Version): typeof all => {
    const known = compiled.get(v);
    if (known !== undefined) return known;
    const list = all.filter(({ field }) => isWithin(field, v));
    compiled.set(v, list);
    return list;
  };
  return {
    title,
    render(source, viewer) {
      const shown: Record<string, unknown> = {};
      for (const { key, field } of at(viewer.version)) {
        if (field.policy !== undefined && !viewer.can(field.policy)) continue;
        const value = field.get(source, viewer);
        if (value !== undefined) shown[key] = value;
      }
      return shown;
    },
    schema: (v) =>
      Type.Object(
        Object.fromEntries(at(v).map(({ key, field }) => [key, field.policy === undefined ? field.type : Type.Optional(field.type)])),
        { title },
      ),
  };
}
