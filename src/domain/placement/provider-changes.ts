import type { InventoryNumbers } from './inventory-column.ts';
import type { ProviderRecord, ProviderUsage } from './provider-view.ts';

/** What changed of all providers since a snapshot of placement's database: the JSON that its change feed speaks. Arrays, for there may be a hundred thousand. */
export interface ProviderChanges {
  /** What this reading could see: the next one asks for all that it could not. */
  readonly snapshot: string;
  /** Lists of traits, comma-separated; providers name theirs by its place here, for hosts are much alike. */
  readonly traits: readonly string[] | null;
  readonly changed:
    | readonly (readonly [
        id: number,
        uuid: string,
        name: string,
        generation: number,
        parent: number | null,
        root: number,
        updated: number,
        inventories: Readonly<Record<string, InventoryNumbers>> | null,
        traits: number | null,
        aggregates: readonly string[] | null,
      ])[]
    | null;
  /** Providers of which nothing changed but what is used. */
  readonly usages:
    | readonly (readonly [id: number, generation: number, updated: number, used: Readonly<Record<string, number>> | null])[]
    | null;
  /** Ids of providers that are no more; unknown where everything was read. */
  readonly deleted?: readonly number[] | null;
}

/** The same as records of a view. */
export function readProviderChanges({ traits, changed, usages, deleted }: ProviderChanges): {
  readonly changed: readonly ProviderRecord[];
  readonly usages?: readonly ProviderUsage[];
  readonly deleted: readonly number[];
} {
  const lists = (traits ?? []).map((list) => list.split(','));
  const none: readonly string[] = [];
  return {
    changed: (changed ?? []).map(([id, uuid, name, generation, parentId, rootId, updatedAt, inventories, list, aggregates]) => ({
      id,
      uuid,
      name,
      generation,
      parentId,
      rootId,
      updatedAt,
      inventories: inventories ?? {},
      traits: list === null ? none : (lists[list] ?? none),
      aggregates: aggregates ?? none,
    })),
    usages: (usages ?? []).map(([id, generation, updatedAt, used]) => ({ id, generation, updatedAt, used: used ?? {} })),
    deleted: deleted ?? [],
  };
}
