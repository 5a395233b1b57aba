import { Bitset } from './bitset.ts';
import type { InventoryColumn } from './inventory-column.ts';
import type { ProviderView } from './provider-view.ts';
import type { CandidateRequest, RequestGroup } from './candidate-request.ts';

/** One place of a candidate: an amount of a class for a group, or (with no column) just a provider for a group that asks for nothing. */
export interface Demand {
  readonly suffix: string;
  readonly resourceClass: string;
  readonly amount: number;
  readonly column: InventoryColumn | null;
}

export interface CompiledGroup {
  readonly single: boolean;
  readonly demands: readonly Demand[];
  /** Sets of providers: each must have one of those chosen. */
  readonly required: readonly Bitset[];
  /** Whether a provider may satisfy the whole group. */
  admits(slot: number): boolean;
  /** Whether a provider may satisfy part of the group in this root's tree. An aggregate of the root spans its tree. */
  admitsIn(slot: number, root: number): boolean;
}

export interface CompiledRequest {
  readonly groups: readonly CompiledGroup[];
  readonly demands: readonly Demand[];
  readonly sameSubtrees: readonly (readonly string[])[];
  /** Whether there are sharing providers at all. */
  readonly sharing: boolean;
  /** Whether a tree may anchor candidates, by its root's traits. */
  anchors(root: number): boolean;
  /** Whether the slots chosen so far can still become a candidate: amounts together, and providers of their own where the policy wants that. */
  fitsSoFar(choice: readonly number[]): boolean;
  /** Whether a whole choice keeps related groups in one subtree. */
  allows(choice: readonly number[]): boolean;
}

/** A request in terms of the view's columns and sets; null when no provider can satisfy it. */
export function compileRequest(view: ProviderView, request: CandidateRequest): CompiledRequest | null {
  const groups: CompiledGroup[] = [];
  for (const group of request.groups) {
    const compiled = compileGroup(view, group);
    if (compiled === null) return null;
    groups.push(compiled);
  }
  const rootRequired = request.rootRequired.map((trait) => view.withTrait(trait));
  if (rootRequired.includes(undefined)) return null;
  const rootForbidden = Bitset.union(request.rootForbidden.map((trait) => view.withTrait(trait)));
  const demands = groups.flatMap((group) => group.demands);
  const isolated = request.groupPolicy === 'isolate';
  /** For each demand, the earlier ones that draw on the same class, which may turn out to be the same inventory. */
  const rivals = demands.map(({ resourceClass, column, suffix }, at) =>
    column === null
      ? []
      : demands.slice(0, at).flatMap((other, index) => (other.resourceClass === resourceClass && other.suffix !== suffix ? [index] : [])),
  );
  return {
    groups,
    demands,
    sameSubtrees: request.sameSubtrees,
    sharing: view.withTrait('MISC_SHARES_VIA_AGGREGATE')?.isEmpty === false,
    anchors: (root) => rootRequired.every((having) => having!.has(root)) && !rootForbidden.has(root),
    fitsSoFar(choice) {
      const last = choice.length - 1;
      const { suffix } = demands[last]!;
      for (let at = last; at >= 0 && demands[at]!.suffix === suffix; at--) {
        const slot = choice[at]!;
        const { column, amount } = demands[at]!;
        let sum = amount;
        for (const rival of rivals[at]!) if (choice[rival] === slot) sum += demands[rival]!.amount;
        if (sum > amount && !column!.fitsTogether(slot, sum)) return false;
      }
      if (!isolated || suffix === '') return true;
      return !choice.some((slot, at) => slot === choice[last] && demands[at]!.suffix !== suffix && demands[at]!.suffix !== '');
    },
    allows: (choice) =>
      request.sameSubtrees.every((suffixes) => {
        const slots = [...new Set(choice.filter((_, at) => suffixes.includes(demands[at]!.suffix)))];
        return slots.length < 2 || slots.some((top) => slots.every((slot) => isWithin(view, slot, top)));
      }),
  };
}

/** One group in terms of the view; null when no provider can satisfy it. */
export function compileGroup(view: ProviderView, group: RequestGroup): CompiledGroup | null {
  const demands: Demand[] = [];
  for (const [resourceClass, amount] of group.resources) {
    const column = view.column(resourceClass);
    if (column === undefined) return null;
    demands.push({ suffix: group.suffix, resourceClass, amount, column });
  }
  if (demands.length === 0) demands.push({ suffix: group.suffix, resourceClass: '', amount: 0, column: null });
  const required = group.required.map((any) => Bitset.union(any.map((trait) => view.withTrait(trait))));
  const memberOf = group.memberOf.map((any) => Bitset.union(any.map((aggregate) => view.inAggregate(aggregate))));
  if ([...required, ...memberOf].some((set) => set.isEmpty)) return null;
  const forbidden = Bitset.union(group.forbidden.map((trait) => view.withTrait(trait)));
  const notMemberOf = Bitset.union(group.notMemberOf.map((aggregate) => view.inAggregate(aggregate)));
  const treeSlot = group.inTree === null ? null : view.slotOf(group.inTree);
  if (treeSlot === undefined) return null;
  const tree = treeSlot === null ? null : view.rootOf(treeSlot);
  const isMember = (slot: number): boolean => memberOf.every((members) => members.has(slot)) && !notMemberOf.has(slot);
  return {
    single: group.suffix !== '',
    demands,
    required,
    admits: (slot) =>
      isMember(slot) &&
      !forbidden.has(slot) &&
      required.every((having) => having.has(slot)) &&
      (tree === null || view.rootOf(slot) === tree),
    admitsIn(slot, root) {
      if (forbidden.has(slot) || notMemberOf.has(slot) || notMemberOf.has(root)) return false;
      if (tree !== null && (root !== tree || view.rootOf(slot) !== tree)) return false;
      if (memberOf.every((members) => members.has(slot))) return true;
      return view.rootOf(slot) === root && memberOf.every((members) => members.has(root));
    },
  };
}

/** Whether `top` is the slot itself or one of its ancestors. */
function isWithin(view: ProviderView, slot: number, top: number): boolean {
  for (let at: number | undefined = slot; at !== undefined; at = view.parentOf(at)) if (at === top) return true;
  return false;
}
