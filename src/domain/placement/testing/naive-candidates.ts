import type { ProviderRecord } from '../provider-view.ts';
import type { CandidateRequest, RequestGroup } from '../candidate-request.ts';

/** One provider's part in a candidate. */
export interface Part {
  readonly id: number;
  readonly suffix: string;
  readonly resourceClass: string;
  readonly amount: number;
}

/**
 * The definition of a candidate, tried out on every combination there is: what the fast search is held against in tests. It knows neither columns nor
 * sets nor short cuts.
 */
export function naiveCandidates(providers: readonly ProviderRecord[], request: CandidateRequest): Part[][] {
  const byId = new Map(providers.map((provider) => [provider.id, provider]));
  const found = new Map<string, Part[]>();
  for (const root of providers.filter(({ parentId }) => parentId === null)) {
    if (
      !request.rootRequired.every((trait) => root.traits.includes(trait)) ||
      request.rootForbidden.some((trait) => root.traits.includes(trait))
    )
      continue;
    const tree = providers.filter(({ rootId }) => rootId === root.id);
    const linked = providers.filter(
      (one) =>
        one.rootId !== root.id &&
        shares(one) &&
        tree.some(({ aggregates }) => aggregates.some((aggregate) => one.aggregates.includes(aggregate))),
    );
    const demands = request.groups.flatMap((group) =>
      [...group.resources].map(([resourceClass, amount]) => ({ group, resourceClass, amount })),
    );
    for (const choice of combinations(demands.map(() => [...tree, ...linked]))) {
      const parts = demands.map(({ group, resourceClass, amount }, at) => ({
        id: choice[at]!.id,
        suffix: group.suffix,
        resourceClass,
        amount,
      }));
      if (isCandidate(parts, root)) found.set(JSON.stringify(parts), parts);
    }
  }
  return [...found.values()];

  function isCandidate(parts: readonly Part[], root: ProviderRecord): boolean {
    const chosen = (suffix: string): ProviderRecord[] => [
      ...new Set(parts.filter((part) => part.suffix === suffix).map(({ id }) => byId.get(id)!)),
    ];
    return (
      parts.every(({ id, resourceClass, amount }) => fits(byId.get(id)!, resourceClass, amount)) &&
      parts.every(({ id, resourceClass }) => {
        const together = parts
          .filter((part) => part.id === id && part.resourceClass === resourceClass)
          .reduce((sum, { amount }) => sum + amount, 0);
        const [total, reserved, , maxUnit, , ratio, used] = byId.get(id)!.inventories[resourceClass]!;
        return together <= maxUnit && used + together <= (total - reserved) * ratio;
      }) &&
      request.groups.every((group) => satisfies(chosen(group.suffix), group, root)) &&
      (request.groupPolicy !== 'isolate' ||
        areDistinct(request.groups.filter(({ suffix }) => suffix !== '').map(({ suffix }) => chosen(suffix)[0]!))) &&
      request.sameSubtrees.every((suffixes) => {
        const related = suffixes.flatMap(chosen);
        return related.length < 2 || related.some((top) => related.every((one) => ancestry(one).includes(top)));
      })
    );
  }

  function satisfies(chosen: readonly ProviderRecord[], group: RequestGroup, root: ProviderRecord): boolean {
    if (group.suffix !== '' && chosen.length !== 1) return false;
    const treeOfGroup = group.inTree === null ? null : providers.find(({ uuid }) => uuid === group.inTree);
    if (treeOfGroup === undefined) return false;
    return (
      group.required.every((any) => chosen.some(({ traits }) => any.some((trait) => traits.includes(trait)))) &&
      chosen.every((one) => !group.forbidden.some((trait) => one.traits.includes(trait))) &&
      chosen.every(
        (one) => treeOfGroup === null || (one.rootId === treeOfGroup.rootId && (group.suffix !== '' || root.id === treeOfGroup.rootId)),
      ) &&
      chosen.every((one) => {
        const spanning = group.suffix === '' ? [one, ...(one.rootId === root.id ? [root] : [])] : [one];
        return spanning.some(({ aggregates }) => group.memberOf.every((any) => any.some((aggregate) => aggregates.includes(aggregate))));
      }) &&
      chosen.every((one) =>
        (group.suffix === '' ? [one, root] : [one]).every(
          ({ aggregates }) => !group.notMemberOf.some((aggregate) => aggregates.includes(aggregate)),
        ),
      )
    );
  }

  function ancestry(provider: ProviderRecord): ProviderRecord[] {
    return provider.parentId === null ? [provider] : [provider, ...ancestry(byId.get(provider.parentId)!)];
  }
}

function fits(provider: ProviderRecord, resourceClass: string, amount: number): boolean {
  const inventory = provider.inventories[resourceClass];
  if (inventory === undefined) return false;
  const [total, reserved, minUnit, maxUnit, stepSize, ratio, used] = inventory;
  return amount >= minUnit && amount <= maxUnit && amount % stepSize === 0 && used + amount <= (total - reserved) * ratio;
}

const areDistinct = (items: readonly unknown[]): boolean => new Set(items).size === items.length;

function combinations<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>((all, list) => all.flatMap((one) => list.map((item) => [...one, item])), [[]]);
}

const shares = (provider: ProviderRecord): boolean => provider.traits.includes('MISC_SHARES_VIA_AGGREGATE');
