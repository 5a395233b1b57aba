import type { Aggregate } from '../../store/aggregates.ts';
import type { RequestSpec } from '../../domain/request-spec.ts';
import type { Settings } from '../../config/index.ts';

/** What a request asks of placement; each part can be left out to learn which of them nobody satisfies. */
export interface CandidatesRequest {
  readonly resources: Readonly<Record<string, number>>;
  readonly required: readonly string[];
  readonly rootRequired: readonly string[];
  /** One entry for each set of aggregates of which a provider must be in one. */
  readonly memberOf: readonly string[];
  readonly inTree: string | null;
  readonly limit: number | null;
}

/** The amounts a flavor takes (`spec/scheduling.md` §2): `resources:` extra specs replace the default of their class, 0 removes it. */
export function resourcesOf(spec: RequestSpec): Record<string, number> {
  const { flavor } = spec;
  const amounts: Record<string, number> = {
    VCPU: flavor.vcpus,
    MEMORY_MB: flavor.memoryMb,
    DISK_GB: flavor.ephemeralGb + Math.ceil(flavor.swapMb / 1024) + (spec.isBootedFromVolume ? 0 : flavor.rootGb),
  };
  for (const [key, value] of Object.entries(flavor.extraSpecs)) {
    const resource = /^resources:([A-Z0-9_]+)$/.exec(key)?.[1];
    if (resource !== undefined && /^\d+$/.test(value)) amounts[resource] = Number(value);
  }
  return Object.fromEntries(Object.entries(amounts).filter(([, amount]) => amount > 0));
}

function traitsOf(spec: RequestSpec): string[] {
  const flavor = Object.entries(spec.flavor.extraSpecs).flatMap(([key, value]) => {
    const trait = /^trait:([A-Z0-9_]+)$/.exec(key)?.[1];
    return trait === undefined ? [] : value === 'required' ? [trait] : value === 'forbidden' ? [`!${trait}`] : [];
  });
  const image = Object.entries(spec.image?.properties ?? {}).flatMap(([key, value]) => {
    const trait = /^trait:([A-Z0-9_]+)$/.exec(key)?.[1];
    return trait !== undefined && value === 'required' ? [trait] : [];
  });
  return [...new Set([...flavor, ...image])].toSorted();
}

/** Translates a request into what placement is asked, zone aggregates and pre-filters included. */
export function candidatesRequest(
  spec: RequestSpec,
  context: { readonly aggregates: readonly Aggregate[]; readonly inTree: string | null; readonly settings: Settings },
): CandidatesRequest {
  const zone = spec.availabilityZone;
  const ofZone =
    zone === null ? [] : context.aggregates.filter(({ metadata }) => metadata['availability_zone'] === zone).map(({ uuid }) => uuid);
  const unlimited =
    spec.groupId !== null || spec.schedulerHints['same_host'] !== undefined || spec.schedulerHints['different_host'] !== undefined;
  return {
    resources: resourcesOf(spec),
    required: traitsOf(spec),
    rootRequired: ['!COMPUTE_STATUS_DISABLED'],
    memberOf: ofZone.length === 0 ? [] : [`in:${ofZone.join(',')}`],
    inTree: context.inTree,
    limit: unlimited ? null : context.settings.scheduler.max_placement_results,
  };
}

/** The query string of `GET /allocation_candidates`: parameters in alphabetical order. */
export function candidatesQuery({ resources, required, rootRequired, memberOf, inTree, limit }: CandidatesRequest): string {
  const amounts = Object.entries(resources).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const parameters: [string, string][] = [
    ...(inTree === null ? [] : [['in_tree', inTree] as [string, string]]),
    ...(limit === null ? [] : [['limit', String(limit)] as [string, string]]),
    ...memberOf.map((value): [string, string] => ['member_of', value]),
    ...(required.length === 0 ? [] : [['required', required.join(',')] as [string, string]]),
    ['resources', amounts.map(([name, amount]) => `${name}:${amount}`).join(',')],
    ...(rootRequired.length === 0 ? [] : [['root_required', rootRequired.join(',')] as [string, string]]),
  ];
  return parameters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
}
