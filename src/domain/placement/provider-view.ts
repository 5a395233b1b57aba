import { Bitset } from './bitset.ts';
import { InventoryColumn, type InventoryNumbers } from './inventory-column.ts';

/** A provider as the database has it, with everything a candidate depends on. */
export interface ProviderRecord {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly generation: number;
  readonly parentId: number | null;
  readonly rootId: number;
  /** Milliseconds since the epoch. */
  readonly updatedAt: number;
  readonly inventories: Readonly<Record<string, InventoryNumbers>>;
  readonly traits: readonly string[];
  readonly aggregates: readonly string[];
}

/** How much is used of a provider of which nothing else changed. */
export interface ProviderUsage extends Pick<ProviderRecord, 'id' | 'generation' | 'updatedAt'> {
  readonly used: Readonly<Record<string, number>>;
}

/** Marks a provider whose inventory is open to all trees it has an aggregate in common with. */
const sharingTrait = 'MISC_SHARES_VIA_AGGREGATE';

/**
 * All providers, in memory, by columns. A provider has a slot: its place in every column and its bit in every set. Slots of deleted providers are
 * used again, so a slot means something only until the next `apply`.
 */
export class ProviderView {
  readonly #slotById = new Map<number, number>();
  readonly #slotByUuid = new Map<string, number>();
  readonly #records: (ProviderRecord | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #columns = new Map<string, InventoryColumn>();
  readonly #traits = new Map<string, Bitset>();
  readonly #aggregates = new Map<string, Bitset>();
  readonly #traitLists = new Map<string, readonly string[]>();
  /** Slots of each tree by its root's id, in the order of ids. */
  readonly #trees = new Map<number, number[]>();
  /** The same by the root's slot; null when it must be worked out again. */
  #forest: { readonly roots: readonly number[]; readonly trees: readonly (readonly number[] | undefined)[] } | null = null;
  #nested = 0;
  #structure = 0;
  /** Sharing providers by the root's slot; null when it must be worked out again. */
  #sharing: Map<number, number[]> | null = null;

  /** Takes over what changed: new and changed providers, and the ids of deleted ones. */
  apply(changed: readonly ProviderRecord[], deleted: readonly number[] = []): void {
    for (const id of deleted) this.#remove(id);
    for (const record of changed) this.#put(record);
    if (changed.length + deleted.length > 0) this.#structure++;
  }

  /** Takes over how much is used, and nothing else: what claims change. */
  applyUsages(usages: readonly ProviderUsage[]): void {
    for (const { id, generation, updatedAt, used } of usages) {
      const slot = this.#slotById.get(id);
      const record = slot === undefined ? undefined : this.#records[slot];
      if (slot === undefined || record === undefined) continue;
      const inventories: Record<string, InventoryNumbers> = {};
      for (const [resourceClass, numbers] of Object.entries(record.inventories)) {
        const [total, reserved, minUnit, maxUnit, stepSize, ratio, before] = numbers;
        const now = used[resourceClass] ?? before;
        inventories[resourceClass] = now === before ? numbers : [total, reserved, minUnit, maxUnit, stepSize, ratio, now];
        this.#columns.get(resourceClass)!.used[slot] = now;
      }
      this.#records[slot] = { ...record, generation, updatedAt, inventories };
    }
  }

  /** Grows with every change but those of usage: which providers may do for a request at all holds while this stays. */
  get structure(): number {
    return this.#structure;
  }

  /** Slots there are; some of them may be empty. */
  get slots(): number {
    return this.#records.length;
  }

  get count(): number {
    return this.#slotById.size;
  }

  /** Whether any provider has a parent. */
  get hasTrees(): boolean {
    return this.#nested > 0;
  }

  at(slot: number): ProviderRecord {
    const record = this.#records[slot];
    if (record === undefined) throw new Error(`no provider has slot ${slot}`);
    return record;
  }

  has(slot: number): boolean {
    return this.#records[slot] !== undefined;
  }

  slotOf(uuid: string): number | undefined {
    return this.#slotByUuid.get(uuid);
  }

  rootOf(slot: number): number {
    return this.#slotById.get(this.at(slot).rootId)!;
  }

  parentOf(slot: number): number | undefined {
    const { parentId } = this.at(slot);
    return parentId === null ? undefined : this.#slotById.get(parentId);
  }

