import type { Settings } from '../../config/index.ts';
import type { PciRequest } from '../../domain/pci/pci-request.ts';
import type { RequestSpec } from '../../domain/request-spec.ts';
import type { Aggregate } from '../../store/aggregates.ts';
import { hostConditions } from './prefilters/index.ts';
import { resourceRequest, type ResourceGroup } from './translate/resource-request.ts';

/** What a request asks of placement; each part can be left out to learn which of them nobody satisfies. */
export interface CandidatesRequest {
  readonly resources: Readonly<Record<string, number>>;
  /** Traits that providers must have, and with `!` those they must not. */
  readonly required: readonly string[];
  /** The same for the host's own provider. */
  readonly rootRequired: readonly string[];
  /** `in:` and the aggregates of which a provider must be in one, or `!in:` and those it must not be in. */
  readonly memberOf: readonly string[];
  readonly inTree: string | null;
  readonly limit: number | null;
  /** Groups with a suffix, each of which one provider must satisfy. */
  readonly groups?: readonly ResourceGroup[];
  readonly groupPolicy?: 'none' | 'isolate' | null;
  readonly sameSubtree?: readonly (readonly string[])[];
}

/** What is known when a request is translated. */
export interface TranslationContext {
  readonly aggregates: readonly Aggregate[];
  /** The node the request insists on. */
  readonly inTree: string | null;
  /** Set when it insists on a host that has several nodes: all candidates are needed then. */
  readonly isManyNodes?: boolean;
  readonly settings: Settings;
  /** PCI devices that placement counts. */
  readonly pci?: readonly PciRequest[];
  /** False asks for VCPU instead of PCPU (`resourceRequest`). */
  readonly pinning?: boolean;
}

/** Amounts a request takes of the providers of its host, whichever. */
export const resourcesOf = (spec: RequestSpec): Readonly<Record<string, number>> =>
  resourceRequest(spec, { pinning: true, pci: [] }).main.resources;

/** Hints that name other servers: candidates beyond any limit may be the ones near them. */
const unlimitedHints = ['group', 'same_host', 'different_host'];

/** Translates a request into what placement is asked, pre-filters included; a text says why no host can do. */
export function translate(spec: RequestSpec, context: TranslationContext): CandidatesRequest | string {
  const { main, others, groupPolicy, sameSubtree } = resourceRequest(spec, { pinning: context.pinning ?? true, pci: context.pci ?? [] });
  const requiredTraits = new Set([main, ...others].flatMap(({ required }) => required.filter((trait) => !trait.startsWith('!'))));
  const conditions = hostConditions({ spec, settings: context.settings, aggregates: context.aggregates, requiredTraits });
  if (typeof conditions === 'string') return conditions;
  const unlimited =
    spec.groupId !== null || unlimitedHints.some((hint) => spec.schedulerHints[hint] !== undefined) || context.isManyNodes === true;
  return {
    resources: main.resources,
    required: main.required,
    rootRequired: [...[...conditions.rootRequired].toSorted(), ...[...conditions.rootForbidden].toSorted().map((trait) => `!${trait}`)],
    memberOf: [
      ...conditions.memberOf.map((uuids) => `in:${uuids.join(',')}`),
      ...(conditions.notMemberOf.size === 0 ? [] : [`!in:${[...conditions.notMemberOf].toSorted().join(',')}`]),
    ],
    inTree: context.inTree,
    limit: unlimited ? null : context.settings.scheduler.max_placement_results,
    groups: others,
    groupPolicy,
    sameSubtree,
  };
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : a > b ? 1 : 0);

/** The query string of `GET /allocation_candidates`: parameters in alphabetical order. */
export function candidatesQuery(request: CandidatesRequest): string {
  const { resources, required, rootRequired, memberOf, inTree, limit, groups = [], groupPolicy = null, sameSubtree = [] } = request;
  const ofGroup = ({ suffix, resources: amounts, required: traits }: ResourceGroup): [string, string][] => {
    const text = Object.entries(amounts).toSorted(byName).map(([name, amount]) => `${name}:${amount}`).join(','); // prettier-ignore
    return [
      ...(text === '' ? [] : [[`resources${suffix}`, text] as [string, string]]),
      ...(traits.length === 0 ? [] : [[`required${suffix}`, traits.join(',')] as [string, string]]),
    ];
  };
  const parameters: [string, string][] = [
    ...(groupPolicy === null ? [] : [['group_policy', groupPolicy] as [string, string]]),
    ...(inTree === null ? [] : [['in_tree', inTree] as [string, string]]),
    ...(limit === null ? [] : [['limit', String(limit)] as [string, string]]),
    ...memberOf.map((value): [string, string] => ['member_of', value]),
    ...ofGroup({ suffix: '', resources, required }),
    ...groups.flatMap(ofGroup),
    ...(rootRequired.length === 0 ? [] : [['root_required', rootRequired.join(',')] as [string, string]]),
    ...sameSubtree.map((suffixes): [string, string] => ['same_subtree', suffixes.join(',')]),
  ];
  return parameters
    .toSorted((a, b) => byName(a, b) || (a[0] === 'member_of' ? (a[1] < b[1] ? -1 : 1) : 0))
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
}
