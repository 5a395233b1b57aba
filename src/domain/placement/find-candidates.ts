import type { ProviderView } from './provider-view.ts';
import type { CandidateRequest } from './candidate-request.ts';
import { compileRequest, type CompiledGroup, type CompiledRequest, type Demand } from './compile-request.ts';

/** What was found: each candidate gives every demand of the request the slot of a provider. */
export interface FoundCandidates {
  readonly demands: readonly Demand[];
  readonly candidates: readonly (readonly number[])[];
  /** Whether the search ended at one of its bounds: there may be more. */
  readonly cut: boolean;
}

/** What one request may cost at most, so that none keeps all others waiting: far more than a request in earnest comes to. */
const bounds = { candidates: 100_000, stepsInTree: 100_000, steps: 1_000_000, spreadsInTree: 10_000 } as const;

/** How much of the bounds is left. */
interface Effort {
  inTree: number;
  inAll: number;
  cut: boolean;
}

/** Takes one step; false when the tree has had its share. */
function step(effort: Effort): boolean {
  effort.inAll--;
  effort.inTree--;
  if (effort.inTree >= 0 && effort.inAll >= 0) return true;
  effort.cut = true;
  return false;
}

/**
 * All ways to satisfy a request, tree by tree, up to its limit and the bounds above. A tree offers its own providers and those that share with it; every candidate of
 * several providers is anchored in one tree. Trees come in the order in which they came to be known, or in one that `seed` draws: then a limited answer
 * names other hosts each time.
 */
export function findCandidates(view: ProviderView, request: CandidateRequest, seed?: number): FoundCandidates {
  const compiled = compileRequest(view, request);
  if (compiled === null) return { demands: [], candidates: [], cut: false };
  const limit = Math.min(request.limit ?? Infinity, bounds.candidates);
  const effort: Effort = { inTree: 0, inAll: bounds.steps, cut: false };
  const found: (readonly number[])[] = [];
  const seenShared = new Set<string>();
  const keep = (choice: readonly number[]): boolean => {
    if (!request.nested && takesTwoOfOneTree(view, choice)) return true;
    // a candidate of sharing providers alone comes up in every tree they share with
    if (compiled.sharing && choice.every((slot) => view.isSharing(slot))) {
      const key = choice.join();
      if (seenShared.has(key)) return true;
      seenShared.add(key);
    }
    found.push(choice);
    return found.length < limit;
  };
  for (const root of seed === undefined ? view.roots : shuffled(view.roots, seed)) {
    if (!compiled.anchors(root)) continue;
    effort.inTree = bounds.stepsInTree;
    if (!searchTree(view, compiled, root, effort, keep) || effort.inAll < 0) break;
  }
  const cut = effort.cut || (found.length === bounds.candidates && limit === bounds.candidates);
  return { demands: compiled.demands, candidates: found, cut };
}

/** The same in another order, drawn by a small generator (mulberry32): a request's answer can be had again from its seed. */
function shuffled(slots: readonly number[], seed: number): readonly number[] {
  const order = [...slots];
  let state = seed | 0;
  for (let left = order.length; left > 1;) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const at = (((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * left--;
    const drawn = Math.floor(at);
    [order[left], order[drawn]] = [order[drawn]!, order[left]!];
  }
  return order;
}

/** Hands every candidate anchored in this tree to `keep` until that answers false; answers whether to go on. */
function searchTree(
  view: ProviderView,
  request: CompiledRequest,
  root: number,
  effort: Effort,
  keep: (choice: readonly number[]) => boolean,
): boolean {
  const shared = view.sharingWith(root);
  const tree = view.treeOf(root);
  const providers = shared.length === 0 ? tree : [...tree, ...shared];
  const offers: (readonly (readonly number[])[])[] = [];
  for (const group of request.groups) {
    const offer = group.single ? singleOffers(group, providers) : spreadOffers(group, providers, root, effort);
    if (offer.length === 0) return true;
    offers.push(offer);
  }
  if (offers.length === 1)
    return request.sameSubtrees.length === 0
      ? offers[0]!.every(keep)
      : offers[0]!.every((choice) => !request.allows(choice) || keep(choice));

  const choice: number[] = [];
  const choose = (at: number): boolean => {
    if (at === offers.length) return !request.allows(choice) || keep([...choice]);
    for (const offer of offers[at]!) {
      if (!step(effort)) return true;
      const length = choice.length;
      choice.push(...offer);
      const goOn = !request.fitsSoFar(choice) || choose(at + 1);
      choice.length = length;
      if (!goOn) return false;
    }
    return true;
  };
  return choose(0);
}

/** The providers that satisfy a whole group each: one slot for each of its demands. */
function singleOffers(group: CompiledGroup, providers: readonly number[]): readonly (readonly number[])[] {
  const offers: (readonly number[])[] = [];
  for (const slot of providers) {
    if (group.admits(slot) && group.demands.every(({ column, amount }) => column === null || column.fits(slot, amount)))
      offers.push(group.demands.map(() => slot));
  }
  return offers;
}

/** The ways to spread a group over a tree: for each demand the slot of one provider, together having all required traits. */
function spreadOffers(group: CompiledGroup, providers: readonly number[], root: number, effort: Effort): readonly (readonly number[])[] {
  const choices = group.demands.map(({ column, amount }) =>
    providers.filter((slot) => column!.fits(slot, amount) && group.admitsIn(slot, root)),
  );
  if (choices.some((slots) => slots.length === 0)) return [];
  const offers: (readonly number[])[] = [];
  const offer: number[] = [];
  const spread = (at: number): boolean => {
    if (at === choices.length) {
      if (group.required.every((having) => offer.some((slot) => having.has(slot)))) offers.push([...offer]);
      if (offers.length < bounds.spreadsInTree) return true;
      effort.cut = true;
      return false;
    }
    for (const slot of choices[at]!) {
      if (choices[at]!.length > 1 && !step(effort)) return false;
      offer[at] = slot;
      if (!spread(at + 1)) return false;
    }
    return true;
  };
  spread(0);
  return offers;
}

function takesTwoOfOneTree(view: ProviderView, choice: readonly number[]): boolean {
  const slots = new Set(choice);
  return slots.size > 1 && new Set([...slots].map((slot) => view.rootOf(slot))).size < slots.size;
}