  /** The slots of all roots, in the order in which trees came to be known. */
  get roots(): readonly number[] {
    return (this.#forest ??= this.#grow()).roots;
  }

  /** The slots of a root's tree, the root's own among them. */
  treeOf(root: number): readonly number[] {
    return (this.#forest ??= this.#grow()).trees[root] ?? [];
  }

  column(resourceClass: string): InventoryColumn | undefined {
    return this.#columns.get(resourceClass);
  }

  withTrait(trait: string): Bitset | undefined {
    return this.#traits.get(trait);
  }

  inAggregate(aggregate: string): Bitset | undefined {
    return this.#aggregates.get(aggregate);
  }

  isSharing(slot: number): boolean {
    return this.#traits.get(sharingTrait)?.has(slot) === true;
  }

  /** Sharing providers of other trees that have an aggregate in common with any provider of this root's tree. */
  sharingWith(root: number): readonly number[] {
    this.#sharing ??= this.#linkSharing();
    return this.#sharing.get(root) ?? [];
  }

  #put(given: ProviderRecord): void {
    const record = { ...given, traits: this.#shared(given.traits) };
    const known = this.#slotById.get(record.id);
    const slot = known ?? this.#free.pop() ?? this.#records.length;
    const before = this.#records[slot];
    this.#slotById.set(record.id, slot);
    this.#slotByUuid.set(record.uuid, slot);
    this.#records[slot] = record;
    for (const resourceClass of Object.keys(before?.inventories ?? {})) {
      if (!Object.hasOwn(record.inventories, resourceClass)) this.#columns.get(resourceClass)?.clear(slot);
    }
    for (const [resourceClass, numbers] of Object.entries(record.inventories))
      made(this.#columns, resourceClass, () => new InventoryColumn()).set(slot, numbers);
    const traitsChanged = this.#move(this.#traits, slot, before?.traits ?? [], record.traits);
    const aggregatesChanged = this.#move(this.#aggregates, slot, before?.aggregates ?? [], record.aggregates);
    const treeChanged = before?.rootId !== record.rootId;
    if (treeChanged) {
      this.#forest = null;
      if (before !== undefined) this.#leaveTree(before.rootId, slot);
      made(this.#trees, record.rootId, () => []).push(slot);
    }
    this.#nested += (record.parentId === null ? 0 : 1) - (before === undefined || before.parentId === null ? 0 : 1);
    if (treeChanged || aggregatesChanged || (traitsChanged && (this.isSharing(slot) || (before?.traits.includes(sharingTrait) ?? false))))
      this.#sharing = null;
  }

  /** The one list that all providers with equal traits have: hosts are much alike, and their traits are most of what is kept of them. */
  #shared(traits: readonly string[]): readonly string[] {
    return made(this.#traitLists, traits.join(), () => traits);
  }

  #remove(id: number): void {
    const slot = this.#slotById.get(id);
    const record = slot === undefined ? undefined : this.#records[slot];
    if (slot === undefined || record === undefined) return;
    for (const resourceClass of Object.keys(record.inventories)) this.#columns.get(resourceClass)?.clear(slot);
    this.#move(this.#traits, slot, record.traits, []);
    this.#move(this.#aggregates, slot, record.aggregates, []);
    this.#leaveTree(record.rootId, slot);
    if (record.parentId !== null) this.#nested--;
    this.#slotById.delete(id);
    if (this.#slotByUuid.get(record.uuid) === slot) this.#slotByUuid.delete(record.uuid);
    this.#records[slot] = undefined;
    this.#free.push(slot);
    this.#sharing = null;
    this.#forest = null;
  }

  #leaveTree(rootId: number, slot: number): void {
    const left = (this.#trees.get(rootId) ?? []).filter((member) => member !== slot);
    if (left.length === 0) this.#trees.delete(rootId);
    else this.#trees.set(rootId, left);
  }

  /** Moves a slot's bit from the sets it was in to those it is in; answers whether that made a difference. */
  #move(sets: Map<string, Bitset>, slot: number, from: readonly string[], to: readonly string[]): boolean {
    if (from === to) return false;
    if (from.length === to.length && from.every((name, at) => name === to[at])) return false;
    for (const name of from) sets.get(name)?.delete(slot);
    for (const name of to) made(sets, name, () => new Bitset()).add(slot);
    return true;
  }

  #grow(): { readonly roots: readonly number[]; readonly trees: readonly (readonly number[] | undefined)[] } {
    const roots: number[] = [];
    const trees: (readonly number[] | undefined)[] = Array.from({ length: this.#records.length });
    for (const [rootId, members] of this.#trees) {
      const root = this.#slotById.get(rootId);
      if (root === undefined) continue;
      roots.push(root);
      trees[root] = members;
    }
    return { roots, trees };
  }

  #linkSharing(): Map<number, number[]> {
    const links = new Map<number, Set<number>>();
    for (const sharing of this.#traits.get(sharingTrait) ?? []) {
      for (const aggregate of this.at(sharing).aggregates) {
        for (const member of this.#aggregates.get(aggregate) ?? []) {
          const root = this.rootOf(member);
          if (root !== this.rootOf(sharing)) made(links, root, () => new Set()).add(sharing);
        }
      }
    }
    return new Map([...links].map(([root, slots]) => [root, [...slots]]));
  }
}

function made<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  map.set(key, value);
  return value;
}
