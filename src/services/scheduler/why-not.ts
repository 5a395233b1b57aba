import type { HostVerdict } from '../../domain/decision.ts';
import { amountInWords } from '../../domain/decision.ts';
import type { CandidateRequest, RequestGroup } from '../../domain/placement/candidate-request.ts';
import { findCandidates } from '../../domain/placement/find-candidates.ts';
import type { ProviderView } from '../../domain/placement/provider-view.ts';

/** What placement has against a host. */
export type Objection = Pick<HostVerdict, 'constraint' | 'because' | 'shortfall'>;

const objection = (constraint: string, because: string, shortfall: number | null = null): Objection => ({ constraint, because, shortfall });

/** Words for being outside the aggregates of a list, or inside forbidden ones; null where there are none better than general ones. */
export type AggregateWords = (aggregates: readonly string[]) => { readonly constraint: string; readonly because: string } | null;

/**
 * Why placement does not offer a host for a request: the first thing that is wrong, in the order in which an operator would ask. Null when it does
 * offer it.
 */
export function whyNot(view: ProviderView, request: CandidateRequest, node: string, inAggregates: AggregateWords): Objection | null {
  const root = view.slotOf(node);
  if (root === undefined || view.rootOf(root) !== root) return objection('unknown to placement', 'has no resource provider yet');
  const providers = [...view.treeOf(root), ...view.sharingWith(root)];
  return (
    againstTarget(view, request, root) ??
    againstRoot(view, request, root) ??
    againstAggregates(view, request, root, inAggregates) ??
    againstTraits(view, request, providers) ??
    againstResources(view, request, providers) ??
    againstTogether(view, request, root)
  );
}

function againstTarget(view: ProviderView, { groups }: CandidateRequest, root: number): Objection | null {
  const target = groups.find(({ inTree }) => inTree !== null)?.inTree ?? null;
  const slot = target === null ? undefined : view.slotOf(target);
  return target === null || (slot !== undefined && view.rootOf(slot) === root)
    ? null
    : objection('not the host that is asked for', 'is not the host that is asked for');
}

function againstRoot(view: ProviderView, { rootRequired, rootForbidden }: CandidateRequest, root: number): Objection | null {
  const forbidden = rootForbidden.find((trait) => view.withTrait(trait)?.has(root) === true);
  if (forbidden === 'COMPUTE_STATUS_DISABLED') return objection('disabled', 'is disabled');
  if (forbidden !== undefined) return objection(`of a kind that is excluded (${forbidden})`, `has the trait ${forbidden}`);
  const missing = rootRequired.filter((trait) => view.withTrait(trait)?.has(root) !== true);
  return missing.length === 0 ? null : lackingTraits(missing);
}

const lackingTraits = (traits: readonly string[]): Objection => {
  const words = `the trait${traits.length === 1 ? '' : 's'} ${traits.join(', ')}`;
  return objection(`without ${words}`, `lacks ${words}`);
};

function againstAggregates(view: ProviderView, { groups }: CandidateRequest, root: number, inAggregates: AggregateWords): Objection | null {
  for (const { suffix, memberOf, notMemberOf } of groups) {
    if (suffix !== '') continue;
    const isIn = (aggregate: string): boolean => view.treeOf(root).some((slot) => view.inAggregate(aggregate)?.has(slot) === true);
    const outside = memberOf.find((any) => !any.some(isIn));
    if (outside !== undefined) {
      const words = inAggregates(outside);
      return objection(
        words?.constraint ?? 'outside the aggregates that are asked for',
        words?.because ?? 'is in none of the aggregates asked for',
      );
    }
    if (notMemberOf.some(isIn)) return objection('kept for other requests', 'is in an aggregate that only other requests may use');
  }
  return null;
}

function againstTraits(view: ProviderView, { groups }: CandidateRequest, providers: readonly number[]): Objection | null {
  const missing = groups.flatMap(({ required }) =>
    required.filter((any) => !any.some((trait) => providers.some((slot) => view.withTrait(trait)?.has(slot) === true))),
  );
  if (missing.length > 0) return lackingTraits(missing.map((any) => any.join(' or ')));
  const forbidden = groups.flatMap((group) =>
    group.forbidden.filter((trait) => providers.length > 0 && providers.every((slot) => view.withTrait(trait)?.has(slot) === true)),
  );
  return forbidden.length === 0
    ? null
    : objection(`of a kind that is excluded (${forbidden.join(', ')})`, `has the trait ${forbidden.join(', ')}`);
}

/** What no single provider of the host has enough of, each group by itself. */
function againstResources(view: ProviderView, { groups }: CandidateRequest, providers: readonly number[]): Objection | null {
  const lacking = groups.flatMap((group) => lacksOf(view, group, providers));
  if (lacking.length === 0) return null;
  const and = (parts: readonly string[]): string => [...new Set(parts)].join(' and ');
  return objection(
    `without ${and(lacking.map(({ name, asked }) => amountInWords(name, asked)))}`,
    `lacks ${and(lacking.map(({ name, missing }) => amountInWords(name, missing)))}`,
    lacking.reduce((sum, { asked, missing }) => sum + missing / asked, 0),
  );
}

function lacksOf(view: ProviderView, { resources }: RequestGroup, providers: readonly number[]) {
  return [...resources].flatMap(([name, asked]) => {
    const column = view.column(name);
    const free = providers.map((slot) =>
      column === undefined || (column.maxUnit[slot] ?? 0) === 0
        ? 0
        : Math.min(column.maxUnit[slot]!, Math.floor(column.capacity[slot]! - column.used[slot]!)),
    );
    const missing = asked - Math.max(0, ...free);
    return missing > 0 ? [{ name, asked, missing }] : [];
  });
}

/** Each part is there, but not together. */
function againstTogether(view: ProviderView, request: CandidateRequest, root: number): Objection | null {
  const { uuid } = view.at(root);
  const here = { ...request, limit: 1, groups: request.groups.map((group) => (group.suffix === '' ? { ...group, inTree: uuid } : group)) };
  const anchored = here.groups.some(({ suffix }) => suffix === '')
    ? here
    : { ...here, groups: here.groups.map((group) => ({ ...group, inTree: uuid })) };
  return findCandidates(view, anchored).candidates.length > 0
    ? null
    : objection('unable to hold it all together', 'has each part of it, but not together');
}
